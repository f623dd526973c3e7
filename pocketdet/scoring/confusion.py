"""Which class is taken for which, and for background, at one operating point."""

from dataclasses import dataclass

import numpy as np

from pocketdet.scoring.columns import Bools, Ints
from pocketdet.scoring.overlaps import assign
from pocketdet.scoring.table import Table

BACKGROUND = "background"


@dataclass(frozen=True)
class Confusion:
    """Counts of objects and detections that belong together.

    Attributes:
        names: Classes, then "background".
        counts: (K + 1, K + 1) true class by found class. In the last column objects that were
            missed, in the last row detections of nothing.
    """

    names: tuple[str, ...]
    counts: Ints


def confusion(table: Table, shown: Bools, iou_min: float) -> Confusion:
    """The confusion matrix of the detections that an operating point reports.

    First detections and objects of one class are matched as in scoring, so that the diagonal holds
    the hits of the operating point. What is left over on both sides is then matched whatever the
    class. Ignored objects and detections in regions to ignore are in no cell.

    Args:
        table: The matched subset.
        shown: (D,) detections that are looked at.
        iou_min: Overlap from which two belong together: one of the table's thresholds.
    """
    row = table.row(iou_min)
    found, objects = table.found, table.objects
    hit = table.hit[row] & shown
    free = table.counts.copy()
    free[table.partner[row][hit]] = False
    left = shown & ~hit & ~table.ignored[row]

    near = table.near.take(free[table.near.object] & left[table.near.found])
    nobody = np.zeros(len(objects), np.bool_)
    (mistaken,) = assign(near, found, free, nobody, np.asarray([iou_min]))
    partner = np.where(hit, table.partner[row], mistaken)

    background = len(objects.classes)
    pairs = partner >= 0
    missed = table.counts.copy()
    missed[partner[pairs]] = False
    alarms = left & ~pairs
    counts = np.zeros((background + 1, background + 1), np.int64)
    np.add.at(counts, (objects.label[partner[pairs]], found.label[pairs]), 1)
    counts[:background, background] = np.bincount(objects.label[missed], minlength=background)
    counts[background, :background] = np.bincount(found.label[alarms], minlength=background)
    return Confusion((*objects.classes, BACKGROUND), counts)
