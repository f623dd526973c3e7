import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import columns, detections, ground_truth, voc

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracles" / "voc"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason="no shared/oracles beside the clone")
RULES = {"eleven_point": "11 points", "all_point": "all points"}


@needs_oracle
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("iou_min", ["0.1", "0.3", "0.5", "0.75"])
def test_equal_to_the_reference(rule, iou_min) -> None:
    expected = json.loads((ORACLE / "expected.json").read_text())[rule][iou_min]
    objects = ground_truth.voc(ORACLE / "ground_truth")
    found = detections.voc(ORACLE / "detections", objects)
    ap = voc.average_precision(objects, found, float(iou_min), RULES[rule])
    assert ap == {"object": pytest.approx(expected, abs=1e-9)}


def ap(boxes: list[Box], *rows: tuple[float, ...], rule: voc.Rule = "all points"):
    """Of class a in one picture; rows of x1, y1, x2, y2, score."""
    dataset = Dataset(("a", "b"), (Image("0.jpg", (200, 200), tuple(boxes)),))
    values = np.asarray(rows, np.float64).reshape(-1, 5)
    given = Detections(values[:, :4], values[:, 4], np.zeros(len(values), np.int64))
    objects, found = columns.objects_of(dataset), columns.found_of(dataset, {"0.jpg": given})
    return voc.average_precision(objects, found, voc.IOU_MIN, rule)["a"]


OBJECT = Box("a", (0, 0, 10, 10))


def test_second_detection_of_an_object_does_not_go_on_to_the_next() -> None:
    """COCO's rule would give it the second object, which it overlaps by 0.67 too."""
    second = Box("a", (0, 2, 10, 12))
    rows = [(0, 0, 10, 10, 0.9), (0, 0, 10, 10, 0.8)]
    assert ap([OBJECT, second], *rows) == pytest.approx(0.5)


def test_difficult_objects_neither_count_nor_punish() -> None:
    difficult = Box("a", (50, 50, 60, 60), "difficult")
    on_it = (50, 50, 60, 60, 0.9)
    assert ap([OBJECT, difficult], on_it, on_it, (0, 0, 10, 10, 0.5)) == 1
    # A part of it is a false alarm: overlap is IoU, as there are no crowds.
    part = (50, 50, 55, 55, 0.9)
    assert ap([OBJECT, difficult], part, (0, 0, 10, 10, 0.5)) == pytest.approx(0.5)


@settings(max_examples=100)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from(list(RULES.values())))
def test_a_difficult_box_apart_from_all_objects_never_lowers_ap(region_scene, seed, rule) -> None:
    *scenes, detected = region_scene(seed, "a", "difficult", apart=True, images=2)
    found = columns.found_of(scenes[0], detected)
    less, more = (
        voc.average_precision(columns.objects_of(scene), found, voc.IOU_MIN, rule)
        for scene in scenes
    )
    for name, value in less.items():
        assert (more[name] or 0) >= (value or 0) - 1e-12, name


def test_a_difficult_box_over_an_object_may_take_its_detection_as_in_the_devkit() -> None:
    """Only the box that overlaps most is looked at; COCO's rule would look for one that counts."""
    shifted = (0, 2, 10, 12, 0.9)
    assert ap([OBJECT], shifted) == 1
    assert ap([OBJECT, Box("a", (0, 3, 10, 13), "difficult")], shifted) == 0


def test_threshold_itself_is_a_hit() -> None:
    assert ap([OBJECT], (0, 0, 10, 5, 0.9)) == 1
    assert ap([OBJECT], (0, 0, 10, 4.99, 0.9)) == 0


def test_areas_of_whole_pixels_are_vocs_plus_one() -> None:
    """Pixels 1..3 and 2..4, both ends included: 2 of 4 columns, IoU 0.5."""
    first, second = Box("a", (0, 0, 3, 1)), (1, 0, 4, 1, 0.9)
    assert ap([first], second) == 1


def test_no_object_is_undefined_and_no_detection_zero() -> None:
    assert ap([], (0, 0, 10, 5, 0.9)) is None
    assert ap([Box("a", (0, 0, 9, 9), "difficult")], (0, 0, 10, 5, 0.9)) is None
    assert ap([OBJECT]) == 0
    assert ap([OBJECT], rule="11 points") == 0


def test_the_two_rules_differ_as_they_should() -> None:
    boxes = [OBJECT, Box("a", (50, 50, 60, 60))]
    rows = [(0, 0, 10, 10, 0.9), (90, 90, 99, 99, 0.8), (50, 50, 60, 60, 0.7)]
    assert ap(boxes, *rows) == pytest.approx((1 + 2 / 3) / 2)
    assert ap(boxes, *rows, rule="11 points") == pytest.approx((6 + 5 * 2 / 3) / 11)
