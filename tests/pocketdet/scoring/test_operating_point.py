import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring import operating_point as op

OBJECT = (0.0, 0.0, 10.0, 10.0)
ELSEWHERE = (50.0, 50.0, 60.0, 60.0)


def scene(*pictures: list[tuple[float, bool]], objects: int = 1) -> tuple[Dataset, dict]:
    """Pictures with one object each and (score, is a hit) detections."""
    images, found = [], {}
    for i, rows in enumerate(pictures):
        boxes = (Box("person", OBJECT),) * objects
        images.append(Image(f"{i}.jpg", (100, 100), boxes))
        rows = sorted(rows, reverse=True)
        found[f"{i}.jpg"] = Detections(
            np.asarray([OBJECT if hit else ELSEWHERE for _, hit in rows], np.float32).reshape(
                -1, 4
            ),
            np.asarray([score for score, _ in rows], np.float32),
            np.zeros(len(rows), np.int64),
        )
    return Dataset(("person", "dog"), tuple(images)), found


def curve_of(dataset, found, score_min=0.01) -> op.Curve:
    return op.curves(dataset, found, op.match_all(dataset, found), score_min)[op.ALL]


# Three hits at 0.9, 0.7 and 0.3, false alarms at 0.8, 0.6, 0.5 and 0.2.
MIXED = ([(0.9, True), (0.8, False)], [(0.7, True), (0.6, False), (0.5, False)], [(0.3, True)])


def test_counts_at_a_threshold_include_the_score_itself() -> None:
    curve = curve_of(*scene(*MIXED))
    at = curve.at(0.7)
    assert at["precision"] == pytest.approx(2 / 3)
    assert at["recall"] == pytest.approx(2 / 3)
    assert at["false_alarms_per_image"] == pytest.approx(1 / 3)
    assert curve.at(0.701)["recall"] == pytest.approx(1 / 3)
    assert curve.at(0.95) == {"precision": None, "recall": 0.0, "false_alarms_per_image": 0.0}


def test_takes_the_highest_recall_that_keeps_the_precision() -> None:
    curve = curve_of(*scene(*MIXED))
    choice = op.choose(curve, 0.66)
    assert choice.reached
    assert choice.threshold == 0.7
    choice = op.choose(curve, 1.0)
    assert (choice.threshold, choice.reached) == (0.9, True)
    assert op.choose(curve, 0.5).threshold == 0.3


def test_precision_that_dips_in_between_does_not_hide_a_lower_threshold() -> None:
    curve = curve_of(*scene([(0.9, False)], [(0.8, True)], [(0.7, True)]))
    assert op.choose(curve, 0.6).threshold == 0.7


def test_unreachable_target_falls_back_to_the_best_f1_and_says_so() -> None:
    curve = curve_of(*scene([(0.9, False)], [(0.8, True), (0.1, False)], [(0.7, True)]))
    choice = op.choose(curve, 0.99)
    assert not choice.reached
    assert choice.threshold == 0.7
    assert "no threshold reaches precision 0.99" in choice.reason
    assert "F1" in choice.reason


def test_nothing_found_gives_the_lowest_threshold_and_says_so() -> None:
    choice = op.choose(curve_of(*scene([], [])), 0.9)
    assert (choice.threshold, choice.reached) == (0.01, False)
    assert "no object was found" in choice.reason


def test_no_object_to_choose_by_is_an_error() -> None:
    with pytest.raises(DatasetError, match="holds no object"):
        op.choose(curve_of(*scene([(0.9, False)], objects=0)), 0.9)


def test_class_without_objects_has_undefined_recall_not_zero() -> None:
    dataset, found = scene(*MIXED)
    curves = op.curves(dataset, found, op.match_all(dataset, found), 0.01)
    assert curves["dog"].at(0.5) == {
        "precision": None,
        "recall": None,
        "false_alarms_per_image": 0.0,
    }
    rows = list(op.rows(curves["dog"]))
    assert [row[0] for row in rows[:2]] == ["0.01", "0.02"]
    assert len(rows) == 100
    assert dict(zip(op.COLUMNS, rows[0], strict=True))["precision"] == ""


def test_rows_are_the_curve_at_hundredths() -> None:
    rows = [dict(zip(op.COLUMNS, row, strict=True)) for row in op.rows(curve_of(*scene(*MIXED)))]
    at = next(row for row in rows if row["threshold"] == "0.70")
    assert (at["precision"], at["hits"], at["false_alarms"]) == ("0.666667", "2", "1")


def test_threshold_keeps_exactly_the_counted_detections_in_float32() -> None:
    """A score that is a thousandth as float32 lies on the threshold, not below it."""
    dataset, found = scene([(0.301, True)], [(0.3, True)])
    choice = op.choose(curve_of(dataset, found), 0.9)
    kept = sum(int((d.scores >= choice.threshold).sum()) for d in found.values())
    assert kept == 2
