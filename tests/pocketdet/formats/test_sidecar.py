import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError

CLASSES = ("zebra", "person", "traffic light 2")
IGNORES = ("", "", "iscrowd", "difficult", "DontCare", "policy: a side below 4 px")


@st.composite
def boxes(draw, size_wh):
    edges = []
    for side in size_wh:
        low = draw(st.integers(0, side * 64 - 1))
        edges.append((low / 64, draw(st.integers(low + 1, side * 64)) / 64))
    (x1, x2), (y1, y2) = edges
    ignore = draw(st.sampled_from(IGNORES))
    label = "DontCare" if ignore == "DontCare" else draw(st.sampled_from(CLASSES))
    occlusion, truncation = None, None
    if label != "DontCare":
        occlusion = draw(st.sampled_from((None, 0, 1, 2, 3)))
        truncation = draw(st.none() | st.floats(0, 1))
    annotator = draw(st.sampled_from(("", "", "Ann", "Zoë & Co")))
    return Box(label, (x1, y1, x2, y2), ignore, occlusion, truncation, annotator)


@st.composite
def datasets(draw):
    """Anything that a data set may hold, in any order, with empty classes and pictures."""
    images = []
    for name in draw(st.permutations(["c.png", "a b.png", "ä.png"])):
        size_wh = (draw(st.integers(2, 90)), draw(st.integers(2, 90)))
        found = draw(st.lists(boxes(size_wh), max_size=4))
        subset = draw(st.sampled_from(("", "train", "val", "test", "trainval", "night")))
        images.append(Image(name, size_wh, tuple(found), draw(st.sampled_from(("", "s"))), subset))
    return Dataset(CLASSES, tuple(images))


def around(dataset: Dataset, names: tuple[str, ...], root: Path, folder: Path) -> Dataset:
    """Write and read in one format after the other; paths get their bare names again."""
    for n, name in enumerate(names):
        formats.write(name, dataset, folder / str(n), root, with_sidecar=True)
        result = formats.read(name, folder / str(n))
        assert [f for f in result.findings if f.reason != "picture without annotation"] == []
        dataset, root = result.dataset, folder / str(n)
    bare = tuple(replace(image, path=image.path.rpartition("/")[2]) for image in dataset)
    return Dataset(dataset.classes, bare)


def same(back: Dataset, dataset: Dataset) -> None:
    assert back.classes == dataset.classes
    assert [replace(i, boxes=()) for i in back] == [replace(i, boxes=()) for i in dataset]
    for one, two in zip(back, dataset, strict=True):
        assert [replace(b, xyxy=(0, 0, 1, 1)) for b in one.boxes] == [
            replace(b, xyxy=(0, 0, 1, 1)) for b in two.boxes
        ]
        for a, b in zip(one.boxes, two.boxes, strict=True):
            assert a.xyxy == pytest.approx(b.xyxy, abs=1e-3)


@pytest.mark.parametrize(
    "names", [("coco", "voc", "kitti", "coco"), ("kitti", "yolo", "voc"), ("yolo", "coco", "yolo")]
)
@settings(max_examples=12)
@given(dataset=datasets())
def test_round_trips_keep_everything(names, dataset):
    """Boxes, classes, every reason to ignore, occlusion, truncation, size, order, subset."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pictures").mkdir()
        for image in dataset:
            PIL.new("1", image.size_wh).save(folder / "pictures" / image.path)
        same(around(dataset, names, folder / "pictures", folder), dataset)


@pytest.mark.parametrize("folder", ["coco_permissive", "coco128"])
def test_real_boxes_survive_coco_voc_kitti_coco(shared, tmp_path, folder):
    dataset = formats.read("coco", shared / folder).dataset
    images = list(dataset.images)
    random.Random(0).shuffle(images)
    dataset = replace(dataset, images=tuple(images))
    assert any(box.ignore == "iscrowd" for image in dataset for box in image.boxes)
    back = around(dataset, ("voc", "kitti", "coco"), shared / folder, tmp_path)
    bare = tuple(replace(image, path=image.path.rpartition("/")[2]) for image in dataset)
    same(back, replace(dataset, images=bare))


CROWD = Box("person", (1, 2, 11, 12), "iscrowd", 2, 0.25)
PLAIN = Box("person", (3, 2, 15, 12))


@pytest.fixture
def kitti(tmp_path):
    """A KITTI folder with a sidecar: a crowd and a person."""
    PIL.new("L", (20, 20)).save(tmp_path / "a.png")
    dataset = Dataset(("person",), (Image("a.png", (20, 20), (CROWD, PLAIN)),))
    out = tmp_path / "out"
    lost = formats.write("kitti", dataset, out, tmp_path, with_sidecar=True)
    assert [(f.record, f.reason, f.dropped) for f in lost] == [
        ("box 1", "only in pocketdet.json", False)
    ]
    assert formats.read("kitti", out).dataset.images[0].boxes == (CROWD, PLAIN)
    return out


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.splitlines()[0] + "\n",  # a row taken out
        lambda text: text.replace(" 1 2 11 12", " 1 4 11 12"),  # a corner moved
    ],
)
def test_the_files_win_where_they_were_edited(kitti, edit):
    label = kitti / "label_2/a.txt"
    label.write_text(edit(label.read_text()))
    result = formats.read("kitti", kitti)
    assert [f.reason for f in result.findings] == ["pocketdet.json does not fit"]
    assert result.dataset.images[0].boxes[0].ignore == "DontCare"


def test_a_row_that_the_sidecar_does_not_speak_of_may_move(kitti):
    label = kitti / "label_2/a.txt"
    label.write_text(label.read_text().replace(" 3 2 15 12", " 4 2 15 12"))
    assert formats.read("kitti", kitti).dataset.images[0].boxes == (
        CROWD,
        replace(PLAIN, xyxy=(4, 2, 15, 12)),
    )


def test_pictures_that_came_or_went(kitti):
    for kind, suffix in (("image_2", "png"), ("label_2", "txt")):
        (kitti / f"{kind}/a.{suffix}").rename(kitti / f"{kind}/b.{suffix}")
    result = formats.read("kitti", kitti)
    assert [i.path for i in result.dataset] == ["image_2/b.png"]
    assert [(f.record, f.reason) for f in result.findings] == [
        ("image_2/a.png", "pocketdet.json does not fit")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"classes": [], "images": [{"path": 3}]}',
        '{"classes": [], "images": [], "other": 1}',
        '{"classes": [], "images": [{"path": "image_2/a.png", "rows": 2, "boxes": [{}]}]}',
    ],
)
def test_a_broken_sidecar_is_an_error(kitti, text):
    (kitti / "pocketdet.json").write_text(text)
    with pytest.raises(DatasetError, match=r"pocketdet\.json: .*delete the file"):
        formats.read("kitti", kitti)


@pytest.mark.parametrize("boxes", ["[7, 0]", "[-1, 0]"])
def test_a_row_that_is_not_there_does_not_fit(kitti, boxes):
    text = f'{{"path": "image_2/a.png", "rows": 2, "boxes": {boxes}}}'
    (kitti / "pocketdet.json").write_text(f'{{"classes": [], "images": [{text}]}}')
    assert [f.reason for f in formats.read("kitti", kitti).findings] == [
        "pocketdet.json does not fit"
    ]


def test_no_sidecar_where_the_format_holds_everything(tmp_path):
    PIL.new("L", (20, 20)).save(tmp_path / "a.png")
    dataset = Dataset(("person",), (Image("a.png", (20, 20), (CROWD, PLAIN)),))
    for name in ("coco", "voc"):
        assert formats.write(name, dataset, tmp_path / name, tmp_path, with_sidecar=True) == ()
        assert not (tmp_path / name / "pocketdet.json").exists()


def test_an_old_sidecar_goes(kitti):
    dataset = Dataset(("person",), (Image("image_2/a.png", (20, 20), (PLAIN,)),))
    formats.write("kitti", dataset, kitti, with_sidecar=True)
    assert not (kitti / "pocketdet.json").exists()


def test_the_sidecar_is_text_that_a_diff_shows(kitti):
    (entry,) = json.loads((kitti / "pocketdet.json").read_text())["images"]
    assert entry["boxes"][1:] == [1]
    assert entry["boxes"][0] == {
        "row": 0,
        "xyxy": [1.0, 2.0, 11.0, 12.0],
        "label": "person",
        "ignore": "iscrowd",
        "occlusion": 2,
        "truncation": 0.25,
    }


@pytest.mark.parametrize("label", [" person", "per\nson", "a  b", "", "\x01"])
@pytest.mark.parametrize("name", ["coco", "voc", "kitti", "yolo"])
def test_a_class_that_no_line_can_hold_is_refused(tmp_path, name, label):
    PIL.new("L", (20, 20)).save(tmp_path / "a.png")
    dataset = Dataset((label,), (Image("a.png", (20, 20), (Box(label, (1, 1, 5, 5)),)),))
    with pytest.raises(DatasetError, match="rename it"):
        formats.write(name, dataset, tmp_path / "out", tmp_path)
