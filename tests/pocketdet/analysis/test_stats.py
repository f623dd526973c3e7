from dataclasses import replace

import numpy as np
import pytest

from pocketdet.analysis import stats
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.preprocess import Preprocessing

DATA = Dataset(
    ("person", "dog"),
    (
        Image(
            "a/1.jpg",
            (100, 50),
            (
                Box("person", (0, 0, 10, 25)),
                Box("person", (50, 0, 100, 50)),
                Box("dog", (0, 0, 10, 10), "iscrowd"),
                Box("DontCare", (0, 0, 5, 5), "DontCare"),
            ),
            "a",
        ),
        Image("a/2.jpg", (100, 50), (), "a"),
        Image("b/1.jpg", (50, 100), (Box("dog", (25, 50, 50, 100)),), "b"),
    ),
)
RULE = Preprocessing((200, 100), "stretch")
TABLE = stats.tabulate(
    DATA, {"a/1.jpg": "train", "a/2.jpg": "val", "b/1.jpg": "train"}, ("train", "val")
)


def test_counts():
    assert stats.counts(TABLE) == [
        ("source", "subset", "class", "pictures", "objects", "ignored"),
        ("a", "train", "person", 1, 2, 0),
        ("a", "train", "dog", 1, 0, 1),
        ("a", "train", "(any)", 1, 0, 1),
        ("a", "val", "person", 0, 0, 0),
        ("a", "val", "dog", 0, 0, 0),
        ("b", "train", "person", 0, 0, 0),
        ("b", "train", "dog", 1, 1, 0),
        ("b", "val", "person", 0, 0, 0),
        ("b", "val", "dog", 0, 0, 0),
    ]


def test_sizes_are_those_at_the_input():
    rows = stats.sizes(TABLE, RULE)
    head = rows[0]
    all_persons, persons_of_a, all_dogs, _ = rows[1:]
    assert all_persons[:3] == ("person", "(all)", 2)
    assert persons_of_a[:3] == ("person", "a", 2)
    assert persons_of_a[3:] == all_persons[3:]
    assert float(all_persons[head.index("height_q50_px")]) == 75  # of 50 and 100
    assert float(all_persons[head.index("width_q50_px")]) == 60  # of 20 and 100
    assert float(all_dogs[head.index("width_q50_px")]) == 100  # 25 of 50 px, at 200


def test_sizes_at_other_inputs_keep_the_aspect():
    rows = stats.input_sizes(TABLE, Preprocessing((200, 100), "stretch"))
    persons = [dict(zip(rows[0], row, strict=True)) for row in rows[1:] if row[0] == "person"]
    assert [row["input"] for row in persons] == ["192 x 96", "200 x 100", "256 x 128", "320 x 160"]
    assert [float(row["height_q50_px"]) for row in persons] == [72, 75, 96, 120]
    dog = next(row for row in rows if row[0] == "dog")
    assert dict(zip(rows[0], dog, strict=True))["from 32 px"] == "1.0000"


def test_parts_are_the_whole_its_sources_and_its_subsets():
    parts = stats.parts(TABLE)
    assert list(parts) == ["all", "a", "b", "train", "val"]
    assert parts["b"].xyxy.tolist() == [[25, 50, 50, 100]]
    assert parts["b"].image.tolist() == [0]
    assert (len(parts["val"].image), len(parts["val"].image_source)) == (0, 1)
    assert len(parts["train"].image) == len(TABLE.image)
    assert stats.coverage(parts["val"], 4).maps["person"].sum() == 0
    confusing = replace(TABLE, sources=("all", "train"))
    assert list(stats.parts(confusing)) == ["all", "source all", "source train", "train", "val"]


@pytest.mark.parametrize("resize", ["stretch", "letterbox"])
def test_boxes_at_the_input_go_where_the_pictures_go(resize):
    rule = Preprocessing((120, 90), resize)
    found = TABLE.boxes_at(rule)
    for row, image in enumerate(TABLE.image.tolist()):
        size = DATA.images[image].size_wh
        corners = np.c_[TABLE.xyxy[row].reshape(2, 2), [1, 1]] @ rule.view(size).matrix(size).T
        assert found[row] == pytest.approx(corners[:, :2].ravel(), abs=1e-4)


def test_boxes_per_picture():
    found = stats.boxes_per_picture(TABLE, 24, "source")
    assert found.series["a"].tolist() == [1, 0, 1]
    assert found.series["b"].tolist() == [0, 1, 0]
    assert found.rows()[0] == ("from", "to", "a", "b")


@pytest.mark.parametrize("bins", [4, 24])
def test_histograms_hold_every_object_that_counts(bins):
    for found in (stats.heights(TABLE, RULE, bins), stats.aspects(TABLE, bins)):
        assert {name: int(v.sum()) for name, v in found.series.items()} == {"person": 2, "dog": 1}
        assert len(found.rows()) == bins + 1


def test_shapes_lie_where_width_and_height_say():
    found = stats.shapes(TABLE, RULE, 10)
    y, x = np.argwhere(found.maps["dog"])[0]
    assert found.x_edges[x] <= 100 <= found.x_edges[x + 1]
    assert found.y_edges[y] <= 50 <= found.y_edges[y + 1]
    assert [row[0] for row in found.rows()[1:]] == ["person", "person", "dog"]


def test_coverage_is_the_share_of_pictures():
    found = stats.coverage(TABLE, 4)
    third = pytest.approx(1 / 3)
    assert found.maps["person"][0].tolist() == [third, 0, third, third]
    assert found.maps["person"][3].tolist() == [0, 0, third, third]
    assert found.maps["dog"][2:, 2:].tolist() == [[third, third], [third, third]]
    assert found.maps["dog"][:2].sum() == 0  # ignored boxes do not count


def test_a_box_at_the_far_edge_is_inside():
    side = 41.3
    image = Image("a/1.jpg", (1242, 375), (Box("dog", (1242 - side, 375 - side, 1242, 375)),), "a")
    table = stats.tabulate(Dataset(("dog",), (image,)), {"a/1.jpg": "train"}, ("train",))
    assert stats.coverage(table, 200).maps["dog"][-1, -1] == 1


def test_a_data_set_without_objects():
    data = Dataset(("dog",), (Image("a/1.jpg", (9, 9), (), "a"),))
    table = stats.tabulate(data, {"a/1.jpg": "train"}, ("train",))
    assert stats.sizes(table, RULE) == stats.sizes(table, RULE)[:1]
    assert stats.coverage(table, 4).maps["dog"].sum() == 0
    assert stats.boxes_per_picture(table, 4, "source").series["a"].tolist() == [1]


def test_most_frequent_keeps_the_order():
    assert stats.most_frequent({"a": [1], "b": [3], "c": [2]}, 2) == ["b", "c"]
