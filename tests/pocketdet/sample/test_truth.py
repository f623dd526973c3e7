from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pocketdet.sample import Rendering, render
from pocketdet.sample.generate import picture
from pocketdet.sample.painting import Painting, Seen, Shape
from pocketdet.sample.truth import MIN_HEIGHT, MIN_VISIBLE, Convention, boxes, subjects

CONVENTIONS: tuple[Convention, ...] = ("coco", "voc", "kitti")
H, W = 60, 80


def scene(*things: tuple[str, int, tuple[int, int, int, int], str], front: tuple = ()) -> Painting:
    """Rectangles (kind, unit, xyxy, activity), each before the last one; `front` hides all."""
    owner = np.zeros((H, W), np.int32)
    seen = []
    for number, (kind, unit, (x1, y1, x2, y2), activity) in enumerate(things, 1):
        owner[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = number
        whole = Shape(np.ones((y2 - y1, x2 - x1), np.bool_), x1, y1)
        seen.append(Seen(kind, unit, activity, number, whole))
    if front:
        x1, y1, x2, y2 = front
        owner[y1:y2, x1:x2] = 99
        seen.append(Seen("prop", 99, "", 99, None))
    return Painting(np.zeros((H, W, 3), np.float32), owner, tuple(seen))


def annotate(painting: Painting) -> dict[str, list[tuple]]:
    return {
        name: [
            (b.label, b.xyxy, b.ignore, b.occlusion, b.truncation) for b in boxes(painting, name)
        ]
        for name in CONVENTIONS
    }


def test_a_person_in_full_view():
    found = annotate(scene(("person", 1, (10, 5, 20, 35), "walk")))
    edges = (10.0, 5.0, 20.0, 35.0)
    assert found == {
        "coco": [("person", edges, "", None, None)],
        "voc": [("person", edges, "", 0, 0.0)],
        "kitti": [("Pedestrian", edges, "", 0, 0.0)],
    }


def test_the_border_cuts_and_truncation_is_measured():
    found = annotate(scene(("person", 1, (-5, 5, 15, 35), "stand")))
    assert found["voc"] == [("person", (0.0, 5.0, 15.0, 35.0), "", 0, 0.5)]
    assert found["kitti"] == [("Pedestrian", (0.0, 5.0, 15.0, 35.0), "", 0, 0.25)]


@pytest.mark.parametrize(
    ("hidden_rows", "level", "occluded"), [(1, 0, 0), (5, 1, 1), (15, 2, 1), (22, 3, 1)]
)
def test_occlusion_levels_follow_the_visible_share(hidden_rows: int, level: int, occluded: int):
    hidden = scene(("person", 1, (10, 5, 20, 35), "stand"), front=(0, 35 - hidden_rows, W, 50))
    found = annotate(hidden)
    assert found["kitti"][0][3] == level
    assert found["voc"][0][3] == occluded
    assert found["coco"][0][1] == (10.0, 5.0, 20.0, 35.0 - hidden_rows)
    counts = 30 - hidden_rows >= MIN_VISIBLE * 30
    assert found["coco"][0][2] == ("" if counts else "iscrowd")
    assert found["voc"][0][2] == ("" if counts else "difficult")
    assert found["kitti"][0][2] == ""  # level 3 says it


def test_one_who_is_mostly_outside_is_not_asked_for():
    found = annotate(scene(("person", 1, (-16, 5, 4, 35), "stand")))
    assert [found[name][0][2] for name in CONVENTIONS] == ["iscrowd", "difficult", "DontCare"]


def test_small_people_are_not_asked_for_and_specks_are_not_annotated():
    high = round(MIN_HEIGHT * H) - 1
    found = annotate(scene(("person", 1, (10, 5, 16, 5 + high), "stand")))
    assert [found[name][0][2] for name in CONVENTIONS] == ["iscrowd", "difficult", "DontCare"]
    assert not boxes(scene(("person", 1, (10, 5, 13, 8), "stand")), "coco")


def test_a_crowd_is_one_group_everywhere():
    crowd = scene(("crowd", 7, (10, 5, 20, 35), "stand"), ("crowd", 7, (30, 10, 40, 40), "walk"))
    edges = (10.0, 5.0, 40.0, 40.0)
    assert annotate(crowd) == {
        "coco": [("person", edges, "iscrowd", None, None)],
        "voc": [("person", edges, "difficult", 0, 0.0)],
        "kitti": [("DontCare", edges, "DontCare", None, None)],
    }


def test_a_rider_and_the_bicycle_are_one_cyclist_in_kitti_only():
    pair = scene(("bicycle", 4, (10, 20, 40, 40), ""), ("person", 4, (20, 2, 30, 35), "ride"))
    found = annotate(pair)
    for name in ("coco", "voc"):
        assert [box[:3] for box in found[name]] == [
            ("bicycle", (10.0, 20.0, 40.0, 40.0), ""),
            ("person", (20.0, 2.0, 30.0, 35.0), ""),
        ]
    # The rider hides a part of the bicycle, yet nothing hides the two.
    assert found["kitti"] == [("Cyclist", (10.0, 2.0, 40.0, 40.0), "", 0, 0.0)]


def test_kitti_has_sitters_but_no_bicycles():
    found = boxes(
        scene(("bicycle", 1, (5, 20, 35, 40), ""), ("person", 2, (50, 20, 60, 40), "sit")),
        "kitti",
    )
    assert [box.label for box in found] == ["DontCare", "Person_sitting"]


def test_boxes_hold_exactly_the_visible_pixels(renderings: list[Rendering]):
    checked = 0
    for rendering in renderings:
        owner = rendering.painting.owner
        numbers = [t.number for t in rendering.painting.things if t.kind in ("person", "bicycle")]
        expected = set()
        for number in numbers:
            rows, columns = np.nonzero(owner == number)
            if len(rows) >= 12:
                low, high = (columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)
                expected.add(tuple(map(float, low + high)))
        found = {s.xyxy for s in subjects(rendering.painting, pairs=False) if s.kind != "crowd"}
        assert found == expected
        checked += len(found)
    assert checked > 100


def test_measured_shares_are_shares(renderings: list[Rendering]):
    for rendering in renderings:
        for subject in subjects(rendering.painting, pairs=True):
            assert 0 < subject.visible <= subject.inside <= subject.whole


def test_conventions_differ_in_words_not_in_boxes(renderings: list[Rendering]):
    for rendering in renderings:
        coco, voc = (boxes(rendering.painting, name) for name in ("coco", "voc"))
        assert [(b.label, b.xyxy, bool(b.ignore)) for b in coco] == [
            (b.label, b.xyxy, bool(b.ignore)) for b in voc
        ]


def test_a_picture_carries_the_truth_of_its_own_pixels():
    for source, name in (("s_coco", "coco"), ("s_voc", "voc"), ("s_kitti", "kitti")):
        made = picture(source, 5, (200, 150), 3)
        again = render(source, 5, (200, 150), 3)
        assert made.image.boxes == boxes(again.painting, name)


def test_the_sample_has_everything_worth_learning(renderings: list[Rendering]):
    found = [subjects(r.painting, pairs=False) for r in renderings]
    everything = [subject for picture in found for subject in picture]
    kinds = Counter(subject.kind for subject in everything)
    people = [s for s in everything if s.kind == "person" and not (s.small or s.hidden)]
    assert 1.5 < len(people) / len(renderings) < 5
    assert kinds["crowd"] >= 3
    assert kinds["bicycle"] >= 20
    assert sum(not picture for picture in found) >= 1
    assert sum(s.hidden for s in everything) >= 3
    assert sum(s.occlusion > 0.1 for s in people) >= 15
    assert sum(s.truncation > 0.1 for s in people) >= 5
    assert {"stand", "walk", "run", "sit", "arms_up", "crouch", "ride"} <= {
        s.activity for s in people
    }
    heights = np.array([s.xyxy[3] - s.xyxy[1] for s in people])
    assert np.median(heights) > 50
    assert np.quantile(heights, 0.9) > 2 * np.quantile(heights, 0.1)
    assert len({r.rgb.shape for r in renderings}) >= 3


def test_hiding_a_person_needs_no_other_truth():
    """A thing hidden wholly is not annotated; the one before it is whole."""
    painting = scene(
        ("person", 1, (10, 5, 20, 35), "stand"), ("person", 2, (8, 3, 22, 38), "stand")
    )
    assert [box.xyxy for box in boxes(painting, "coco")] == [(8.0, 3.0, 22.0, 38.0)]
    alone = replace(painting, things=painting.things[1:])
    assert boxes(painting, "coco") == boxes(alone, "coco")
