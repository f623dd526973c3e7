"""The gate of the verify stage: a file that is too far from the net fails it and leaves nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.dataset import Dataset, Image
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.exporting.ledger import Row
from pocketdet.exporting.parity import Agreement
from pocketdet.exporting.verify import Outcome
from pocketdet.preprocess import Preprocessing
from tasks import verify as task

REPOSITORY = Path(__file__).resolve().parents[2]
AGREEMENT = Agreement(4, 0.1, 0.01, 10, 0, 0, 0.95, 0.99, 0.01)


def stage(folder: Path, monkeypatch: pytest.MonkeyPatch, drop: float) -> Path:
    """Run the stage's command with a ledger made up; its output folder."""
    row = Row("int8", "int8.tflite", "LiteRT", "ok", 2.5, AGREEMENT, 50.0, drop, 2.0)
    rows = [row, *(Row(n, n, "LiteRT", "not run: absent", 1.0) for n in ("fp32", "fp16", "onnx"))]
    picture = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    outcome = Outcome(rows, 50.0 + drop, {"a.png": picture}, {}, {})
    monkeypatch.setattr(task, "run_all", lambda *arguments: outcome)
    vectors = {"golden/golden.json": b"{}"}
    monkeypatch.setattr(task.golden, "record", lambda *arguments: vectors)
    monkeypatch.setattr(task.KerasRuntime, "load", lambda design, trained: None)
    spec = NetSpec("b", 1.0, "none", 8, 0, (32, 32), ("person",), (Level(8, ((4.0, 4.0),)),))
    rule, point = Preprocessing(spec.input_wh, "stretch"), OperatingPoint(0.5, 0.5, 10)
    contract = Contract(spec, rule, point, (), coding_of(spec))
    monkeypatch.setattr(Contract, "load", lambda path: contract)
    PIL.new("RGB", (32, 32)).save(folder / "a.png")
    (folder / "dataset").mkdir()
    Dataset(spec.classes, (Image("a.png", (32, 32)),)).save(folder / "dataset/dataset.json")
    (folder / "remedies.json").write_text('{"tried": [{"remedy": "none", "ap_drop": 0.4}]}')
    (folder / "test.txt").write_text("a.png\n")
    (folder / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    monkeypatch.chdir(folder)
    paths = {"raw": ".", "dataset": "dataset", "subsets": ".", "design": ".", "trained": ".",
             "converted": ".", "report": "report"}  # fmt: skip
    words = [word for name, path in paths.items() for word in (f"--{name}", path)]
    monkeypatch.setattr(sys, "argv", ["verify", *words])
    task.verify()
    return folder / "report"


def test_a_good_ledger_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = stage(tmp_path, monkeypatch, drop=1.9)
    assert sorted(path.name for path in report.iterdir()) == [
        "golden",
        "ledger.csv",
        "ledger.json",
        "pictures",
    ]
    assert "not run: absent" in (report / "ledger.csv").read_text()


def test_a_drop_beyond_the_limit_fails_and_shows_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        stage(tmp_path, monkeypatch, drop=2.5)
    assert stop.value.code == 1
    shown = capsys.readouterr()
    assert "ap_drop_max" in shown.out, "the outputs are discarded, so the log must hold the ledger"
    assert "int8: AP drop 2.50 points, at most 2 allowed" in shown.err
    assert not (tmp_path / "report").exists()
