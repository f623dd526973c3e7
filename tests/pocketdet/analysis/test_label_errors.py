import numpy as np
import pytest

from pocketdet.analysis.label_errors import LEAST, rank, rows
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections

PLACES = ((10, 10, 30, 60), (50, 10, 70, 60), (90, 10, 110, 60))
CLASSES = ("person", "bicycle")


def detections(*found):
    boxes = np.array([xyxy for xyxy, _, _ in found], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score, _ in found], np.float32)
    return Detections(boxes, scores, np.array([label for _, _, label in found], np.int32))


RIGHT = detections(*((xyxy, 0.95, 0) for xyxy in PLACES))


def suspects(boxes, found):
    image = Image("a.jpg", (120, 80), tuple(boxes))
    return rank(Dataset(CLASSES, (image,)), {"a.jpg": found})


def people(*places):
    return [Box("person", xyxy) for xyxy in places]


def test_right_annotations_are_no_suspects():
    assert suspects(people(*PLACES), RIGHT) == []


def test_a_missing_box():
    found = suspects(people(*PLACES[:2]), RIGHT)
    assert [(s.kind, s.xyxy, s.suggested) for s in found] == [("missing", PLACES[2], "person")]
    assert found[0].suspicion == pytest.approx(0.95)


def test_a_spurious_box():
    extra = (10, 62, 30, 79)
    found = suspects(people(*PLACES, extra), RIGHT)
    assert [(s.kind, s.xyxy, s.suggested) for s in found] == [("spurious", extra, "")]


def test_of_boxes_that_are_not_found_at_all_the_larger_comes_first():
    small, large = (0, 0, 5, 5), (60, 62, 110, 79)
    found = suspects(people(*PLACES, small, large), RIGHT)
    assert [s.xyxy for s in found if s.suspicion == 1] == [large, small]


def test_a_shifted_box():
    moved = (19, 22, 39, 72)
    found = suspects(people(moved, *PLACES[1:]), RIGHT)
    assert [(s.kind, s.xyxy) for s in found if s.suspicion > 0.5] == [("shifted", moved)]


def test_a_mislabelled_box():
    boxes = [Box("bicycle", PLACES[0]), *people(*PLACES[1:])]
    found = suspects(boxes, RIGHT)
    assert (found[0].kind, found[0].label, found[0].suggested) == (
        "mislabelled",
        "bicycle",
        "person",
    )


def test_what_was_excluded_is_no_error():
    crowd = Box("DontCare", (80, 0, 120, 80), "DontCare")
    assert suspects([*people(*PLACES[:2]), crowd], RIGHT) == []
    difficult = Box("person", PLACES[2], "difficult")
    assert suspects([*people(*PLACES[:2]), difficult], RIGHT) == []


def test_a_rider_and_a_bicycle_in_one_place_are_two_objects():
    both = [Box("person", (10, 10, 40, 60)), Box("bicycle", (10, 12, 40, 62))]
    found = detections(((10, 10, 40, 60), 0.95, 0), ((10, 12, 40, 62), 0.95, 1))
    assert suspects(both, found) == []


def test_a_weak_detection_beside_a_good_one_says_nothing():
    found = detections(*((xyxy, 0.95, 0) for xyxy in PLACES), ((14, 16, 34, 66), 0.3, 0))
    assert suspects(people(*PLACES), found) == []


def test_kinds_take_turns_and_weak_ones_are_left_out():
    images, found = [], {}
    for n in range(6):
        score = 0.9 - 0.1 * n
        images.append(Image(f"m{n}.jpg", (120, 80)))
        found[f"m{n}.jpg"] = detections((PLACES[0], score, 0))
        images.append(Image(f"s{n}.jpg", (120, 80), tuple(people(PLACES[0]))))
        found[f"s{n}.jpg"] = detections((PLACES[0], 1 - score, 0))
    ranked = rank(Dataset(CLASSES, tuple(images)), found)
    assert [s.image for s in ranked[:4]] == ["s0.jpg", "m0.jpg", "s1.jpg", "m1.jpg"]
    assert all(s.suspicion >= LEAST[s.kind] for s in ranked)


def test_the_list_is_a_table():
    table = rows(suspects(people(*PLACES[:2]), RIGHT))
    assert dict(zip(*table[:2], strict=True)) == {
        "rank": 1, "image": "a.jpg", "kind": "missing", "suspicion": "0.9500", "class": "person",
        "suggested": "person", "x1": "90.00", "y1": "10.00", "x2": "110.00", "y2": "60.00",
    }  # fmt: skip
