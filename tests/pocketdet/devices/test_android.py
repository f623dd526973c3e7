"""A phone made up: a program named adb that replays what benchmark_model really printed."""

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pocketdet import cli
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices import android, measured
from pocketdet.devices.measured import MeasurementError
from pocketdet.exporting.contract import Contract, Variant, coding_of
from pocketdet.preprocess import Preprocessing

REPOSITORY = Path(__file__).resolve().parents[3]
NET = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person",), (Level(8, ()),), "anchor_free")

# Printed on a Raspberry Pi, shown in github.com/google/XNNPACK/issues/999.
REAL = """STARTING!
Log parameter values verbosely: [0]
Num threads: [4]
Graph: [yolo_best_recall_int8_static.tflite]
#threads used for CPU inference: [4]
Loaded model yolo_best_recall_int8_static.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
The input model file size (MB): 3.67827
Initialized session in 18.777ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=9 first=64791 curr=56295 min=54873 max=65831 avg=57758.2 std=4065

Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=50 first=58154 curr=53809 min=53077 max=60727 avg=55043.2 std=1562

Inference timings in us: Init: 18777, First inference: 64791, Warmup (avg): 57758.2, Inference (avg): 55043.2
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the model at runtime. Take the information at your discretion.
Memory footprint delta from the start of the tool (MB): init=8.97656 overall=18.7227
"""  # noqa: E501
# Of github.com/TrystAI/restorers/issues/4: a slow net, in scientific notation.
SLOW = """count=1 first=28950882 curr=28950882 min=28950882 max=28950882 avg=2.89509e+07 std=0
count=50 first=29 curr=30 min=29000000 max=31000000 avg=3.02496e+07 std=9
Inference timings in us: Init: 58937, First inference: 28950882, Warmup (avg): 2.89509e+07, Inference (avg): 3.02496e+07
"""  # noqa: E501
# Of a Snapdragon's GPU, as github.com keeps it in several projects' logs.
ON_GPU = """INFO: Created TensorFlow Lite delegate for GPU.
INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.
INFO: count=5 first=125113 curr=112537 min=111758 max=125113 avg=115344 std=4959 p5=111758 median=112912 p95=125113
INFO: count=50 first=35688 curr=33419 min=30394 max=42335 avg=35134.9 std=1733
INFO: Inference timings in us: Init: 842225, First inference: 115098, Warmup (avg): 40199.8, Inference (avg): 35134.9
"""  # noqa: E501
ADB = """#!{python}
import sys, pathlib
arguments = sys.argv[1:]
log = pathlib.Path({log!r})
log.write_text(log.read_text() + " ".join(arguments) + "\\n" if log.exists() else " ".join(arguments) + "\\n")
if arguments[1:] == ["getprop", "ro.product.model"]:
    print("Redmi Note 7")
elif arguments[1:] == ["getprop", "ro.build.version.release"]:
    print("10")
elif "--graph" in " ".join(arguments):
    sys.stderr.write({text!r})
"""  # noqa: E501


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "int8.tflite", tmp_path / "benchmark_model"
    for path in paths:
        path.write_bytes(path.name.encode())
    return paths


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Path:
    """Put the made-up adb first in the path; the file that it writes its arguments to."""
    log, program = tmp_path / "adb.log", tmp_path / "bin/adb"
    program.parent.mkdir()
    program.write_text(ADB.format(python=sys.executable, log=str(log), text=text))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return log


def test_a_file_is_pushed_timed_and_removed(files, tmp_path, monkeypatch) -> None:
    log = install(tmp_path, monkeypatch, REAL)
    found = android.measure(*files, runs=50)
    assert found.device == "Redmi Note 7, Android 10"
    assert (found.mean_ms, found.min_ms, found.max_ms) == (55.0432, 53.077, 60.727)
    assert (found.runs, found.std_ms) == (50, 1.562), "of the second line; the first is warm-up"
    assert (found.start_ms, found.memory_mb) == (18.777, 18.7227)
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines[2:4]] == ["push", "push"]
    assert "--num_threads=1 --num_runs=50 --use_gpu=false" in lines[5]
    assert lines[6].startswith("shell rm -f /data/local/tmp/pocketdet_int8.tflite")


def test_times_in_scientific_notation_and_without_memory() -> None:
    found = android.parse(SLOW, "a phone", "cpu")
    assert found.mean_ms == pytest.approx(30249.6)
    assert found.memory_mb is None


def test_the_command_files_it_under_the_card(files, tmp_path, monkeypatch) -> None:
    install(tmp_path, monkeypatch, REAL)
    variants = (Variant("int8", "int8.tflite", "LiteRT", (), (), "app"),)
    rule, point = Preprocessing(NET.input_wh, "stretch"), OperatingPoint(0.3, 0.6, 20)
    Contract(NET, rule, point, variants, coding_of(NET)).save(tmp_path / "contract.json")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    words = ["profile", "int8.tflite", "--device", "redmi_note_7"]
    done = CliRunner().invoke(cli.app, [*words, "--adb", "benchmark_model"])
    assert done.exit_code == 0, done.output
    assert "55.04 ms (53.08 to 60.73)" in done.output
    (row,) = measured.read(tmp_path / "measured.json")
    assert (row.card, row.variant, row.net, row.times.runs) == ("redmi_note_7", "int8", NET, 50)
    assert CliRunner().invoke(cli.app, words).exit_code == 2, "neither --adb nor --xcode"


def test_an_answer_without_timings_is_an_error_with_its_last_words(
    files, tmp_path, monkeypatch
) -> None:
    log = install(tmp_path, monkeypatch, "ERROR: Failed to load the model\n")
    with pytest.raises(MeasurementError, match="Failed to load the model"):
        android.measure(*files, runs=5)
    assert "rm -f" in log.read_text().splitlines()[-1], "nothing is left on the phone"


def test_no_adb_and_no_file_say_what_to_do(files, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MeasurementError, match="platform tools"):
        android.measure(*files, runs=5)
    with pytest.raises(MeasurementError, match="none: not found"):
        android.measure(files[0], tmp_path / "none", runs=5)


def test_on_the_gpu_only_what_it_took_as_a_whole_counts(files, tmp_path, monkeypatch) -> None:
    log = install(tmp_path, monkeypatch, ON_GPU)
    found = android.measure(*files, runs=50, unit="gpu")
    assert (found.unit, found.mean_ms, found.max_ms) == ("gpu", 35.1349, 42.335)
    assert "--use_gpu=true" in log.read_text()
    with pytest.raises(MeasurementError, match="did not run the file on the GPU"):
        android.parse(ON_GPU.replace("completely", "partially"), "a phone", "gpu")
