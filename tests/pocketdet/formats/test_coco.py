import json

import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats import coco

IMAGE = {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}
PERSON = {"id": 7, "name": "person"}


def annotation(**other):
    return {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 20], "iscrowd": 0, **other}


@pytest.fixture
def source(tmp_path, picture):
    """Writes an annotation file beside images/a.jpg and reads it."""
    picture("images/a.jpg")

    def read(annotations, images=(IMAGE,), categories=(PERSON,), name="annotations.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        rows = {"images": images, "annotations": annotations, "categories": categories}
        path.write_text(rows if isinstance(rows, str) else json.dumps(rows))
        return coco.read(tmp_path)

    return read


def test_box_is_corner_and_size(source):
    (image,) = source([annotation()]).dataset
    assert image.boxes[0].xyxy == (1, 2, 11, 22)
    assert (image.path, image.size_wh) == ("images/a.jpg", (40, 30))


def test_crowd_becomes_ignore(source):
    (image,) = source([annotation(iscrowd=1)]).dataset
    assert image.boxes[0].ignore == "iscrowd"


@pytest.mark.parametrize(
    ("bbox", "reason"),
    [
        ([1, 2, 0, 20], "zero area"),
        ([1, 2, -3, 20], "reversed"),
        ([50, 2, 10, 20], "outside the picture"),
        ([1, 2, float("nan"), 20], "not a number"),
        ([1, 2, "wide", 20], "not a number"),
        ([1, 2, True, 20], "not a number"),
        ([1, 2, 10**400, 20], "not a number"),
        ([1, 2, 10], "malformed row"),
        (None, "malformed row"),
    ],
)
def test_a_row_that_is_no_box_is_dropped_and_counted(source, bbox, reason):
    result = source([annotation(), annotation(id=2, bbox=bbox)])
    assert [(f.reason, f.record) for f in result.drops] == [(reason, "annotation 2 of image 1")]
    assert len(result.dataset.images[0].boxes) == 1


def test_a_box_that_reaches_out_is_clipped_and_counted(source):
    result = source([annotation(bbox=[-5, 2, 100, 20])])
    assert result.dataset.images[0].boxes[0].xyxy == (0, 2, 40, 22)
    assert [(f.reason, f.dropped) for f in result.findings] == [
        ("reaches out of the picture", False)
    ]


def test_rounding_beyond_the_edge_is_no_finding(source):
    result = source([annotation(bbox=[30.01, 2, 10, 20])])
    assert result.dataset.images[0].boxes[0].xyxy[2] == 40
    assert result.findings == ()


def test_second_annotation_with_an_id_and_one_of_no_image_are_dropped(source):
    result = source([annotation(), annotation(bbox=[1, 1, 5, 5]), annotation(id=3, image_id=9)])
    assert [f.reason for f in result.drops] == ["duplicate id", "unknown image id"]


def test_picture_that_no_record_names_is_counted(source, picture):
    picture("images/extra.jpg")
    (finding,) = source([annotation()]).findings
    assert (finding.file, finding.reason) == ("images/extra.jpg", "picture without annotation")
    assert finding.boxes == 0


def test_another_size_than_stated_drops_the_picture_with_its_boxes(source, picture):
    picture("images/b.jpg")
    other = {"id": 2, "file_name": "b.jpg", "width": 80, "height": 60}
    result = source(
        [annotation(), annotation(id=2, image_id=2), annotation(id=3, image_id=2)], [IMAGE, other]
    )
    assert [image.path for image in result.dataset] == ["images/a.jpg"]
    assert [(f.reason, f.boxes) for f in result.drops] == [("size differs from the file", 2)]


@pytest.mark.parametrize(
    ("annotations", "images", "says"),
    [
        ([], [{**IMAGE, "file_name": "../a.jpg"}], "leaves the data folder"),
        ([], [{**IMAGE, "file_name": "..\\a.jpg"}], "leaves the data folder"),
        ([], [{**IMAGE, "file_name": "/etc/a.jpg"}], "leaves the data folder"),
        ([], [{**IMAGE, "file_name": "C:\\a.jpg"}], "leaves the data folder"),
        ([], [{**IMAGE, "file_name": 3}], "expected a file name"),
        ([], [{**IMAGE, "file_name": "b.jpg"}], r"image 1: picture 'b\.jpg' not found"),
        ([], [IMAGE, IMAGE], "id 1 is used twice"),
        ([], [IMAGE, {**IMAGE, "id": 2}], "also another image's file"),
        ([annotation(category_id=8)], [IMAGE], "category_id 8 is no category"),
        ([annotation(category_id=[7])], [IMAGE], "expected category_id as a whole number"),
        (["box"], [IMAGE], "annotations record 1"),
        ({}, [IMAGE], "expected a list 'annotations'"),
    ],
)
def test_what_makes_the_source_doubtful_is_an_error(source, annotations, images, says):
    with pytest.raises(DatasetError, match=says):
        source(annotations, images)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"images": [], "images": []}', "key 'images' twice"),
        ('{"images": [}', "line 1 column"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected an object"),
        ('{"images": [1' + "0" * 5000 + "]}", "not JSON"),
    ],
)
def test_broken_json_is_an_error(tmp_path, picture, text, says):
    picture("images/a.jpg")
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DatasetError, match=says):
        coco.read(tmp_path)


@pytest.mark.parametrize("name", ["", None, 3, "\ud800"])
def test_a_class_without_a_name_that_can_be_written_is_an_error(source, name):
    with pytest.raises(DatasetError, match="category 1: expected a name"):
        source([], categories=[{"id": 7, "name": name}])


def test_not_utf8_names_the_byte(tmp_path):
    (tmp_path / "annotations.json").write_bytes(b'{"images\xff')
    with pytest.raises(DatasetError, match="byte 8 is not UTF-8"):
        coco.read(tmp_path)


def test_byte_order_mark_and_windows_lines(tmp_path, picture):
    picture("images/a.jpg")
    rows = {"images": [IMAGE], "annotations": [annotation()], "categories": [PERSON]}
    text = json.dumps(rows, indent=1).replace("\n", "\r\n")
    (tmp_path / "annotations.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(coco.read(tmp_path).dataset.images[0].boxes) == 1


def test_several_files_are_official_subsets(source, tmp_path, picture):
    picture("images/b.jpg")
    other = {**IMAGE, "id": 1, "file_name": "b.jpg"}
    names = [{"id": 3, "name": "dog"}, PERSON]
    rows = {"images": [other], "annotations": [annotation(id=9)], "categories": names}
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/instances_val2017.json").write_text(json.dumps(rows))
    (tmp_path / "annotations/captions_val2017.json").write_text("not read")
    result = source([annotation()], name="annotations/instances_train2017.json")
    assert {image.path: image.subset for image in result.dataset} == {
        "images/a.jpg": "train",
        "images/b.jpg": "val",
    }
    assert result.dataset.classes == ("person", "dog")
    assert [len(image.boxes) for image in result.dataset] == [1, 1]


def test_one_file_named_after_a_subset_is_the_whole_source(source):
    result = source([annotation()], name="annotations/instances_train2017.json")
    assert result.dataset.images[0].subset == ""


def test_several_files_without_subset_are_refused(source, tmp_path):
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DatasetError, match="keep one"):
        source([annotation()], name="some.json")


def test_pictures_are_found_in_any_folder_and_case(tmp_path, picture):
    picture("train2017/Ärger mit Leerzeichen.JPG")
    image = {**IMAGE, "file_name": "a\u0308rger mit leerzeichen.jpg"}
    rows = {"images": [image], "annotations": [annotation()], "categories": [PERSON]}
    (tmp_path / "annotations.json").write_text(json.dumps(rows))
    (found,) = coco.read(tmp_path).dataset
    assert found.path == "train2017/Ärger mit Leerzeichen.JPG"


def test_a_name_in_two_folders_is_ambiguous(source, picture):
    picture("one/b.jpg")
    picture("two/b.jpg")
    with pytest.raises(DatasetError, match=r"may be any of one/b\.jpg, two/b\.jpg"):
        source([], [{**IMAGE, "file_name": "b.jpg"}])
