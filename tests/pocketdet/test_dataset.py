import json
from pathlib import Path

import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError

PEOPLE = Image(
    "street/images/Zoë 1.jpg",
    (40, 30),
    (
        Box("person", (0.0, 0.5, 10.25, 29.0)),
        Box("DontCare", (1.0, 1.0, 2.0, 2.0), ignore="DontCare"),
        Box("person", (3.0, 3.0, 9.0, 9.0), occlusion=0, truncation=0.0),
    ),
    source="street",
    subset="val",
)
EMPTY = Image("street/images/2.jpg", (8, 8))
DATA = Dataset(("person", "bicycle"), (PEOPLE, EMPTY))


def test_saved_and_loaded_is_the_same(tmp_path: Path):
    DATA.save(tmp_path / "dataset.json")
    assert Dataset.load(tmp_path / "dataset.json") == DATA


def test_level_0_is_not_the_same_as_no_level(tmp_path: Path):
    DATA.save(tmp_path / "dataset.json")
    boxes = Dataset.load(tmp_path / "dataset.json").images[0].boxes
    assert [box.occlusion for box in boxes] == [None, None, 0]
    assert [box.truncation for box in boxes] == [None, None, 0.0]


def test_file_is_json_with_one_image_a_line(tmp_path: Path):
    path = tmp_path / "dataset.json"
    DATA.save(path)
    assert len(json.loads(path.read_text())["images"]) == 2
    assert sum('"path"' in line for line in path.read_text().splitlines()) == 2


def test_empty_data_set_is_kept(tmp_path: Path):
    Dataset(("person",)).save(tmp_path / "dataset.json")
    assert len(Dataset.load(tmp_path / "dataset.json")) == 0


def test_area_is_of_edges():
    assert Box("person", (1.0, 1.0, 3.0, 4.0)).area == 6


@pytest.mark.parametrize(
    "xyxy",
    [
        (0.0, 0.0, float("nan"), 1.0),
        (0.0, 0.0, float("inf"), 1.0),
        (2.0, 0.0, 1.0, 1.0),
        (0.0, 1.0, 1.0, 1.0),
    ],
)
def test_what_is_no_box_is_refused(xyxy: tuple[float, float, float, float]):
    with pytest.raises(DatasetError, match="x1 < x2"):
        Box("person", xyxy)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.jpg", "a/../../up.jpg", "a\\b.jpg", ""])
def test_a_path_out_of_the_data_folder_is_refused(path: str):
    with pytest.raises(DatasetError, match="inside the data folder"):
        Image(path, (1, 1))


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(DatasetError, match="at least 1"):
        Image("a.jpg", (0, 5))


def test_subset_has_the_order_asked_for_and_names_what_is_missing():
    assert [image.path for image in DATA.subset([EMPTY.path, PEOPLE.path])] == [
        EMPTY.path,
        PEOPLE.path,
    ]
    with pytest.raises(DatasetError, match=r"1 images .* first nowhere\.jpg"):
        DATA.subset([EMPTY.path, "nowhere.jpg"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"classes": ["a"]}',
        '{"classes": ["a"], "images": [{"path": "x.jpg"}]}',
        '{"classes": ["a"], "images": [{"path": "x.jpg", "size_wh": [4]}]}',
        '{"classes": ["a"], "images": [{"path": "x.jpg", "size_wh": [4, 4], "boxes": [{}]}]}',
    ],
)
def test_another_file_is_refused_with_its_name(tmp_path: Path, text: str):
    path = tmp_path / "dataset.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        Dataset.load(path)
