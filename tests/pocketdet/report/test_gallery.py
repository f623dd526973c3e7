from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL
from scored import score

from pocketdet.analysis.label_errors import Suspect
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.report import gallery
from pocketdet.scoring import cases, results
from pocketdet.scoring.bootstrap import Plan

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
    result = score(Dataset(("person",), tuple(images)), found)
    return result, results.judge(result)


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
    result = score(data, {"a.png": NOTHING})
    sheet = gallery.sheet(result, results.judge(result), tmp_path)
    assert sheet.width > gallery.CELL_WH[0]


def test_samples_are_the_same_pictures_whatever_was_found(scored, tmp_path) -> None:
    result, judged = scored
    first = [name for name, _, _ in gallery.samples(result, judged, tmp_path)]
    other = score(result.dataset, dict.fromkeys(result.found, NOTHING))
    again = list(gallery.samples(other, results.judge(other), tmp_path))
    assert [name for name, _, _ in again] == first
    assert len(first) == gallery.SAMPLES
    assert all("1 missed" in caption for _, _, caption in again)
    fewer = result.dataset.subset([image.path for image in result.dataset.images[:12]])
    part = score(fewer, {image.path: RIGHT for image in fewer})
    kept = [name for name, _, _ in gallery.samples(part, results.judge(part), tmp_path)]
    assert len(set(kept) & set(first)) >= 3, "most stay when pictures come and go"


def test_error_is_zoomed_and_its_boxes_are_drawn(scored, tmp_path) -> None:
    result, _ = scored
    assessed = results.assess(result, Plan(0, 0.95, 0), None, [], None, {})
    missed = cases.worst(result, assessed, 3)["missed"]
    sheet = np.asarray(gallery.errors(result, missed[:1], tmp_path).convert("RGB")).astype(int)
    orange = (abs(sheet - (0xFF, 0x95, 0x00)).sum(axis=2) < 60).nonzero()
    assert len(orange[0])
    # 80 px of 100 tall: cut to the picture, then enlarged to the cell.
    assert np.ptp(orange[0]) > 150


def test_case_at_the_edge_of_a_photo_can_be_drawn(tmp_path) -> None:
    PIL.new("RGB", (40, 30)).save(tmp_path / "a.png")
    box = Box("person", (38.0, 28.0, 40.0, 30.0))
    result = score(Dataset(("person",), (Image("a.png", (40, 30), (box,)),)), {"a.png": NOTHING})
    assessed = results.assess(result, Plan(0, 0.95, 0), None, [], None, {})
    (missed,) = cases.worst(result, assessed, 3)["missed"]
    assert gallery.errors(result, [missed], tmp_path).width > 100


@pytest.mark.parametrize("kind", ["missing", "spurious", "mislabelled"])
def test_suspect_annotation_is_shown_with_what_is_in_doubt(tmp_path, kind) -> None:
    PIL.new("RGB", (200, 100), "grey").save(tmp_path / "a.png")
    dataset = Dataset(("person", "dog"), (Image("a.png", (200, 100), (Box("person", OBJECT),)),))
    suspect = Suspect("a.png", kind, 0.8, "person", "dog", OBJECT)
    sheet = np.asarray(gallery.suspects(dataset, [suspect], tmp_path)).astype(int)
    colour = (0xE0, 0x29, 0x3F) if kind == "missing" else (0xFF, 0x95, 0x00)
    assert (abs(sheet - colour).sum(axis=2) < 60).sum() > 50
