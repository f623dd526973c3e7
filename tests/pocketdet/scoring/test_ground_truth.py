import json
from pathlib import Path

import numpy as np
import pytest

from pocketdet.errors import DatasetError
from pocketdet.scoring import ground_truth
from pocketdet.scoring.columns import ANY_CLASS

IMAGES = [{"id": 7, "file_name": "a.jpg", "width": 20, "height": 10}]
CATEGORIES = [{"id": 3, "name": "person"}]
BOX = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}


def coco_file(folder: Path, annotations: list, **parts: list) -> Path:
    raw = {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations, **parts}
    path = folder / "truth.json"
    path.write_text(json.dumps(raw))
    return path


def test_coco_annotations_are_completed_and_numbered_from_one(tmp_path) -> None:
    rows = [{**BOX, "id": 0}, {**BOX, "id": 0, "area": 5, "iscrowd": 1, "bbox": [0, 0, 0, 4]}]
    truth = ground_truth.coco(coco_file(tmp_path, rows))
    wanted = [(1, 12, 0), (2, 5, 1)]
    assert [(a["id"], a["area"], a["iscrowd"]) for a in truth["annotations"]] == wanted


def test_coco_is_found_in_a_source_folder(tmp_path) -> None:
    coco_file(tmp_path, [BOX]).rename(tmp_path / "annotations.json")
    assert len(ground_truth.coco(tmp_path)["annotations"]) == 1


@pytest.mark.parametrize(
    ("annotations", "parts", "message"),
    [
        ([{**BOX, "image_id": 8}], {}, "annotation 1: image_id 8 is not in images"),
        ([{**BOX, "category_id": [3]}], {}, r"annotation 1: category_id \[3\] is not in categ"),
        ([{**BOX, "bbox": [1, 2, -3, 4]}], {}, "annotation 1: width and height: expected 0 or"),
        ([{**BOX, "bbox": [1, 2, float("nan"), 4]}], {}, "annotation 1: bbox: expected finite"),
        ([{**BOX, "bbox": [1, 2, "3", 4]}], {}, r"annotation 1: expected bbox \[x, y"),
        ([{**BOX, "bbox": None}], {}, r"annotation 1: expected bbox \[x, y"),
        ([], {"images": []}, "holds no image"),
        ([], {"images": [*IMAGES, *IMAGES]}, "images: id 7 is used twice"),
        ([], {"images": [{"file_name": "a.jpg"}]}, "images record 1: expected an id, found None"),
        ([], {"categories": [*CATEGORIES, {"id": 4, "name": "person"}]}, "a name of its own"),
        ([], {"categories": {}}, "no categories"),
    ],
)
def test_coco_records_that_cannot_be_trusted_are_named(tmp_path, annotations, parts, message):
    with pytest.raises(DatasetError, match=message) as raised:
        ground_truth.coco(coco_file(tmp_path, annotations, **parts))
    assert "truth.json" in str(raised.value)


def test_what_is_no_json_or_not_there(tmp_path) -> None:
    with pytest.raises(DatasetError, match="file not found"):
        ground_truth.coco(tmp_path / "nothing.json")
    (tmp_path / "broken.json").write_text("[")
    with pytest.raises(DatasetError, match=r"broken\.json: not JSON"):
        ground_truth.coco(tmp_path / "broken.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DatasetError, match="expected lists images"):
        ground_truth.coco(tmp_path / "list.json")


def voc_xml(folder: Path, *objects: str, size: str = "") -> Path:
    (folder / "Annotations").mkdir(exist_ok=True)
    text = f"<annotation>{size}{''.join(objects)}</annotation>"
    (folder / "Annotations" / "a.xml").write_text(text)
    return folder


def voc_object(name: str, *corners: object, difficult: str = "") -> str:
    keys = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{key}>{value}</{key}>" for key, value in zip(keys, corners, strict=True))
    return f"<object><name>{name}</name>{difficult}<bndbox>{box}</bndbox></object>"


def test_voc_xml_needs_no_picture_and_pixels_are_inclusive_from_one(tmp_path) -> None:
    hard = "<difficult>1</difficult>"
    size = "<size><width>20</width><height>10</height></size>"
    first, second = voc_object("dog", 1, 2, 4, 4), voc_object("cat", 5, 5, 5, 5, difficult=hard)
    objects = ground_truth.voc(voc_xml(tmp_path, first, second, size=size), ["horse"])
    assert objects.classes == ("cat", "dog", "horse")
    assert objects.images == ("a",)
    assert objects.boxes_xyxy.tolist() == [[0, 1, 4, 4], [4, 4, 5, 5]]
    assert objects.ignored.tolist() == [False, True]
    assert objects.label.tolist() == [1, 0]
    assert objects.sizes_wh.tolist() == [[20, 10]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (voc_object("dog", 5, 2, 3, 4), "object 1: box ends before it begins"),
        (voc_object("dog", "x", 2, 3, 4), "object 1: bndbox: expected finite numbers, found x 2"),
        (voc_object(" ", 1, 2, 3, 4), "object 1: expected a name"),
        ("<object><name>dog</name></object>", "object 1: bndbox: expected finite"),
        ("<object>", "not XML"),
    ],
)
def test_voc_records_that_cannot_be_trusted_are_named(tmp_path, text, message) -> None:
    with pytest.raises(DatasetError, match=message) as raised:
        ground_truth.voc(voc_xml(tmp_path, text))
    assert "a.xml" in str(raised.value)


def test_other_xml_is_not_taken_for_a_picture_without_objects(tmp_path) -> None:
    (tmp_path / "a.xml").write_text("<svg></svg>")
    with pytest.raises(DatasetError, match=r"a\.xml: expected <annotation>, found <svg>"):
        ground_truth.voc(tmp_path)


def test_plain_text_counts_the_last_pixel_in(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("dog 1 2 3 4\n\n")
    (tmp_path / "b.txt").write_text("")
    objects = ground_truth.voc(tmp_path)
    assert objects.images == ("a", "b")
    assert objects.boxes_xyxy.tolist() == [[1, 2, 5, 7]]
    assert np.isnan(objects.sizes_wh).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dog 1 2 3", r"a\.txt: line 2: expected 5 fields \(class x y width height\), found 4"),
        ("dog 1 2 3 -4", r"a\.txt: line 2: width and height: expected 0 or more"),
        ("dog 1 2 inf 4", r"a\.txt: line 2: x y width height: expected finite numbers"),
    ],
)
def test_plain_lines_that_cannot_be_trusted_are_named(tmp_path, line, message) -> None:
    (tmp_path / "a.txt").write_text(f"dog 1 2 3 4\n{line}\n")
    with pytest.raises(DatasetError, match=message):
        ground_truth.voc(tmp_path)


def test_kitti_types_regions_and_levels(tmp_path) -> None:
    (tmp_path / "label_2").mkdir()
    rest = "1 1 1 1 1 1 1"
    (tmp_path / "label_2/000001.txt").write_text(
        f"car 0.5 2 0 1 2 3.5 4 {rest}\nDontCare -1 -1 -10 0 0 9 9 {rest}\nBus 0 0 0 0 0 9 9 {rest}"
    )
    objects = ground_truth.kitti(tmp_path)
    assert objects.images == ("000001",)
    names = [objects.classes[k] if k != ANY_CLASS else "any" for k in objects.label]
    assert names == ["Car", "any", "Bus"]
    assert objects.boxes_xyxy[0].tolist() == [1, 2, 3.5, 4]
    assert objects.ignored.tolist() == [False, True, False]
    assert objects.truncation[0] == 0.5
    assert objects.occlusion.tolist() == [2, -1, 0]


def test_kitti_lines_that_cannot_be_trusted_are_named(tmp_path) -> None:
    (tmp_path / "1.txt").write_text("Car 0 0 0 0 0 9 9")
    with pytest.raises(DatasetError, match=r"1\.txt: line 1: expected 15 fields"):
        ground_truth.kitti(tmp_path)
    (tmp_path / "1.txt").write_text("Car 0 0 0 9 0 0 9 1 1 1 1 1 1 1")
    with pytest.raises(DatasetError, match=r"1\.txt: line 1: box ends before it begins"):
        ground_truth.kitti(tmp_path)


@pytest.mark.parametrize("read", [ground_truth.voc, ground_truth.kitti])
def test_empty_and_missing_folders_are_errors(tmp_path, read) -> None:
    with pytest.raises(DatasetError, match="found none"):
        read(tmp_path)
    with pytest.raises(DatasetError, match="expected a folder"):
        read(tmp_path / "absent")


def test_both_formats_of_voc_in_one_folder_are_refused(tmp_path) -> None:
    voc_xml(tmp_path, voc_object("dog", 1, 2, 4, 4))
    (tmp_path / "Annotations" / "a.txt").write_text("dog 1 2 3 4")
    with pytest.raises(DatasetError, match="found both"):
        ground_truth.voc(tmp_path)
