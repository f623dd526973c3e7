import csv
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.spec import NetSpec
from pocketdet.devices import measured
from pocketdet.devices.measured import Measurement, Times
from pocketdet.preprocess import Preprocessing
from tasks import design

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
COMMAND = (
    "design --dataset dataset --subsets subsets --measured measured.json --design models/design "
    "--report reports/design"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project up to the split stage, with a small net; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", COMMAND.split())
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    alone = {"inputs_wh": [], "backbones": []}
    change(input_wh=[96, 64], backbone="mobilenet_v2", width=0.35, neck_channels=16)
    change(candidates=alone)
    boxes = tuple(Box("person", (0.0, 0.0, 9.0 + i, 20.0 + 2 * i)) for i in range(20))
    images = (Image("a.jpg", (200, 200), boxes), Image("b.jpg", (200, 200), boxes[:3]))
    for name in ("dataset", "subsets"):
        (tmp_path / name).mkdir()
    Dataset(("person", "bicycle"), images).save(tmp_path / "dataset/dataset.json")
    (tmp_path / "subsets/train.txt").write_text("a.jpg\n")
    (tmp_path / "measured.json").write_text("[]")
    return tmp_path


def change(**values: object) -> None:
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text())
    params["design"].update(values)
    path.write_text(yaml.safe_dump(params))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in ("models", "reports")
        for path in (folder / name).rglob("*.*")
        if path.is_file()
    }


def test_writes_the_net_and_its_costs_the_same_twice(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    design.design()
    assert "WITHIN BUDGET" in capsys.readouterr().out
    first = contents(project)
    assert set(first) == {
        "models/design/net.json",
        "models/design/preprocessing.json",
        "reports/design/candidates.csv",
        "reports/design/costs.csv",
        "reports/design/costs.png",
        "reports/design/design.json",
    }
    design.design()
    assert contents(project) == first

    spec = NetSpec.load(project / "models/design/net.json")
    assert spec.classes == ("person", "bicycle")
    assert Preprocessing.load(project / "models/design/preprocessing.json").input_wh == (96, 64)
    summary = json.loads(first["reports/design/design.json"])
    assert summary["verdict"] == "within budget"
    assert summary["anchors"]["boxes"] == 20
    assert summary["anchors"]["recall_by_iou"] == {}  # a net without anchors
    rows = list(csv.DictReader(first["reports/design/costs.csv"].decode().splitlines()))
    assert sum(int(row["macs"]) for row in rows) == round(summary["totals"]["mmac"] * 1e6)


def test_with_anchors_it_says_how_many_boxes_they_meet(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    change(head="ssdlite")
    design.design()
    assert "100.0% of 20 training boxes meet an anchor at IoU 0.5" in capsys.readouterr().out
    summary = json.loads((project / "reports/design/design.json").read_text())
    assert summary["anchors"]["recall_by_iou"]["0.5"] == 1


def test_over_budget_is_said_loudly_and_is_no_failure(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    change(budget={"model_mb": 4.0, "mmac": 0.5, "peak_mb": 2.0, "latency_ms": 100.0})
    design.design()
    printed = capsys.readouterr().out
    assert "mmac" in next(line for line in printed.splitlines() if "<-- OVER BUDGET" in line)
    assert printed.splitlines()[-1].startswith("OVER BUDGET")
    summary = json.loads((project / "reports/design/design.json").read_text())
    assert summary["verdict"] == "over budget"
    assert [line["name"] for line in summary["budget"] if not line["within"]] == ["mmac"]


def test_a_net_that_was_timed_is_held_to_that(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(device="redmi_note_7")
    design.design()
    estimated = json.loads((project / "reports/design/design.json").read_text())["latency"]
    assert estimated["basis"] == "estimated"
    spec = NetSpec.load(project / "models/design/net.json")
    times = Times("Redmi Note 7, Android 10", "cpu", 2 * estimated["ms"], 1, 9, 0.1, 50, 1, None)
    for card, factor in (("redmi_note_7", 1), ("pixel_2", 7)):
        slower = replace(times, mean_ms=factor * times.mean_ms)
        row = Measurement(card, "int8", "ab", spec, slower)
        measured.add(project / "measured.json", row)
    before = contents(project)
    design.design()
    summary = json.loads((project / "reports/design/design.json").read_text())
    assert summary["latency"]["ms"] == times.mean_ms
    assert "int8 on Redmi Note 7" in summary["latency"]["basis"]
    assert summary["latency"]["estimated_ms"] == pytest.approx(times.mean_ms)
    factor = summary["card"]["time_factor"]
    assert factor["value"] == pytest.approx(2 * 0.95, rel=1e-3)
    assert "1 net(s)" in factor["source"]
    assert "measured (int8 on Redmi Note 7, Android 10, cpu, 50 runs)" in capsys.readouterr().out
    after = contents(project)
    assert {name for name in after if name.startswith("models/")} <= {
        name for name, data in after.items() if data == before[name]
    }, "nothing is trained again"

    change(neck_channels=24)  # another net: estimated, by the card as it is corrected now
    design.design()
    other = json.loads((project / "reports/design/design.json").read_text())
    assert other["latency"]["basis"] == "estimated"
    assert other["card"]["time_factor"] == factor


def test_candidates_are_ranked_and_leave_the_net_as_it_is(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def widths() -> list[str]:
        design.design()
        with (project / "reports/design/candidates.csv").open() as file:
            return [row["width"] for row in csv.DictReader(file)]

    beside = {"inputs_wh": [], "backbones": [["mobilenet_v2", 0.5, "none"]]}
    change(device="redmi_note_7", candidates=beside)
    assert widths() == ["0.5", "0.35"]
    assert "number 2 of 2 candidates: mobilenet_v2, width 0.35" in capsys.readouterr().out
    before = contents(project)

    change(candidates=beside | {"inputs_wh": [[96, 64]]})  # its own, no other
    spec = NetSpec.load(project / "models/design/net.json")
    times = Times("Redmi Note 7, Android 10", "all", 1e3, 900, 2e3, 0.1, 50, 1, None)
    row = Measurement("redmi_note_7", "int8", "ab", replace(spec, width=0.5), times)
    measured.add(project / "measured.json", row)
    assert widths() == ["0.35", "0.5"], "what a phone took counts"
    after = contents(project)
    assert all(after[name] == before[name] for name in after if name.startswith("models/"))
    summary = json.loads((project / "reports/design/design.json").read_text())
    assert (summary["ranking"]["rank"], summary["ranking"]["of"]) == (1, 2)


def test_unknown_device_is_a_params_error(project: Path, capsys: pytest.CaptureFixture[str]):
    change(device="nokia")
    with pytest.raises(SystemExit) as exit_:
        design.design()
    assert exit_.value.code == 2
    assert "'nokia' is none of" in capsys.readouterr().err
    assert not (project / "models/design").exists()
