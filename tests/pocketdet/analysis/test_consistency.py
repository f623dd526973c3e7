import numpy as np
import pytest

from pocketdet.analysis import consistency, stats
from pocketdet.dataset import Box, Dataset, Image


def table(heights, widths=(10, 10, 10), per_source=40):
    """Three sources with people of so many px in pictures of 100 x 100 px."""
    rng = np.random.default_rng(0)
    images = []
    for source, height, width in zip("abc", heights, widths, strict=True):
        for n in range(per_source):
            w, h = (v * rng.uniform(0.8, 1.2) for v in (width, height))
            x, y = rng.uniform(0, (100 - w, 100 - h))
            box = Box("person", (x, y, x + w, y + h))
            images.append(Image(f"{source}/{n}.jpg", (100, 100), (box,), source))
    data = Dataset(("person",), tuple(images))
    return stats.tabulate(data, {i.path: "train" for i in data}, ("train",))


def rows(found):
    return {row[1:3]: dict(zip(found[0], row, strict=True)) for row in found[1:]}


def test_sources_that_annotate_alike_differ_by_nothing():
    found = rows(consistency.compare(table((30, 30, 30))))
    assert len(found) == 15
    assert all(abs(float(row["delta"])) < 0.35 for row in found.values())
    assert all(float(row["p"]) > 0.01 for row in found.values())


def test_a_source_that_differs_is_first_and_large():
    table_ = consistency.compare(table((30, 60, 30)))
    assert table_[1][1] == "b"
    found = rows(table_)
    assert found["b", "size"]["effect"] == "large"
    assert float(found["b", "size"]["delta"]) == pytest.approx(1, abs=0.01)
    assert float(found["b", "size"]["KS"]) == pytest.approx(1, abs=0.01)
    assert float(found["b", "size"]["p"]) < 1e-6
    assert float(found["a", "aspect"]["median of the others"]) < float(
        found["a", "aspect"]["median"]
    )


def test_boxes_of_one_picture_are_one_observation():
    def crowded(copies):
        one = table((30, 36, 30), per_source=12)
        images = tuple(
            Image(f"{one.sources[s]}/{n}.jpg", (100, 100),
                  (Box("person", tuple(one.xyxy[n])),) * copies, one.sources[s])
            for n, s in enumerate(one.image_source.tolist())
        )  # fmt: skip
        data = Dataset(("person",), images)
        return stats.tabulate(data, {i.path: "train" for i in data}, ("train",))

    single, many = (rows(consistency.compare(crowded(n)))["b", "size"] for n in (1, 30))
    assert many["p"] == single["p"]
    assert many["values"] == 30 * single["values"]


def test_two_sources_are_compared_once_and_one_not_at_all():
    both = table((30, 30, 30))
    two = both.only(both.image_source < 2)
    two = stats.Table(**{**vars(two), "sources": ("a", "b")})
    assert {row[1] for row in consistency.compare(two)[1:]} == {"a"}
    one = both.only(both.image_source < 1)
    assert len(consistency.compare(stats.Table(**{**vars(one), "sources": ("a",)}))) == 1


def test_full_extent_shows_in_heights_and_shapes():
    found = consistency.definitions(table((30, 60, 30)), {"a": "visible", "b": "full", "c": None})
    by_source = {row[1]: dict(zip(found[0], row, strict=True)) for row in found[1:]}
    assert [by_source[s]["boxes are"] for s in "abc"] == ["visible", "full", "not said"]
    assert float(by_source["b"]["height ratio to others"]) == pytest.approx(2, abs=0.2)
    assert float(by_source["b"]["shape ratio to others"]) == pytest.approx(2, abs=0.3)
    assert float(by_source["a"]["height ratio to others"]) < 1
