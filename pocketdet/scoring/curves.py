"""Precision and recall over the score threshold, at IoU 0.5.

Thresholds are whole thousandths: readable, and robust against the last bits in which the trained
net and its converted files differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import ALL
from pocketdet.errors import DatasetError
from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.table import Table

IOU_MIN = 0.5
COLUMNS = (
    "threshold",
    "precision",
    "recall",
    "f1",
    "false_alarms_per_image",
    "hits",
    "false_alarms",
    "objects",
)


@dataclass(frozen=True)
class Curve:
    """Counts above each threshold, of one class or of all.

    Attributes:
        thresholds: (T,) rising, thousandths from score_min to 1.
        hits: (T,) detections that took an object.
        false_alarms: (T,) detections that took none and are not ignored.
        objects: Objects that count.
        images: Pictures looked at.
    """

    thresholds: Floats
    hits: Ints
    false_alarms: Ints
    objects: int
    images: int

    @property
    def precision(self) -> Floats:
        """Share of the detections that are hits, (T,); NaN where there is no detection."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> Floats:
        """Share of the objects that are hit, (T,); NaN where there is no object."""
        return _share(self.hits, np.full_like(self.hits, self.objects))

    def f(self, beta: float) -> Floats:
        """F-beta, (T,): recall weighs beta times as much as precision; NaN where there is nothing.

        Van Rijsbergen 1979, Information Retrieval, chapter 7.
        """
        weight = beta**2
        whole = weight * self.objects + self.hits + self.false_alarms
        return _share((1 + weight) * self.hits, whole)

    @property
    def false_alarms_per_image(self) -> Floats:
        """False alarms a picture, (T,)."""
        return self.false_alarms / self.images


def curves(table: Table, score_min: float) -> dict[str, Curve]:
    """Precision and recall over the threshold, of all classes pooled ("(all)") and of each.

    Args:
        table: The matched subset.
        score_min: Lowest score that was detected, 0..1.

    Raises:
        DatasetError: There is no image.
    """
    objects, found = table.objects, table.found
    if not objects.images:
        raise DatasetError("no precision and recall: the subset holds no image")
    row = table.row(IOU_MIN)
    hit, alarm = table.hit[row], ~table.hit[row] & ~table.ignored[row]
    thresholds = np.arange(int(np.ceil(score_min * 1000 - 1e-9)), 1001) / 1000

    def curve(of_class: Bools, n: int) -> Curve:
        return Curve(
            thresholds,
            _reaching(found.scores[of_class & hit], thresholds),
            _reaching(found.scores[of_class & alarm], thresholds),
            n,
            len(objects.images),
        )

    counts = np.bincount(objects.label[table.counts], minlength=len(objects.classes)).tolist()
    every = np.ones(len(found), np.bool_)
    named = {name: curve(found.label == k, counts[k]) for k, name in enumerate(objects.classes)}
    return {ALL: curve(every, sum(counts)), **named}


def rows(curve: Curve) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV under `COLUMNS`, one per hundredth of threshold; empty where undefined."""
    shares = (curve.precision, curve.recall, curve.f(1), curve.false_alarms_per_image)
    for i in np.flatnonzero(np.round(curve.thresholds * 1000) % 10 == 0):
        yield (
            f"{curve.thresholds[i]:.2f}",
            *("" if np.isnan(share[i]) else f"{share[i]:.6f}" for share in shares),
            *map(str, (curve.hits[i], curve.false_alarms[i], curve.objects)),
        )


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _reaching(scores: Floats, thresholds: Floats) -> Ints:
    """How many scores are >= each threshold, compared as float32 like the runtimes' scores."""
    rising = np.sort(scores).astype(np.float32)
    return len(rising) - np.searchsorted(rising, thresholds.astype(np.float32), side="left")
