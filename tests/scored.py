"""Subsets scored in one call, for tests of what is made of the scores."""

from collections.abc import Mapping

from pocketdet.config import Operating
from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.scoring import operating_point, results
from pocketdet.scoring.operating_point import Choice
from pocketdet.scoring.results import SubsetResult

SCORING = OperatingPoint(0.01, 0.6, 100)


def operating(**changes: object) -> Operating:
    """The constraint of most tests: one threshold with a precision of 0.9."""
    usual = {"rule": "precision", "target": 0.9, "thresholds": "shared"}
    return Operating(**{**usual, "nms_iou": (0.6,), "max_detections": (100,), **changes})


def choose(dataset: Dataset, found: Mapping[str, Detections], **changes: object) -> Choice:
    """The operating point of a subset."""
    tables = results.matched(dataset, {0.6: found}, 100)
    return operating_point.choose(tables, operating(**changes), 0.01)


def score(
    dataset: Dataset, found: Mapping[str, Detections], point: OperatingPoint = SCORING
) -> SubsetResult:
    """A subset's result at a point whose NMS is that of the detections."""
    sets = {0.6: found}
    return results.evaluate(dataset, sets, results.matched(dataset, sets, 100), SCORING, point)
