import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring import calibration, columns, table


def scene(rows: list[tuple[float, bool]], extra: tuple[Box, ...] = ()) -> table.Table:
    """One object a row, far from each other, with a detection on it or beside it."""
    boxes, corners = [], []
    for i, (_, hit) in enumerate(rows):
        x = 20 * i
        boxes.append(Box("a", (x, 0, x + 10, 10)))
        corners.append((x, 0 if hit else 50, x + 10, 10 if hit else 60))
    dataset = Dataset(("a", "b"), (Image("0.jpg", (9999, 200), (*boxes, *extra)),))
    found = Detections(
        np.asarray(corners, np.float64).reshape(-1, 4),
        np.asarray([score for score, _ in rows]),
        np.zeros(len(rows), np.int64),
    )
    objects, given = columns.objects_of(dataset), columns.found_of(dataset, {"0.jpg": found})
    return table.match(objects, given, 1000)


def test_the_diagram_and_its_error() -> None:
    rows = [(0.9, True), (0.9, True), (0.9, False), (0.9, False), (0.2, False)]
    overall, per_class = calibration.reliability(scene(rows), bins=4, iou_min=0.5)
    assert overall.edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert overall.counts.tolist() == [1, 0, 0, 4]
    np.testing.assert_allclose(overall.scores, [0.2, np.nan, np.nan, 0.9])
    np.testing.assert_allclose(overall.precisions, [0, np.nan, np.nan, 0.5])
    assert overall.error == pytest.approx((4 * 0.4 + 0.2) / 5)
    assert per_class["a"].error == overall.error
    assert per_class["b"].error is None
    assert per_class["b"].counts.sum() == 0


def test_a_calibrated_detector_has_next_to_no_error() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(4000)
    honest = [
        (score, bool(hit)) for score, hit in zip(scores, rng.random(4000) < scores, strict=True)
    ]
    boast = [(np.sqrt(score), hit) for score, hit in honest]
    assert calibration.reliability(scene(honest[:900]), 10, 0.5)[0].error < 0.05
    assert calibration.reliability(scene(boast[:900]), 10, 0.5)[0].error > 0.12


def test_bins_hold_their_upper_edge_and_both_ends() -> None:
    overall, _ = calibration.reliability(scene([(0.0, True), (0.5, True), (1.0, True)]), 2, 0.5)
    assert overall.counts.tolist() == [2, 1]


def test_ignored_detections_are_left_out() -> None:
    region = Box("a", (0, 40, 30, 80), "iscrowd")
    overall, _ = calibration.reliability(scene([(0.9, False), (0.8, True)], (region,)), 10, 0.5)
    assert overall.counts.sum() == 1


def test_no_detection_has_no_error_and_scores_beyond_one_are_refused() -> None:
    assert calibration.reliability(scene([]), 10, 0.5)[0].error is None
    with pytest.raises(DatasetError, match=r"scores from 0\.5 to 3"):
        calibration.reliability(scene([(3.0, True), (0.5, True)]), 10, 0.5)
