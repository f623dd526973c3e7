from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.report import gallery
from pocketdet.scoring import results

OBJECT = (10.0, 10.0, 50.0, 90.0)
RIGHT = Detections(
    np.asarray([OBJECT], np.float32), np.asarray([0.9], np.float32), np.zeros(1, np.int64)
)
NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))


@pytest.fixture
def scored(tmp_path: Path):
    """Twenty pictures, every fourth with a missed object."""
    images, found = [], {}
    for n in range(20):
        name = f"{n:02}.png"
        PIL.new("RGB", (200, 100), (n * 10, 0, 0)).save(tmp_path / name)
        images.append(Image(name, (200, 100), (Box("person", OBJECT),)))
        found[name] = NOTHING if n % 4 == 0 else RIGHT
    result = results.evaluate(Dataset(("person",), tuple(images)), found, 0.01)
    return result, results.judge(result, 0.5)


def test_worst_are_those_with_errors_and_no_more_than_asked(scored, tmp_path) -> None:
    result, judged = scored
    drawn = list(gallery.worst(result, judged, tmp_path, 3))
    assert [name for name, _, _ in drawn] == ["worst_01.jpg", "worst_02.jpg", "worst_03.jpg"]
    assert drawn[0][2] == "00.png: 0 found, 1 missed"
    assert len(list(gallery.worst(result, judged, tmp_path, 99))) == 5
    assert list(gallery.worst(result, judged, tmp_path, 0)) == []


def test_sheet_goes_evenly_from_best_to_worst(scored, tmp_path, monkeypatch) -> None:
    result, judged = scored
    captions = []
    monkeypatch.setattr(
        gallery.pictures, "contact_sheet", lambda cells, *_: captions.extend(c for _, c in cells)
    )
    gallery.sheet(result, judged, tmp_path)
    assert len(captions) == 12
    assert captions[0] == "1 found"
    assert captions[-1] == "0 found, 1 missed"
    assert captions == sorted(captions, key=lambda text: "missed" in text)


def test_sheet_of_one_picture(tmp_path) -> None:
    PIL.new("RGB", (40, 30)).save(tmp_path / "a.png")
    data = Dataset(("person",), (Image("a.png", (40, 30)),))
    result = results.evaluate(data, {"a.png": NOTHING}, 0.01)
    sheet = gallery.sheet(result, results.judge(result, 0.5), tmp_path)
    assert sheet.width > gallery.CELL_WH[0]
