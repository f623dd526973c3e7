import numpy as np
import pytest
from scored import score

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring import columns, curves, table

OBJECT, ELSEWHERE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def result(*rows: tuple[float, bool]):
    """One object, and (score, is a hit) detections."""
    rows = sorted(rows, reverse=True)
    found = Detections(
        np.asarray([OBJECT if hit else ELSEWHERE for _, hit in rows], np.float32).reshape(-1, 4),
        np.asarray([score for score, _ in rows], np.float32),
        np.zeros(len(rows), np.int64),
    )
    dataset = Dataset(("person", "dog"), (Image("0.jpg", (99, 99), (Box("person", OBJECT),)),))
    return score(dataset, {"0.jpg": found})


def rows_at(curve: curves.Curve, threshold: str) -> dict[str, str]:
    rows = [dict(zip(curves.COLUMNS, row, strict=True)) for row in curves.rows(curve)]
    assert len(rows) == 100
    return next(row for row in rows if row["threshold"] == threshold)


def test_counts_at_a_threshold_include_the_score_itself() -> None:
    pooled = result((0.7, True), (0.7, False), (0.3, False)).curves[curves.ALL]
    assert rows_at(pooled, "0.70")["precision"] == "0.500000"
    assert rows_at(pooled, "0.70")["hits"] == "1"
    assert rows_at(pooled, "0.71")["precision"] == ""
    assert rows_at(pooled, "0.71")["recall"] == "0.000000"
    assert rows_at(pooled, "0.30")["false_alarms_per_image"] == "2.000000"


def test_class_without_objects_has_undefined_recall_not_zero() -> None:
    dog = result((0.9, True)).curves["dog"]
    assert rows_at(dog, "0.50")["recall"] == ""
    assert rows_at(dog, "0.50")["f1"] == ""


def test_f_weighs_recall_by_beta() -> None:
    pooled = result((0.9, True), (0.8, False)).curves[curves.ALL]
    at = int(np.flatnonzero(pooled.thresholds == 0.5)[0])
    precision, recall = 0.5, 1.0
    for beta in (0.5, 1, 2):
        expected = (1 + beta**2) * precision * recall / (beta**2 * precision + recall)
        assert pooled.f(beta)[at] == pytest.approx(expected)


def test_curve_of_no_picture_is_an_error() -> None:
    nothing = columns.sorted_found(*np.zeros((2, 0), np.int64), np.zeros((0, 4)), np.zeros(0))
    empty = table.match(columns.objects_of(Dataset(("a",))), nothing, 100)
    with pytest.raises(DatasetError, match="holds no image"):
        curves.curves(empty, 0.01)
