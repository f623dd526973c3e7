import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from pocketdet import boxes

SIDES = st.floats(0.01, 500)
BOXES = st.lists(
    st.tuples(st.floats(-300, 300), st.floats(-300, 300), SIDES, SIDES), min_size=1, max_size=5
).map(lambda rows: boxes.xywh_to_xyxy(np.array(rows)))


def test_a_box_over_two_pixels_is_two_wide():
    assert boxes.areas(np.array([1.0, 0, 3, 1])) == 2


def test_reversed_boxes_have_no_area():
    assert boxes.areas(np.array([[3.0, 3, 1, 1], [1, 3, 3, 1]])).tolist() == [0, 0]


def test_ious_by_hand():
    a = np.array([[0.0, 0, 2, 2], [10, 10, 11, 11]])
    b = np.array([[1.0, 0, 3, 2], [0, 0, 2, 2], [2, 0, 4, 2]])
    assert boxes.ious(a, b) == pytest.approx(np.array([[1 / 3, 1, 0], [0, 0, 0]]))


def test_iou_of_two_empty_boxes_is_0_not_nan():
    empty = np.array([[1.0, 1, 1, 1]])
    assert boxes.ious(empty, empty).tolist() == [[0]]


def test_no_boxes():
    none = np.zeros((0, 4))
    assert boxes.ious(none, np.ones((3, 4))).shape == (0, 3)
    assert boxes.clip(none, (5, 5)).shape == (0, 4)


@given(BOXES, BOXES)
def test_ious_are_symmetric_and_at_most_1(a, b):
    overlaps = boxes.ious(a, b)
    assert (overlaps == boxes.ious(b, a).T).all()
    assert ((overlaps >= 0) & (overlaps <= 1 + 1e-9)).all()
    assert np.diag(boxes.ious(a, a)) == pytest.approx(np.ones(len(a)))


@given(BOXES)
def test_clipped_boxes_are_inside_and_clipping_again_changes_nothing(some):
    inside = boxes.clip(some, (100, 50))
    assert (inside >= 0).all()
    assert (inside[:, [0, 2]] <= 100).all()
    assert (inside[:, [1, 3]] <= 50).all()
    assert (boxes.clip(inside, (100, 50)) == inside).all()
    assert (boxes.areas(inside) <= boxes.areas(some) + 1e-9).all()


@given(BOXES)
def test_xywh_and_back(some):
    assert boxes.xywh_to_xyxy(boxes.xyxy_to_xywh(some)) == pytest.approx(some, abs=1e-9)
