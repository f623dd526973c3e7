"""What all formats have in common: round trips, real data sets, safety."""

import json
import os
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

FORMATS = ("coco", "voc", "kitti", "yolo")
FOLDERS = {"coco": "images", "voc": "JPEGImages", "kitti": "image_2", "yolo": "images"}
CLASSES = ("person", "traffic light", "自転車")


@st.composite
def boxes(draw, size_wh, fractions):
    """A box inside the picture; on whole pixels, or on any 1/64 px."""
    step = 64 if fractions else 1
    edges = []
    for side in size_wh:
        low = draw(st.integers(0, side * step - 1))
        edges.append((low / step, draw(st.integers(low + 1, side * step)) / step))
    (x1, x2), (y1, y2) = edges
    return Box(draw(st.sampled_from(CLASSES)), (x1, y1, x2, y2))


@st.composite
def datasets(draw, fractions=True):
    images = []
    for n in range(draw(st.integers(1, 3))):
        size_wh = (draw(st.integers(2, 90)), draw(st.integers(2, 90)))
        found = draw(st.lists(boxes(size_wh, fractions), min_size=int(n == 0), max_size=4))
        images.append(Image(f"{n:03d}.png", size_wh, tuple(found)))
    return Dataset(CLASSES, tuple(images))


def through(name: str, dataset: Dataset, folder: Path) -> Dataset:
    """Write with pictures, read back; paths get their old names again."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for image in dataset:
        PIL.new("1", image.size_wh).save(pictures / image.path)
    assert formats.write(name, dataset, folder / name, pictures) == ()
    result = formats.read(name, folder / name)
    assert result.findings == ()
    assert all(image.path.startswith(FOLDERS[name] + "/") for image in result.dataset)
    bare = tuple(replace(i, path=i.path.rpartition("/")[2]) for i in result.dataset)
    return Dataset(dataset.classes, bare)


def same(a: Dataset, b: Dataset, px: float) -> None:
    assert [i.path for i in a] == [i.path for i in b]
    for one, two in zip(a, b, strict=True):
        assert one.size_wh == two.size_wh
        assert [replace(x, xyxy=(0, 0, 1, 1)) for x in one.boxes] == [
            replace(x, xyxy=(0, 0, 1, 1)) for x in two.boxes
        ]
        for x, y in zip(one.boxes, two.boxes, strict=True):
            assert x.xyxy == pytest.approx(y.xyxy, abs=px)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=25)
@given(dataset=datasets())
def test_round_trip_keeps_every_box(name, dataset):
    with tempfile.TemporaryDirectory() as folder:
        back = through(name, dataset, Path(folder))
    # VOC and KITTI have no "as annotated, unknown": absent values stay absent.
    same(back, dataset, px=1e-5)


@pytest.mark.parametrize("name", ["coco", "voc", "kitti"])
@settings(max_examples=15)
@given(dataset=datasets(fractions=False))
def test_whole_pixels_come_back_exactly(name, dataset):
    with tempfile.TemporaryDirectory() as folder:
        back = through(name, dataset, Path(folder))
    assert [i.boxes for i in back] == [i.boxes for i in dataset]


@settings(max_examples=10)
@given(dataset=datasets())
def test_around_the_formats_and_back(dataset):
    with tempfile.TemporaryDirectory() as folder:
        there = dataset
        for n, name in enumerate(("coco", "voc", "kitti", "yolo", "coco")):
            (Path(folder) / str(n)).mkdir()
            there = through(name, there, Path(folder) / str(n))
    same(there, dataset, px=1e-4)


FULL = (
    Box("person", (1, 2, 11, 12), "iscrowd"),
    Box("person", (1, 2, 11, 12), "difficult"),
    Box("DontCare", (3, 2, 11, 12), "DontCare"),
    Box("person", (3, 2, 11, 12), "policy: a side below 4 px"),
    Box("person", (0, 0, 9, 9), occlusion=0, truncation=0.0),
    Box("person", (0, 0, 9, 9), occlusion=1, truncation=0.5),
    Box("person", (0, 0, 9, 9), occlusion=3, truncation=0.31),
)


@pytest.mark.parametrize("name", ["coco", "voc"])
def test_everything_a_box_has_survives(name, tmp_path):
    dataset = Dataset(("person",), (Image("a.png", (20, 20), FULL),))
    assert through(name, dataset, tmp_path).images[0].boxes == FULL


def test_kitti_keeps_ignore_as_dontcare_and_says_what_it_lost(tmp_path):
    PIL.new("L", (20, 20)).save(tmp_path / "a.png")
    dataset = Dataset(("person",), (Image("a.png", (20, 20), FULL),))
    lost = formats.write("kitti", dataset, tmp_path / "out", tmp_path)
    assert [finding.record for finding in lost] == ["line 1", "line 2", "line 4"]
    back = formats.read("kitti", tmp_path / "out").dataset.images[0].boxes
    assert [box.label for box in back] == ["DontCare"] * 4 + ["person"] * 3
    assert [box.ignore for box in back] == ["DontCare"] * 4 + [""] * 3
    assert back[4:] == FULL[4:]


def test_yolo_says_which_boxes_it_cannot_hold(tmp_path):
    PIL.new("L", (20, 20)).save(tmp_path / "a.png")
    dataset = Dataset(("person",), (Image("a.png", (20, 20), FULL),))
    lost = formats.write("yolo", dataset, tmp_path / "out", tmp_path)
    assert [(finding.record, finding.dropped) for finding in lost] == [
        *((f"box {n}", True) for n in (1, 2, 3, 4)),  # ignored
        *((f"box {n}", False) for n in (5, 6, 7)),  # occlusion and truncation
    ]
    assert len(formats.read("yolo", tmp_path / "out").dataset.images[0].boxes) == 3


@pytest.mark.parametrize("name", FORMATS)
def test_subsets_of_the_source_survive(name, tmp_path):
    box = (Box("person", (1, 1, 5, 5)),)
    images = [Image(f"{s}.png", (9, 9), box, subset=s) for s in ("test", "train", "val")]
    dataset = Dataset(("person",), tuple(images))
    back = {image.path[:-4]: image.subset for image in through(name, dataset, tmp_path)}
    expected = {key.rpartition("/")[2]: value for key, value in back.items()}
    assert expected == {"test": "test", "train": "train", "val": "val"}


@pytest.mark.parametrize("name", FORMATS)
def test_writing_annotations_only_for_pictures_that_are_there(name, tmp_path, picture):
    path = f"{FOLDERS[name]}/a.png"
    picture(path, (20, 20))
    box = Box("person", (1, 2, 11, 12))
    dataset = Dataset(("person",), (Image(path, (20, 20), (box,)),))
    formats.write(name, dataset, tmp_path)
    (image,) = formats.read(name, tmp_path).dataset
    assert (image.path, image.boxes[0].label) == (path, "person")
    assert image.boxes[0].xyxy == pytest.approx(box.xyxy, abs=1e-6)


@pytest.mark.parametrize("name", ["voc", "kitti", "yolo"])
def test_two_pictures_that_would_share_a_label_file_are_refused(name, tmp_path):
    dataset = Dataset((), (Image("a.jpg", (9, 9)), Image("A.png", (9, 9))))
    with pytest.raises(DatasetError, match=r"a\.jpg and A\.png"):
        formats.write(name, dataset, tmp_path)


def test_voc100_is_the_same_in_three_formats(shared):
    """Its COCO and YOLO files were converted with xmin as an edge: one pixel less, top and left."""
    voc, coco, yolo = (
        formats.read(name, shared / "voc100").dataset for name in ("voc", "coco", "yolo")
    )
    total = 0
    by_path = {image.path: image for image in voc}
    for other, px in ((coco, 0.0), (yolo, 1e-3)):
        assert {image.path for image in other} == set(by_path)
        for image in other:
            mine = sorted(
                (b.label, (b.xyxy[0] + 1, b.xyxy[1] + 1, *b.xyxy[2:]))
                for b in by_path[image.path].boxes
            )
            theirs = sorted((b.label, b.xyxy) for b in image.boxes)
            assert [label for label, _ in mine] == [label for label, _ in theirs]
            for (_, a), (_, b) in zip(mine, theirs, strict=True):
                assert a == pytest.approx(b, abs=px)
                total += 1
    assert total == 2 * 273


@pytest.mark.parametrize(
    ("folder", "name", "pictures", "count", "ignored"),
    [
        ("bccd", "voc", 364, 4888, 0),
        ("coco128", "coco", 128, 939, 10),
        ("coco_permissive", "coco", 66, 430, 5),
        ("kitti_sample", "kitti", 3, 10, 4),
        ("voc100", "voc", 100, 273, 38),
    ],
)
def test_real_sets_are_read_whole(shared, folder, name, pictures, count, ignored):
    result = formats.read(name, shared / folder)
    found = [box for image in result.dataset for box in image.boxes]
    assert (len(result.dataset), len(found)) == (pictures, count)
    assert sum(bool(box.ignore) for box in found) == ignored
    assert result.findings == ()


def test_official_lists_of_a_real_set(shared):
    subsets = [image.subset for image in formats.read("voc", shared / "bccd").dataset]
    assert [subsets.count(s) for s in ("train", "val", "test")] == [205, 87, 72]


def test_real_boxes_survive_all_formats_without_sidecar(shared, tmp_path):
    """COCO -> VOC -> KITTI -> COCO, crowds aside, which KITTI cannot tell from DontCare."""
    first = there = formats.read("coco", shared / "coco_permissive").dataset
    root = shared / "coco_permissive"
    for name in ("voc", "kitti", "coco"):
        formats.write(name, there, tmp_path / name, root)
        there, root = formats.read(name, tmp_path / name).dataset, tmp_path / name
    before = {Path(i.path).name: [b for b in i.boxes if not b.ignore] for i in first}
    after = {Path(i.path).name: [b for b in i.boxes if not b.ignore] for i in there}
    assert before.keys() == after.keys()
    for path, wanted in before.items():
        assert [b.label for b in after[path]] == [b.label for b in wanted]
        for a, b in zip(after[path], wanted, strict=True):
            assert a.xyxy == pytest.approx(b.xyxy, abs=1e-3)


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_folder_is_an_error(name, tmp_path):
    with pytest.raises(DatasetError, match=str(tmp_path)):
        formats.read(name, tmp_path)
    with pytest.raises(DatasetError, match="absent"):
        formats.read(name, tmp_path / "absent")


@pytest.mark.parametrize("name", FORMATS)
def test_a_link_out_of_the_folder_is_refused(name, tmp_path, picture):
    outside = picture("elsewhere/secret.png")
    inside = tmp_path / "source" / FOLDERS[name]
    inside.mkdir(parents=True)
    (inside / "a.png").symlink_to(outside)
    with pytest.raises(DatasetError, match=r"a\.png is a link out of the folder"):
        formats.read(name, tmp_path / "source")


@pytest.mark.skipif(os.name != "posix", reason="links and case-sensitive names")
def test_files_that_dvc_links_from_its_cache_are_read(tmp_path, picture):
    cached = picture("cache/files/md5/ab/" + "0" * 30 + ".png")
    cached = cached.rename(cached.with_suffix(""))
    folder = tmp_path / "source"
    box = Box("person", (1, 2, 11, 12))
    dataset = Dataset(("person",), (Image("images/a.png", (40, 30), (box,)),))
    (folder / "images").mkdir(parents=True)
    (folder / "images/a.png").symlink_to(cached)
    formats.write("coco", dataset, folder)
    assert formats.read("coco", folder).dataset == dataset


@pytest.mark.parametrize("subset", ["../../x", "/x", "a/b", "a b", "."])
def test_a_subset_that_is_no_name_writes_no_file(tmp_path, picture, subset):
    picture("in/images/a.png", (20, 20))
    dataset = Dataset((), (Image("images/a.png", (20, 20), subset=subset),))
    for name in FORMATS:
        with pytest.raises(DatasetError, match="expected letters"):
            formats.write(name, dataset, tmp_path / name, tmp_path / "in")
    rows = {"images": [{"id": 1, "file_name": "a.png", "subset": subset}]}
    (tmp_path / "in/annotations.json").write_text(
        json.dumps({**rows, "annotations": [], "categories": []})
    )
    with pytest.raises(DatasetError, match="expected letters"):
        formats.read("coco", tmp_path / "in")
    (tmp_path / "in/pocketdet.json").write_text(
        json.dumps({"classes": [], "images": [{"path": "images/a.png", "subset": subset}]})
    )
    formats.coco.write(Dataset((), (Image("images/a.png", (20, 20)),)), tmp_path / "in")
    with pytest.raises(DatasetError, match="pattern"):
        formats.read("coco", tmp_path / "in")
