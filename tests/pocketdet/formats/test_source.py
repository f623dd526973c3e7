"""The rules of reading, which are the same for every format."""

from pathlib import Path

import pytest
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadRules
from pocketdet.formats.pictures import EXIF_ORIENTATION

FORMATS = ("coco", "voc", "kitti", "yolo")
FOLDERS = {"coco": "images", "voc": "JPEGImages", "kitti": "image_2", "yolo": "images"}
LABELS = {"voc": "Annotations/a.xml", "kitti": "label_2/a.txt", "yolo": "labels/a.txt"}
COCO_EXTRAS = {"attributes": 1, "score": 1}
BOX = Box("person", (2, 3, 10, 20))


@pytest.fixture
def source(tmp_path):
    """Writes a folder with one annotated picture, 40 x 30 px as stored."""

    def make(name: str, size_wh=(40, 30), **save) -> Path:
        folder = tmp_path / name
        path = f"{FOLDERS[name]}/a.png"
        (folder / path).parent.mkdir(parents=True)
        PIL.new("RGB", (40, 30)).save(folder / path, **save)
        formats.write(name, Dataset(("person",), (Image(path, size_wh, (BOX,)),)), folder)
        return folder

    return make


def exif(orientation: int) -> PIL.Exif:
    tags = PIL.Exif()
    tags[EXIF_ORIENTATION] = orientation
    return tags


@pytest.mark.parametrize("name", FORMATS)
def test_boxes_drawn_on_the_stored_pixels_follow_them(name, source):
    folder = source(name, exif=exif(6))  # shown a quarter to the right: 30 x 40 px
    (image,) = formats.read(name, folder, ReadRules(orientation="stored")).dataset
    assert image.size_wh == (30, 40)
    assert image.boxes[0].xyxy == pytest.approx((10, 2, 27, 10), abs=1e-6)


@pytest.mark.parametrize("name", ["coco", "voc"])
def test_a_size_that_only_the_stored_pixels_have_is_said(name, source):
    folder = source(name, exif=exif(6))
    rules = ReadRules(lenient=True)
    with pytest.raises(DatasetError, match="no picture with a usable annotation"):
        formats.read(name, folder, rules)
    (finding,) = formats.READERS[name](folder, rules).findings
    assert finding.reason == "size differs from the file"
    assert "without heed to EXIF" in finding.detail
    upright = source_again(name, folder)
    assert [i.size_wh for i in formats.read(name, upright).dataset] == [(30, 40)]


def source_again(name: str, folder: Path) -> Path:
    path = f"{FOLDERS[name]}/a.png"
    formats.write(name, Dataset(("person",), (Image(path, (30, 40), (BOX,)),)), folder)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_pictures_may_lie_elsewhere(name, source, tmp_path):
    folder = source(name)
    elsewhere = tmp_path / "elsewhere/deep"
    elsewhere.mkdir(parents=True)
    (folder / FOLDERS[name] / "a.png").rename(elsewhere / "a.png")
    (image,) = formats.read(name, folder, ReadRules(images=tmp_path / "elsewhere")).dataset
    assert (image.path, len(image.boxes)) == ("deep/a.png", 1)


def test_one_coco_file_is_a_source(source, tmp_path):
    folder = source("coco")
    (folder / "other.json").write_text("{}")
    (folder / "annotations.json").rename(folder / "mine.json")
    assert len(formats.read("coco", folder / "mine.json").dataset) == 1


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("rule", "count"),
    [("negative", 2), ("leave out", 1), ("refuse", None)],
)
def test_pictures_without_annotation_are_what_the_rules_say(name, source, rule, count):
    folder = source(name)
    PIL.new("L", (8, 9)).save(folder / FOLDERS[name] / "b.png")
    rules = ReadRules(unannotated=rule)
    if count is None:
        with pytest.raises(DatasetError, match=r"1 pictures have no .*first .*b\.png"):
            formats.read(name, folder, rules)
        return
    result = formats.read(name, folder, rules)
    assert len(result.dataset) == len(result.files) == count
    assert [(f.reason, f.dropped, f.boxes) for f in result.findings] == [
        ("picture without annotation", rule == "leave out", 0)
    ]
    if rule == "negative":
        assert (result.dataset.images[1].size_wh, result.dataset.images[1].boxes) == ((8, 9), ())


@pytest.mark.parametrize("name", ["voc", "kitti", "yolo"])
@pytest.mark.parametrize(
    ("harm", "reason", "boxes"),
    [
        (lambda folder, label, picture: picture.unlink(), "picture not found", 1),
        (lambda folder, label, picture: picture.write_bytes(b"x"), "broken picture", 1),
        (lambda folder, label, picture: label.write_bytes(b"\xff<"), "broken file", 0),
    ],
)
def test_lenient_reading_counts_and_goes_on(name, source, harm, reason, boxes):
    folder = source(name)
    picture, label = folder / FOLDERS[name] / "b.png", folder / LABELS[name].replace("a.", "b.")
    picture.write_bytes((folder / FOLDERS[name] / "a.png").read_bytes())
    label.write_bytes((folder / LABELS[name]).read_bytes().replace(b"a.png", b"b.png"))
    harm(folder, label, picture)
    with pytest.raises(DatasetError):
        formats.read(name, folder)
    result = formats.read(name, folder, ReadRules(lenient=True))
    assert len(result.dataset) == 1
    assert [(f.reason, f.boxes, f.dropped) for f in result.findings] == [(reason, boxes, True)]


@pytest.mark.parametrize(
    ("name", "old", "new", "unread"),
    [
        ("coco", '"iscrowd"', '"segmentation": [[1, 2, 3]], "iscrowd"', {"segmentation": 1}),
        ("coco", '"iscrowd"', '"attributes": {"x": 1}, "score": 0, "iscrowd"', COCO_EXTRAS),
        ("coco", '"area": 136', '"area": 99', {"area": 1}),
        ("coco", '"iscrowd"', '"annotator": ["me"], "iscrowd"', {"annotator": 1}),
        ("coco", '"file_name"', '"license": 3, "flickr_url": "", "file_name"', {"license": 1}),
        ("coco", '"name"', '"supercategory": "animal", "name"', {"supercategory": 1}),
        ("coco", '"images"', '"info": {"year": 1}, "licenses": [], "images"', {"info": 1}),
        ("voc", "Unspecified", "Left", {"pose": 1}),
        ("voc", "<segmented>0", "<segmented>1", {"segmentation": 1}),
        ("voc", "<size>", "<source><database>Unknown</database></source><size>", {}),
        ("voc", "<size>", "<source><image>flickr</image></source><size>", {"source": 1}),
        ("voc", "<annotation>", '<annotation verified="yes">', {"verified": 1}),
        ("voc", "</object>", "<actions><run>1</run></actions></object>", {"actions": 1}),
        ("voc", "<bndbox>", "<bndbox><angle>30</angle>", {"angle": 1}),
        ("voc", "</object>", "<part><name>head</name></part></object>", {"part": 1}),
        ("kitti", "-1000 -1000 -1000 -10", "1.84 1.47 8.41 0.01", {"box in space": 1}),
        ("kitti", "-1000 -10\n", "-1000 -10 0.9\n", {"score": 1}),
        ("kitti", " -1 -10 ", " -1 1.57 ", {"alpha": 1}),
        ("yolo", "nc: 1", "kpt_shape: [17, 3]", {"kpt_shape": 1}),
    ],
)
def test_what_is_not_read_is_counted(name, source, old, new, unread):
    folder = source(name)
    assert not any(formats.read(name, folder).unread.values())
    file = folder / LABELS.get(name, "annotations.json")
    if name == "yolo":
        file = folder / "data.yaml"
        file.write_text(file.read_text() + "nc: 1\n")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    found = formats.read(name, folder).unread
    assert {kind: count for kind, count in found.items() if count} == unread


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("coco", '"iscrowd"', '"occlusion": 7, "iscrowd"'),
        ("coco", '"iscrowd"', '"occlusion": "heavy", "iscrowd"'),
        ("coco", '"iscrowd"', '"truncation": 2.5, "iscrowd"'),
        ("voc", "</object>", "<occlusion>7</occlusion></object>"),
        ("voc", "</object>", "<truncation>3.0</truncation></object>"),
        ("kitti", "person -1 -1", "person -1 7"),
        ("kitti", "person -1 -1", "person 2 -1"),
    ],
)
def test_a_level_that_no_format_has_is_said(name, source, old, new):
    folder = source(name)
    file = folder / LABELS.get(name, "annotations.json")
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    result = formats.read(name, folder)
    (box,) = result.dataset.images[0].boxes
    assert (box.occlusion, box.truncation) == (None, None)
    assert [(f.reason, f.dropped) for f in result.findings] == [("level out of range", False)]


def test_an_unknown_level_is_no_finding(source):
    folder = source("coco")
    text = (folder / "annotations.json").read_text()
    unknown = '"occlusion": -1, "truncation": null, "iscrowd"'
    (folder / "annotations.json").write_text(text.replace('"iscrowd"', unknown))
    assert not formats.read("coco", folder).findings
    assert not formats.read("kitti", source("kitti")).findings


def test_two_annotations_of_one_picture_are_refused(source):
    folder = source("voc")
    text = (folder / "Annotations/a.xml").read_text()
    (folder / "Annotations/z.xml").write_text(text)  # of no picture, so its filename counts
    with pytest.raises(DatasetError, match=r"z\.xml: .*a\.png is also annotated in .*a\.xml"):
        formats.read("voc", folder)
    result = formats.read("voc", folder, ReadRules(lenient=True))
    assert [(f.file, f.reason) for f in result.findings] == [
        ("Annotations/z.xml", "picture annotated twice")
    ]
