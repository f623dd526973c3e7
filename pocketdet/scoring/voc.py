"""Average precision by PASCAL VOC's protocol: 11 points as in VOC 2007, all points as from 2010.

The rules of the devkit (VOCevaldet.m, VOCap.m; Everingham et al. 2010, section 4.2):

- Boxes are whole pixels, both ends included, so that a side is xmax - xmin + 1. Our boxes are pixel
  edges, in which this "+1" is contained already: it needs no other IoU than `pocketdet.boxes`.
- Best score first over all pictures, a detection looks at the one object of its class that it
  overlaps most, taken or not. Below the threshold, or if a better one took it, it is a false alarm;
  it does not go on to the next object, as it would in COCO's protocol.
- If that object is difficult (any ignored box), the detection neither rewards nor punishes, however
  many there are, and overlap is IoU there too. There are no crowds.
- There is no limit on detections a picture, and AP is at one IoU: 0.5.
- 11 points: the mean of the highest precision at recall 0, 0.1 .. 1 or more. All points: the area
  under precision, made not to rise with falling recall. The levels are 0.1 * i in floats, as all
  Python implementations have them, so 9 of 15 objects do not reach 0.1 * 6 = 0.6000000000000001.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from pocketdet.scoring.columns import Bools, Found, Objects
from pocketdet.scoring.overlaps import pairs
from pocketdet.scoring.table import same_class

IOU_MIN = 0.5
"""VOC's threshold."""

LEVELS = np.arange(11) * 0.1
"""Recalls of the 11 points."""

Rule = Literal["11 points", "all points"]


def average_precision(
    objects: Objects, found: Found, iou_min: float, rule: Rule
) -> dict[str, float | None]:
    """AP of each class, 0..1; None for a class without an object that counts.

    Args:
        objects: Ground truth; difficult objects are ignored ones.
        found: Detections.
        iou_min: Overlap from which a detection is a hit, above 0; the protocol's is `IOU_MIN`.
        rule: How the curve becomes a number.
    """
    hit, ignored = _verdicts(objects, found, iou_min)
    numbers: dict[str, float | None] = {}
    for k, name in enumerate(objects.classes):
        total = int(np.sum((objects.label == k) & ~objects.ignored))
        shown = (found.label == k) & ~ignored
        best_first = np.argsort(-found.scores[shown], kind="stable")
        numbers[name] = _area(hit[shown][best_first], total, rule) if total else None
    return numbers


def _verdicts(objects: Objects, found: Found, iou_min: float) -> tuple[Bools, Bools]:
    """Whether each detection is a hit, and whether it is ignored, (D,) each."""
    plain = replace(objects, ignored=np.zeros(len(objects), np.bool_))  # IoU for difficult ones too
    near = same_class(pairs(plain, found, iou_min), objects, found)
    # Most overlap first, then the first object; so the first pair of each detection is its own.
    near = near.take(np.lexsort((near.object, -near.overlap, near.found)))
    looking, first = np.unique(near.found, return_index=True)
    looked_at = near.object[first]

    ignored = np.zeros(len(found), np.bool_)
    ignored[looking] = objects.ignored[looked_at]
    hit = np.zeros(len(found), np.bool_)
    # Within a picture `found` is sorted by score: the first to look at an object takes it.
    taken, taker = np.unique(looked_at, return_index=True)
    hit[looking[taker]] = ~objects.ignored[taken]
    return hit, ignored


def _area(hit: Bools, total: int, rule: Rule) -> float:
    """AP from the hits, best score first, of a class with `total` objects."""
    hits = np.cumsum(hit)
    precision = hits / np.arange(1, len(hit) + 1)
    if rule == "11 points":
        reached = hits / total >= LEVELS[:, None]  # (11, D)
        return float(np.where(reached, precision, 0).max(axis=1, initial=0).mean())
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[hit].sum() / total)  # each hit adds one object's share of recall
