import csv
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices import measured
from pocketdet.devices.measured import Measurement, Times
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.contract import Contract, Variant, coding_of
from pocketdet.exporting.flatbuffer import FlatTensor, Graph, Operation
from pocketdet.preprocess import Preprocessing
from pocketdet.profiling import host as profiling
from pocketdet.profiling.host import FileProfile, Latency
from tasks.profile import profile

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
NET = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person",), (Level(8, ()),), "anchor_free")
FILES = {"fp32": "LiteRT", "int8": "LiteRT", "coreml": "Core ML", "onnx": "ONNX Runtime"}
FOUND = FileProfile(1.5, 20.0, 1.2, 0.3, Latency(2.0, 3.0, 4.0), 9.0, 70.0, 25.0)


def tensor(size: int, constant: bool = False) -> FlatTensor:
    return FlatTensor("cells", (1, 1, 1, size), "int8", size if constant else 0, 0.0, 0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A converted net whose files are never opened; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    command = "profile --converted converted --measured measured.json --report report"
    monkeypatch.setattr(sys, "argv", command.split())
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    (tmp_path / "converted").mkdir()
    (tmp_path / "measured.json").write_text("[]")
    save(tmp_path, FILES)
    graph = Graph(
        (Operation("RELU", (0,), (1,)), Operation("CONV_2D", (1, 3), (2,))),
        (tensor(4), tensor(4), tensor(2), tensor(8, constant=True)),
        {"image": 0},
        {"out": 2},
    )
    monkeypatch.setattr(profiling, "profile", lambda *_: FOUND)
    monkeypatch.setattr(profiling, "around", lambda *_: (Latency(1, 1, 1), Latency(5, 6, 7)))
    monkeypatch.setattr(flatbuffer, "read", lambda path: {"int8.tflite": graph}[path.name])
    return tmp_path


def save(project: Path, files: dict[str, str]) -> None:
    variants = (Variant(n, f"{n}.tflite", runs, (), (), "app") for n, runs in files.items())
    rule, point = Preprocessing(NET.input_wh, "stretch"), OperatingPoint(0.3, 0.6, 20)
    contract = Contract(NET, rule, point, tuple(variants), coding_of(NET))
    contract.save(project / "converted/contract.json")


def test_litert_files_are_measured_and_the_layers_of_int8_listed(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    profile()
    written = json.loads((project / "report/profile.json").read_text())
    assert list(written["files"]) == ["fp32", "int8"]
    assert written["files"]["int8"]["host_net"] == {"p50_ms": 2.0, "p90_ms": 3.0, "p99_ms": 4.0}
    assert written["host_post"]["p50_ms"] == 5
    with (project / "report/layers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["kind"], row["shape"]) for row in rows] == [
        ("CONV_2D", "1x1x1x2"), ("RELU", "1x1x1x4"),
    ]  # fmt: skip
    assert "int8: 1.50 MB, 20.0 MMAC" in capsys.readouterr().out


def test_what_devices_took_for_this_net_is_passed_on(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = Times("Redmi Note 7, Android 10", "cpu", 55.0, 53.1, 60.7, 1.6, 50, 18.8, None)
    for net in (NET, replace(NET, width=1.4)):
        row = Measurement("redmi_note_7", "int8", "ab", net, times)
        measured.add(project / "measured.json", row)
    profile()
    (row,) = json.loads((project / "report/profile.json").read_text())["measured"]
    assert (row["card"], row["variant"], row["mean_ms"]) == ("redmi_note_7", "int8", 55.0)
    assert "int8 on Redmi Note 7, Android 10, cpu: 55.00 ms" in capsys.readouterr().out


def test_without_an_int8_file_nothing_is_written(project: Path, capsys: pytest.CaptureFixture[str]):
    save(project, {"fp32": "LiteRT"})
    with pytest.raises(SystemExit):
        profile()
    assert "no variant 'int8' in this contract; it has fp32" in capsys.readouterr().err
    assert not (project / "report").exists()
