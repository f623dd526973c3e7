from dataclasses import replace

import numpy as np
import pytest

from pocketdet.analysis import ceiling
from pocketdet.detector.spec import Level, NetSpec


def spec(*levels):
    return NetSpec("mobilenet_v2", 0.35, "none", 16, 1, (96, 64), ("person", "dog"), levels)


def shares(found, name, size="(all)"):
    row = next(row for row in found[1:] if row[:2] == (name, size))
    return dict(zip(found[0], row, strict=True))


def test_a_box_that_is_an_anchor_is_reached_and_one_of_half_its_area_by_half():
    # The anchor of the first cell of stride 16 is centred on (8, 8).
    boxes = np.array([[4.0, 4, 12, 12], [4, 4, 8, 12], [200, 0, 203, 60]])
    found = ceiling.rows(boxes, np.array([0, 0, 1]), spec(Level(16, ((8.0, 8.0),))))
    person = shares(found, "person")
    assert person["objects"] == 2
    assert [float(person[f"IoU {iou:g}"]) for iou in ceiling.IOUS] == [1, 1, 1, 0.5, 0.5]
    assert float(shares(found, "dog")["IoU 0.3"]) == 0
    assert shares(found, "person", "8 to 16 px")["objects"] == 1


@pytest.mark.parametrize("shift", [0.0, 8.0, 16.0])
def test_the_grid_counts_not_the_shape_alone(shift):
    box = np.array([[4.0, 4, 12, 12]]) + shift
    found = ceiling.rows(box, np.array([0]), spec(Level(16, ((8.0, 8.0),))))
    assert float(shares(found, "person")["IoU 0.7"]) == (shift != 8)


def test_finer_levels_raise_the_ceiling():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 40, (300, 2))
    boxes = np.concatenate([low, low + rng.uniform(6, 20, (300, 2))], axis=1)
    labels = np.zeros(300, int)
    coarse = ceiling.rows(boxes, labels, spec(Level(32, ((12.0, 12.0),))))
    fine = ceiling.rows(boxes, labels, spec(Level(8, ((12.0, 12.0),)), Level(32, ((12.0, 12.0),))))
    assert float(shares(fine, "person")["IoU 0.5"]) > float(shares(coarse, "person")["IoU 0.5"])


def test_without_anchors_a_cell_must_be_inside_and_reach_the_sides():
    free = replace(spec(Level(4, ())), head="anchor_free")
    boxes = np.array([[2.5, 2.5, 5.5, 5.5], [1, 1, 7, 7], [1, 1, 90, 62]])
    found = ceiling.rows(boxes, np.array([0, 0, 1]), free)
    assert found[0][-1] == "a cell inside"
    assert float(shares(found, "person")["a cell inside"]) == 0.5  # cells' centres: 2, 6, 10, ...
    assert float(shares(found, "dog")["a cell inside"]) == 1  # 60 px each way
    coarse = ceiling.rows(np.array([[0.0, 0, 96, 64]]), np.array([0]), replace(
        free, levels=(Level(2, ()),)))  # fmt: skip
    assert float(shares(coarse, "person")["a cell inside"]) == 0  # 30 px are not enough
