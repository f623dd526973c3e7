"""A report made up from the keys that two programs read in Xcode 16's reports of real devices.

They are github.com's analyze_coreml_ops.py (of an M-series Mac) and ch11_3_apple.py (of an iPhone
16, iOS 26.3.1); the values are invented.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pocketdet import cli
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices import iphone, measured
from pocketdet.devices.measured import MeasurementError
from pocketdet.exporting.contract import Contract, Variant, coding_of
from pocketdet.preprocess import Preprocessing

NET = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person",), (Level(8, ()),), "anchor_free")


def report() -> dict[str, Any]:
    return {
        "modelMetadata": {"fileName": "detector", "size": 4920512},
        "deviceInfo": {
            "modelName": "iPhone 16",
            "osNameAndVersionWithoutBuildNumber": "iOS 26.3.1",
            "displayName": "someone's phone",
        },
        "computeUnit": 3,
        "deviceResults": {
            "compile": {"samples": [0.1]},
            "load": {"samples": [0.02, 0.03, 0.4]},
            "predict": {"samples": [0.002, 0.003, 0.004], "numOperations": 120},
            "modelStructure": {"program": {"_0": {"functions": {}}}},
        },
    }


def save(folder: Path, value: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(value))
    return folder


def test_the_runs_of_a_report_in_ms(tmp_path: Path) -> None:
    found = iphone.read(save(tmp_path / "detector.mlperf", report()), "detector")
    assert found.device == "iPhone 16, iOS 26.3.1", "and not the owner's name of it"
    assert found.unit == "cpu_and_neural_engine"
    assert (found.mean_ms, found.min_ms, found.max_ms) == pytest.approx((3, 2, 4))
    assert (found.runs, found.start_ms, found.memory_mb) == (3, 30, None)
    assert iphone.read(tmp_path / "detector.mlperf/report.json", "detector") == found


def test_without_a_load_there_is_no_start(tmp_path: Path) -> None:
    value = report()
    del value["deviceResults"]["load"]
    assert iphone.read(save(tmp_path / "a", value), "detector").start_ms is None


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ("modelMetadata", {"fileName": "other"}, "is of 'other', expected 'detector'"),
        ("computeUnit", 4, "computeUnit"),
        ("deviceInfo", {"modelName": "iPhone 16"}, "osNameAndVersionWithoutBuildNumber"),
        ("deviceResults", {"predict": {"samples": []}}, "deviceResults.predict.samples"),
        ("deviceResults", {"predict": {"samples": ["quick"]}}, "predict.samples.0"),
        ("deviceResults", {"predict": {"samples": [0.1, -0.1]}}, "predict.samples.1"),
        ("deviceResults", {"predict": {"samples": [float("nan")]}}, "predict.samples.0"),
    ],
)
def test_what_is_no_report_of_this_file_is_named(
    tmp_path: Path, place: str, value: object, complaint: str
) -> None:
    with pytest.raises(MeasurementError, match=complaint):
        iphone.read(save(tmp_path / "a", {**report(), place: value}), "detector")


def test_a_missing_or_broken_report(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"report\.json: not found"):
        iphone.read(tmp_path, "detector")
    (tmp_path / "report.json").write_text("[")
    with pytest.raises(MeasurementError, match="not a performance report"):
        iphone.read(tmp_path, "detector")


def test_the_command_files_a_report_under_the_card(tmp_path: Path) -> None:
    variants = (Variant("coreml", "detector.mlpackage", "Core ML", (), (), "file"),)
    rule, point = Preprocessing(NET.input_wh, "stretch"), OperatingPoint(0.3, 0.6, 20)
    Contract(NET, rule, point, variants, coding_of(NET)).save(tmp_path / "contract.json")
    (tmp_path / "detector.mlpackage").mkdir()
    (tmp_path / "detector.mlpackage/Manifest.json").write_text("{}")
    words = ["profile", str(tmp_path / "detector.mlpackage"), "--device", "iphone_13"]
    words += ["--xcode", str(save(tmp_path / "detector.mlperf", report()))]
    done = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path / "measured.json")])
    assert done.exit_code == 0, done.output
    assert "coreml on iPhone 16, iOS 26.3.1, cpu_and_neural_engine: 3.00 ms" in done.output
    (row,) = measured.read(tmp_path / "measured.json")
    assert (row.card, row.variant, row.net) == ("iphone_13", "coreml", NET)
