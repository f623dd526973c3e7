"""Whether a score can be read as a probability: reliability diagram, expected calibration error.

Guo et al. 2017, On Calibration of Modern Neural Networks, section 2; for detectors the share of
hits among the detections of a score takes the place of accuracy (Küppers et al. 2020, Multivariate
Confidence Calibration for Object Detection, section 3). Objects that were missed play no part.
"""

from dataclasses import dataclass

import numpy as np

from pocketdet.errors import DatasetError
from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.table import Table


@dataclass(frozen=True)
class Reliability:
    """The diagram of one class, or of all detections.

    Attributes:
        edges: (B + 1,) of the bins of scores, equally wide; a bin holds its upper edge.
        counts: (B,) detections in each.
        scores: (B,) their mean score; NaN in an empty bin.
        precisions: (B,) their share of hits; NaN in an empty bin.
        error: Expected calibration error: mean of |score - precision| over the detections, 0..1;
            None without any.
    """

    edges: Floats
    counts: Ints
    scores: Floats
    precisions: Floats
    error: float | None


def reliability(
    table: Table, bins: int, iou_min: float
) -> tuple[Reliability, dict[str, Reliability]]:
    """The diagram of all detections that are not ignored, and that of each class.

    Args:
        table: The matched subset.
        bins: Of scores, from 0 to 1.
        iou_min: Overlap from which a detection is a hit: one of the table's thresholds.

    Raises:
        DatasetError: A score is not between 0 and 1.
    """
    row = table.row(iou_min)
    shown = ~table.ignored[row]
    scores, hit, label = (c[shown] for c in (table.found.scores, table.hit[row], table.found.label))
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        raise DatasetError(
            f"scores from {scores.min():g} to {scores.max():g}: calibration is about probabilities "
            "between 0 and 1"
        )
    classes = table.objects.classes
    return _reliability(scores, hit, bins), {
        name: _reliability(scores[label == k], hit[label == k], bins)
        for k, name in enumerate(classes)
    }


def _reliability(scores: Floats, hit: Bools, bins: int) -> Reliability:
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, scores) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    score_sums = np.bincount(place, scores, bins)
    hit_sums = np.bincount(place, hit, bins)
    gaps = np.abs(score_sums - hit_sums).sum()
    empty = np.full(bins, np.nan)
    return Reliability(
        edges=edges,
        counts=counts,
        scores=np.divide(score_sums, counts, out=empty.copy(), where=counts > 0),
        precisions=np.divide(hit_sums, counts, out=empty.copy(), where=counts > 0),
        error=float(gaps / len(scores)) if len(scores) else None,
    )
