from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet import inference
from pocketdet.dataset import Dataset, Image
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import DatasetError
from pocketdet.preprocess import Preprocessing

SPEC = NetSpec(
    "mobilenet_v2", 0.35, "none", 16, 1, (64, 32), ("person", "dog"), (Level(8, ((8, 8),)),)
)
RULE, POINT = Preprocessing((64, 32), "stretch"), OperatingPoint(0.5, 0.5, 10)


def runtime(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Finds a dog in the upper left quarter, as sure as the picture is bright."""
    assert rgb.shape == (32, 64, 3)
    assert rgb.dtype == np.uint8
    box = np.asarray([[0, 0, 32, 16]], np.float32)
    return box, np.asarray([[0.1, rgb.mean() / 255]], np.float32)


def dataset(*images: Image) -> Dataset:
    return Dataset(("person", "dog"), images)


def test_boxes_come_back_in_the_photos_own_pixels(tmp_path: Path) -> None:
    for name, grey in (("a.png", 255), ("b.png", 0)):
        PIL.new("RGB", (200, 300), (grey,) * 3).save(tmp_path / name)
    images = (Image("b.png", (200, 300)), Image("a.png", (200, 300)))
    points = (POINT, OperatingPoint(0.5, 0.5, 10, (0.05, 1.0)))
    both = dict(inference.find_all(dataset(*images), tmp_path, runtime, RULE, points))
    found = {path: each[0] for path, each in both.items()}
    assert list(found) == ["b.png", "a.png"]
    assert len(found["b.png"].scores) == 0
    assert found["a.png"].boxes_xyxy.tolist() == [[0, 0, 100, 150]]
    assert found["a.png"].labels.tolist() == [1]
    assert both["a.png"][1].labels.tolist() == [1, 0], "classes have thresholds of their own"
    assert both["b.png"][1].labels.tolist() == [0]


def test_photo_that_is_missing_or_was_resized_is_an_error(tmp_path: Path) -> None:
    PIL.new("RGB", (20, 30)).save(tmp_path / "a.png")
    resized = dataset(Image("a.png", (30, 20)))
    with pytest.raises(DatasetError, match=r"a\.png: expected \(30, 20\) px"):
        list(inference.find_all(resized, tmp_path, runtime, RULE, [POINT]))
    with pytest.raises(DatasetError, match=r"b\.png: image file not found"):
        list(inference.find_all(dataset(Image("b.png", (1, 1))), tmp_path, runtime, RULE, [POINT]))
