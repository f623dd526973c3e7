import numpy as np
import pytest

from pocketdet.detector.anchors import best_possible_recall, kmeans_anchors
from pocketdet.errors import DatasetError


def boxes(n=400):
    return np.exp(np.random.default_rng(1).normal(3, 0.7, (n, 2)))


def test_clusters_that_are_plain_to_see_are_found():
    rng = np.random.default_rng(0)
    shapes = np.array([[10, 20], [30, 30], [60, 40], [100, 120]])
    data = (shapes[:, None] * rng.uniform(0.97, 1.03, (4, 50, 2))).reshape(-1, 2)
    levels = kmeans_anchors(data, (8, 16), 2, seed=3)
    found = np.array([shape for level in levels for shape in level.anchors_wh])
    np.testing.assert_allclose(found, shapes, rtol=0.02)
    assert [level.stride for level in levels] == [8, 16]


def test_better_than_random_shapes_and_the_same_for_the_same_seed():
    levels = kmeans_anchors(boxes(), (8, 16, 32), 3, seed=0)
    assert levels == kmeans_anchors(boxes(), (8, 16, 32), 3, seed=0)
    assert best_possible_recall(boxes(), levels, 0.5) > 0.85
    assert best_possible_recall(boxes(), levels, 0.3) >= best_possible_recall(boxes(), levels, 0.5)


@pytest.mark.parametrize("n", [1, 3])
def test_a_handful_of_boxes_still_gives_every_anchor(n):
    levels = kmeans_anchors(boxes(n), (8, 16, 32), 3, seed=0)
    shapes = [shape for level in levels for shape in level.anchors_wh]
    assert len(set(shapes)) == 9
    areas = [w * h for w, h in shapes]
    assert areas == sorted(areas)
    assert best_possible_recall(boxes(n), levels, 0.5) == 1


def test_equal_boxes_are_one_shape():
    levels = kmeans_anchors(np.full((50, 2), 20.0), (8,), 1, seed=0)
    assert levels[0].anchors_wh == ((20.0, 20.0),)


@pytest.mark.parametrize("data", [np.zeros((0, 2)), np.array([[3.0, 0.0]])])
def test_no_usable_box_is_an_error(data):
    with pytest.raises(DatasetError, match="width and height above 0"):
        kmeans_anchors(data, (8, 16), 2, seed=0)
