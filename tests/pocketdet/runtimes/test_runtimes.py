import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.runtimes import Runtime, RuntimeMissingError
from pocketdet.runtimes.opening import open_runtime

FILES = ["fp32.tflite", "fp16.tflite", "int8.tflite", "detector.onnx", "detector.mlpackage"]


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_candidates(
    tiny_net: Runtime,
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
    name: str,
) -> None:
    runtime = open_runtime(tiny_converted / name, tiny_spec)
    assert runtime.emulated == (name == "detector.mlpackage" and sys.platform != "darwin")
    boxes, scores = runtime(tiny_pictures[0])
    expected_boxes, expected_scores = tiny_net(tiny_pictures[0])
    assert boxes.shape == expected_boxes.shape == (2 * (8 * 12 + 4 * 6 + 2 * 3), 4)
    assert scores.shape == expected_scores.shape == (len(boxes), 2)
    assert np.abs(scores - expected_scores).mean() < 5e-3
    assert np.abs(boxes - expected_boxes).mean() < 0.5  # px; the int8 file's
    assert ((scores >= 0) & (scores <= 1)).all()


def test_unknown_and_missing_files_are_refused(tmp_path: Path, tiny_spec: NetSpec) -> None:
    with pytest.raises(ExportError, match="not found"):
        open_runtime(tmp_path / "int8.tflite", tiny_spec)
    (tmp_path / "net.pt").touch()
    with pytest.raises(ExportError, match=r"expected a file that ends in \.tflite, \.onnx"):
        open_runtime(tmp_path / "net.pt", tiny_spec)
    (tmp_path / "net.onnx").write_bytes(b"nothing")
    with pytest.raises(ExportError, match="ONNX Runtime cannot load it"):
        open_runtime(tmp_path / "net.onnx", tiny_spec)


@pytest.mark.parametrize(
    ("package", "file"), [("onnxruntime", "detector.onnx"), ("coremltools", "detector.mlpackage")]
)
def test_a_missing_package_is_told_from_a_broken_file(
    tiny_converted: Path,
    tiny_spec: NetSpec,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    file: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(RuntimeMissingError, match="not installed"):
        open_runtime(tiny_converted / file, tiny_spec)
