import json

import pytest

from pocketdet.errors import DatasetError
from pocketdet.scoring import detections, ground_truth

TRUTH = {"images": [{"id": 7}, {"id": 8}], "categories": [{"id": 3, "name": "person"}]}
ROW = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.fixture
def result_file(tmp_path):
    def write(value: object):
        path = tmp_path / "results.json"
        path.write_text(json.dumps(value))
        return path

    return write


def test_coco_results_and_none_at_all(result_file) -> None:
    assert detections.coco(result_file([{**ROW, "segmentation": []}]), TRUTH) == [ROW]
    assert detections.coco(result_file([]), TRUTH) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 9}, "image_id 9 is not in the ground truth"),
        ({"image_id": [7]}, r"image_id \[7\] is not in the ground truth"),
        ({"category_id": 4}, "category_id 4 is not in the ground truth"),
        ({"score": float("nan")}, "found score nan"),
        ({"score": "0.5"}, "found score '0.5'"),
        ({"score": None}, "found score None"),
        ({"bbox": [1, 2, 3]}, r"bbox \[1, 2, 3\]"),
        ({"bbox": [1, 2, -3, 4]}, r"bbox \[1, 2, -3, 4\]"),
        ({"bbox": [float("nan"), 2, 3, 4]}, r"bbox \[nan"),
        ({"bbox": [1, 2, 3, float("inf")]}, r"bbox \[1, 2, 3, inf\]"),
    ],
)
def test_coco_results_that_cannot_be_scored_are_named(result_file, change, message) -> None:
    with pytest.raises(DatasetError, match=r"results\.json: result 2: .*" + message):
        detections.coco(result_file([ROW, {**ROW, **change}]), TRUTH)


@pytest.mark.parametrize("row", [{"image_id": 7, "category_id": 3, "score": 1}, 5, None])
def test_coco_results_without_their_keys_are_named(result_file, row) -> None:
    with pytest.raises(DatasetError, match="result 1: expected image_id, category_id, bbox, score"):
        detections.coco(result_file([row]), TRUTH)


def test_a_coco_ground_truth_is_no_result(result_file) -> None:
    with pytest.raises(DatasetError, match="expected a list of results, found dict"):
        detections.coco(result_file(TRUTH), TRUTH)


@pytest.fixture
def voc(tmp_path):
    """Ground truth of pictures a (a dog) and b (nothing); detection files by name and text."""
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/a.txt").write_text("dog 1 2 3 4")
    (tmp_path / "truth/b.txt").write_text("")
    objects = ground_truth.voc(tmp_path / "truth", ["cat"])

    def read(**texts: str):
        (tmp_path / "found").mkdir()
        for name, text in texts.items():
            (tmp_path / "found" / f"{name}.txt").write_text(text)
        return detections.voc(tmp_path / "found", objects)

    return read


def test_plain_detections_have_the_pixels_of_plain_ground_truth(voc) -> None:
    found = voc(a="dog .5 1 2 3 4\ncat 1e-1 0 0 0 0", b="")
    assert found.boxes_xyxy.tolist() == [[1, 2, 5, 7], [0, 0, 1, 1]]
    assert found.scores.tolist() == [0.5, 0.1]
    assert found.label.tolist() == [1, 0]


def test_no_detection_in_any_file_is_a_result(voc) -> None:
    assert len(voc(a="", b="")) == 0


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a": "dog .5 1 2 3 4"}, r"1 pictures have no file of detections, first b\.txt"),
        ({}, r"2 pictures have no file of detections, first a\.txt"),
        ({"a": "", "b": "", "c": ""}, r"c\.txt: there is no picture c in the ground truth"),
        ({"a": "cow .5 1 2 3 4", "b": ""}, r"a\.txt: line 1: class 'cow' is unknown, expected one"),
        ({"a": "dog nan 1 2 3 4", "b": ""}, r"a\.txt: line 1: score: expected finite"),
        ({"a": "\ndog .5 1 2 3", "b": ""}, r"a\.txt: line 2: expected 6 fields"),
        ({"a": "dog .5 1 2 -3 4", "b": ""}, r"a\.txt: line 1: width and height"),
    ],
)
def test_plain_detections_that_cannot_be_scored_are_named(voc, texts, message) -> None:
    with pytest.raises(DatasetError, match=message):
        voc(**texts)


def test_files_of_the_devkit_one_a_class(voc) -> None:
    found = voc(comp3_det_val_dog="a 0.5 2 3 5 7\nb 0.9 1 1 1 1\n", comp3_det_val_cat="")
    assert found.image.tolist() == [0, 1]
    assert found.boxes_xyxy.tolist() == [[1, 2, 5, 7], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"comp3_det_val_cat": ""}, r"expected a file \.\.\._dog\.txt"),
        ({"comp3_det_val_dog": "c 0.5 2 3 5 7"}, "line 1: picture c is not in the truth"),
        ({"comp3_det_val_dog": "a 0.5 5 3 2 7"}, "line 1: box ends before it begins"),
        ({"comp3_det_val_dog": "", "comp3_det_val_cow": ""}, "class 'cow' is unknown"),
    ],
)
def test_files_of_the_devkit_that_cannot_be_scored_are_named(voc, texts, message) -> None:
    with pytest.raises(DatasetError, match=message):
        voc(**texts)


@pytest.fixture
def kitti(tmp_path):
    (tmp_path / "label_2").mkdir()
    (tmp_path / "label_2/0.txt").write_text("Car 0 0 0 1 2 3 4 1 1 1 1 1 1 1")
    objects = ground_truth.kitti(tmp_path)

    def read(text: str, name: str = "0"):
        (tmp_path / "results/data").mkdir(parents=True)
        (tmp_path / f"results/data/{name}.txt").write_text(text)
        return detections.kitti(tmp_path / "results", objects), objects

    return read


def test_kitti_detections_of_any_of_its_types(kitti) -> None:
    line = "0 0 0 1 2 3.5 4 1 1 1 1 1 1 1"
    found, objects = kitti(f"CAR {line} 0.5\nVan {line} 7\n")
    assert [objects.classes[k] for k in found.label] == ["Van", "Car"]
    assert found.scores.tolist() == [7, 0.5]
    assert found.given.tolist() == [1, 0]
    assert found.boxes_xyxy[0].tolist() == [1, 2, 3.5, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Car 0 0 0 1 2 3 4 1 1 1 1 1 1 1", r"0\.txt: line 1: expected 16 fields .*, found 15"),
        ("Bus 0 0 0 1 2 3 4 1 1 1 1 1 1 1 1", r"0\.txt: line 1: class 'Bus' is unknown"),
        ("Car 0 0 0 1 2 3 4 1 1 1 1 1 1 1 nan", r"0\.txt: line 1: score: expected finite"),
        ("Car 0 0 0 1 2 0 4 1 1 1 1 1 1 1 1", r"0\.txt: line 1: box ends before it begins"),
    ],
)
def test_kitti_detections_that_cannot_be_scored_are_named(kitti, text, message) -> None:
    with pytest.raises(DatasetError, match=message):
        kitti(text)


def test_kitti_file_of_an_unknown_picture(kitti) -> None:
    with pytest.raises(DatasetError, match=r"1\.txt: there is no picture 1"):
        kitti("", name="1")
