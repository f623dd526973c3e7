import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.runtimes import RuntimeMissingError
from pocketdet.runtimes.litert import LiteRTRuntime
from pocketdet.runtimes.opening import open_runtime

WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "keras", "coremltools", "onnx", "onnxruntime", "cv2", "pandas"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np
from pathlib import Path
from pocketdet.exporting.contract import Contract
from pocketdet.inference import find
from pocketdet.runtimes.opening import open_runtime
folder = Path(sys.argv[1])
contract = Contract.load(folder / "contract.json")
runtime = open_runtime(folder / contract.variant("int8").file, contract.net)
photo = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
found = find(photo, runtime, contract.preprocessing, contract.operating_point)
assert found.boxes_xyxy.shape[1] == 4
print("ran")
"""


def test_a_contract_and_a_file_are_enough_without_tensorflow(tiny_converted: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, str(tiny_converted)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")


def test_outputs_do_not_change_at_the_next_call(
    tiny_converted: Path, tiny_spec: NetSpec, tiny_pictures: list[npt.NDArray[np.uint8]]
) -> None:
    runtime = open_runtime(tiny_converted / "int8.tflite", tiny_spec)
    first = runtime.raw(tiny_pictures[0])
    kept = {name: value.copy() for name, value in first.items()}
    second = runtime.raw(tiny_pictures[1])
    for name, value in first.items():
        np.testing.assert_array_equal(value, kept[name])
        assert not np.array_equal(value, second[name])


def test_a_path_with_other_letters(
    tiny_converted: Path, tiny_spec: NetSpec, tmp_path: Path
) -> None:
    path = tmp_path / "Gerät №1" / "int8.tflite"
    path.parent.mkdir()
    path.write_bytes((tiny_converted / "int8.tflite").read_bytes())
    boxes, scores = open_runtime(path, tiny_spec)(np.zeros((64, 96, 3), np.uint8))
    assert boxes.shape == (len(scores), 4)


@pytest.mark.parametrize("cut", [0, 8, 2000])
def test_a_broken_file_is_refused(
    tiny_converted: Path, tiny_spec: NetSpec, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "int8.tflite"
    path.write_bytes((tiny_converted / "int8.tflite").read_bytes()[:cut])
    with pytest.raises(ExportError, match="LiteRT cannot load it"):
        LiteRTRuntime(path, tiny_spec)


def test_a_file_of_another_net_is_refused(tiny_converted: Path, tiny_spec: NetSpec) -> None:
    from dataclasses import replace

    other = replace(tiny_spec, classes=("person", "bicycle", "dog"), levels=tiny_spec.levels[1:])
    with pytest.raises(ExportError, match="not a file of this net") as refusal:
        LiteRTRuntime(tiny_converted / "int8.tflite", other)
    assert "scores_16: expected (1, 4, 6, 6), found (1, 4, 6, 4)" in str(refusal.value)
    assert "boxes_8: expected nothing, found (1, 8, 12, 8)" in str(refusal.value)


def test_without_litert_the_message_says_what_to_install(
    tiny_converted: Path, tiny_spec: NetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(RuntimeMissingError, match="pip install"):
        open_runtime(tiny_converted / "int8.tflite", tiny_spec)
