import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats import voc


def xml(*objects, name="a.jpg", size=(40, 30)):
    rows = "".join(f"<object>{row}</object>" for row in objects)
    w, h = size
    return (
        f"<annotation><filename>{name}</filename><size><width>{w}</width><height>{h}</height>"
        f"<depth>3</depth></size>{rows}</annotation>"
    )


def row(xmin=2, ymin=2, xmax=3, ymax=4, name="person", extra=""):
    return (
        f"<name>{name}</name>{extra}<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin>"
        f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"
    )


@pytest.fixture
def source(tmp_path, picture):
    """Writes Annotations/a.xml beside JPEGImages/a.jpg and reads both."""
    picture("JPEGImages/a.jpg")
    (tmp_path / "Annotations").mkdir()

    def read(text):
        (tmp_path / "Annotations/a.xml").write_bytes(
            text if isinstance(text, bytes) else text.encode()
        )
        return voc.read(tmp_path)

    return read


def test_pixels_count_from_one_and_both_ends_belong_to_the_box(source):
    """The drawing in voc.py: pixels 2 and 3 are the edges 1 to 3."""
    (image,) = source(xml(row(xmin=2, xmax=3, ymin=1, ymax=30))).dataset
    assert image.boxes[0].xyxy == (1, 0, 3, 30)


def test_a_box_of_one_pixel_has_an_area(source):
    result = source(xml(row(181, 29, 181, 29), size=(0, 0)))
    assert result.findings[0].reason == "outside the picture"
    (image,) = source(xml(row(40, 29, 40, 29))).dataset
    assert image.boxes[0].xyxy == (39, 28, 40, 29)


@pytest.mark.parametrize(
    ("extra", "ignore", "occlusion", "truncation"),
    [
        ("", "", None, None),
        ("<difficult>0</difficult><truncated>0</truncated>", "", None, 0.0),
        ("<difficult>1</difficult><truncated>1</truncated>", "difficult", None, voc.TRUNCATED),
        ("<occluded>1</occluded>", "", 1, None),
        ("<occluded>1</occluded><occlusion>2</occlusion>", "", 2, None),
        ("<truncated>1</truncated><truncation>0.2</truncation>", "", None, 0.2),
        ("<truncation>lots</truncation><occlusion>9</occlusion>", "", None, None),
        ("<ignore>iscrowd</ignore>", "iscrowd", None, None),
    ],
)
def test_flags(source, extra, ignore, occlusion, truncation):
    (box,) = source(xml(row(extra=extra))).dataset.images[0].boxes
    assert (box.ignore, box.occlusion, box.truncation) == (ignore, occlusion, truncation)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(xmin=9, xmax=3), "reversed"),
        (row(xmin=4, xmax=3), "zero area"),
        (row(xmin="x"), "not a number"),
        (row(xmin="nan"), "not a number"),
        (row(name=""), "malformed row"),
        ("<name>person</name>", "not a number"),
        (row(xmin=400, xmax=500), "outside the picture"),
    ],
)
def test_a_row_that_is_no_box_is_dropped_and_counted(source, bad, reason):
    result = source(xml(row(), bad))
    assert [(f.file, f.record, f.reason) for f in result.drops] == [
        ("Annotations/a.xml", "object 2", reason)
    ]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'
        "<annotation><filename>&c;</filename></annotation>",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>',
        '<!DOCTYPE annotation SYSTEM "http://example.com/voc.dtd"><annotation/>',
    ],
)
def test_entities_and_dtds_are_refused(source, text):
    with pytest.raises(DatasetError, match=r"a\.xml: declares entities or a DTD"):
        source(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<annotation>", "not XML"),
        (b"", "not XML"),
        (b"\xff\xfe\x00", "not XML"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "not XML"),
        ("<html></html>", "expected <annotation>, found <html>"),
        (xml(name="../../etc/a.jpg"), "leaves the data folder"),
        (xml(name="/etc/a.jpg"), "leaves the data folder"),
    ],
)
def test_broken_and_hostile_files_are_errors(source, text, says):
    with pytest.raises(DatasetError, match=says):
        source(text)


def test_byte_order_mark_and_windows_lines(source):
    text = xml(row()).replace("><", ">\r\n<")
    (image,) = source(b"\xef\xbb\xbf" + text.encode()).dataset
    assert image.boxes[0].xyxy == (1, 1, 3, 4)


def test_size_of_zero_or_no_number_means_unknown_and_another_size_drops_the_picture(source):
    for unknown in ((0, 0), (40, "x"), ("x", 30)):
        assert source(xml(row(), size=unknown)).findings == ()
    result = source(xml(row(), row(), size=(30, 40)))
    assert [(f.reason, f.boxes) for f in result.drops] == [("size differs from the file", 2)]


def test_the_stem_names_the_picture_not_the_filename(source, picture):
    picture("JPEGImages/b.jpg")
    with pytest.raises(DatasetError, match=r"1 pictures have no .*JPEGImages/b\.jpg"):
        source(xml(row(), name="b.jpg"))


def test_a_strange_filename_is_noted(source):
    result = source(xml(row(), name="IMG 001.jpg"))
    assert [(f.reason, f.dropped) for f in result.findings] == [("names another picture", False)]


def test_filename_serves_where_no_picture_has_the_stem(source, tmp_path, picture):
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages/b.jpg")
    (image,) = source(xml(row(), name="b.jpg")).dataset
    assert image.path == "JPEGImages/b.jpg"


def test_annotation_without_picture_is_an_error(source, tmp_path):
    (tmp_path / "JPEGImages/a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"Annotations/a\.xml.*not found"):
        source(xml(row()))


def test_two_pictures_of_one_stem_are_an_error(source, picture):
    picture("JPEGImages/a.png")
    with pytest.raises(DatasetError, match="may be any of"):
        source(xml(row()))


def test_segmentations_are_not_taken_for_pictures(source, picture):
    picture("SegmentationClass/a.png")
    assert source(xml(row())).dataset.images[0].path == "JPEGImages/a.jpg"


def test_lists(source, tmp_path, picture):
    for stem in ("b", "c"):
        picture(f"JPEGImages/{stem}.jpg")
        (tmp_path / f"Annotations/{stem}.xml").write_text(xml(row(), name=f"{stem}.jpg"))
    lists = tmp_path / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "trainval.txt").write_text("a\r\nb\r\n")
    (lists / "train.txt").write_text("a\n")
    (lists / "person_train.txt").write_text("a  1\n")
    subsets = [image.subset for image in source(xml(row())).dataset]
    assert subsets == ["train", "trainval", ""]
    (lists / "test.txt").write_text("b\n")
    with pytest.raises(DatasetError, match=r"test\.txt: b is also in"):
        source(xml(row()))
    (lists / "test.txt").write_text("zzz\n")
    with pytest.raises(DatasetError, match="first zzz"):
        source(xml(row()))
