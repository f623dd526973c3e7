from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.preprocess import Preprocessing
from pocketdet.report import differences

SPEC = NetSpec("b", 1.0, "none", 8, 0, (32, 32), ("person",), (Level(8, ((4.0, 4.0),)),))
CONTRACT = Contract(
    SPEC, Preprocessing((32, 32), "stretch"), OperatingPoint(0.5, 0.5, 10), (), coding_of(SPEC)
)


def found(x: float, score: float) -> Detections:
    return Detections(np.float32([[x, 10, x + 40, 50]]), np.float32([score]), np.zeros(1, np.int64))


def test_the_worst_picture_of_each_file_that_differs(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        PIL.new("RGB", (100, 60), "grey").save(tmp_path / name)
    net = {"a.png": found(10, 0.9), "b.png": found(20, 0.9)}
    files = {
        "fp32": dict(net),
        "int8": {"a.png": found(11, 0.89), "b.png": found(28, 0.7)},
        "onnx": {"a.png": found(10, 0.2)},
    }
    drawn = {
        name: caption for name, _, caption in differences.worst(net, files, CONTRACT, tmp_path)
    }
    assert set(drawn) == {"int8.jpg", "onnx.jpg"}, "an equal file has no worst picture"
    assert drawn["int8.jpg"].startswith("b.png: net left, file right; 0 missing, 0 added, IoU at")
    assert "a.png" in drawn["onnx.jpg"]
    (sheet,) = (
        s for n, s, _ in differences.worst(net, files, CONTRACT, tmp_path) if n == "int8.jpg"
    )
    assert sheet.width == 2 * 640 + differences.GAP
