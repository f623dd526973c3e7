from collections import defaultdict

import numpy as np
import pytest
from scored import choose, score

from pocketdet.dataset import ALL, Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import results
from pocketdet.scoring.bootstrap import Plan
from pocketdet.slices import parse

OBJECT, AWAY = (10.0, 10.0, 50.0, 90.0), (100.0, 10.0, 140.0, 90.0)


def detections(*rows: tuple[tuple[float, ...], float]) -> Detections:
    boxes = np.asarray([box for box, _ in rows], np.float32).reshape(-1, 4)
    scores = np.asarray([score for _, score in rows], np.float32)
    return Detections(boxes, scores, np.zeros(len(rows), np.int64))


def subset(**pictures: Detections) -> tuple[Dataset, dict[str, Detections]]:
    box = Box("person", OBJECT)
    images = tuple(Image(f"{name}.jpg", (200, 100), (box,)) for name in pictures)
    return Dataset(("person", "dog"), images), {f"{n}.jpg": d for n, d in pictures.items()}


@pytest.fixture
def test_result() -> results.SubsetResult:
    val = subset(a=detections((OBJECT, 0.9), (AWAY, 0.3)), b=detections((OBJECT, 0.6)))
    test = subset(
        fine=detections((OBJECT, 0.9)),
        missed=detections((OBJECT, 0.2)),
        wrong=detections((AWAY, 0.95), (OBJECT, 0.8), (AWAY, 0.1)),
        both=detections((AWAY, 0.7)),
    )
    choice = choose(*val)
    assert choice.point.score_min == 0.6
    return score(*test, choice.point)


def test_pictures_are_ranked_by_misses_and_confident_false_alarms(test_result) -> None:
    judged = results.judge(test_result)
    names = [test_result.dataset.images[j.index].path for j in judged]
    assert names == ["both.jpg", "missed.jpg", "wrong.jpg", "fine.jpg"]
    assert [j.badness for j in judged] == pytest.approx([1.7, 1, 0.95, 0])
    assert [(j.misses, j.false_alarms) for j in judged] == [(1, 1), (1, 0), (0, 1), (0, 0)]


def test_assessment_has_intervals_of_every_class_and_slices_worst_first(test_result) -> None:
    slices = parse({"all": "width > 0", "none": "source == 'x'", "ok": "'fine' in path"})
    found = results.assess(test_result, Plan(20, 0.95, 0), None, slices, None, defaultdict(str))
    assert set(found.intervals) == {ALL, "person", "dog"}
    recall = found.intervals["person"]["recall"]
    assert recall.value == 0.5
    assert recall.low < 0.5 < recall.high
    assert found.intervals["dog"]["AP"].value is None
    assert [each.name for each, _ in found.slices] == ["all", "ok", "none"]
    assert found.slices[1][1].overall["AP"].value == pytest.approx(1)
    assert found.slices[2][1] is None
    grouped = results.assess(test_result, Plan(20, 0.95, 0), np.asarray([0, 0, 1, 1]), [], None, {})
    assert grouped.intervals["person"]["recall"] != recall
