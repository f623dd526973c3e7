"""Every verdict on a subset's detections, made once: what curves, intervals and errors start from.

COCO's rules, at several IoU thresholds at once, in the same numbers as pycocotools:

- Only the best `limit` detections of each class in each picture are looked at.
- Best score first, a detection takes the free object of its class that it overlaps most.
- One that takes none but lies in an ignored region of its class (or of any class), by the
  threshold of its own area, is ignored; a region may absorb any number of detections.
- In a part (a range of sizes, a slice), objects outside it are ignored but can be taken, once each
  and by IoU, and a detection outside it that takes nothing is ignored.
"""

from dataclasses import dataclass, replace

import numpy as np

from pocketdet.scoring.columns import ANY_CLASS, Bools, Floats, Found, Ints, Objects
from pocketdet.scoring.overlaps import Pairs, assign, pairs

IOU_MINS = np.linspace(0.5, 0.95, 10)
"""COCO's thresholds."""

NEAR = 0.1
"""Overlap from which a pair is kept at all: TIDE's threshold between background and a bad box."""


@dataclass(frozen=True)
class Table:
    """Objects, detections and who took what.

    Attributes:
        objects: Ground truth.
        found: The detections that are looked at.
        near: Pairs that overlap by `NEAR` or more, of any classes.
        iou_mins: (T,) thresholds.
        counts: (G,) objects that count.
        partner: (T, D) object that each detection took or is ignored in, -1 for none.
        ignored: (T, D) detections that neither reward nor punish.
    """

    objects: Objects
    found: Found
    near: Pairs
    iou_mins: Floats
    counts: Bools
    partner: Ints
    ignored: Bools

    @property
    def hit(self) -> Bools:
        """(T, D) detections that took an object that counts."""
        return (self.partner >= 0) & ~self.ignored

    def row(self, iou_min: float) -> int:
        """Number of a threshold."""
        return int(np.argmin(np.abs(self.iou_mins - iou_min)))


def match(objects: Objects, found: Found, limit: int, iou_mins: Floats = IOU_MINS) -> Table:
    """Match detections with objects.

    Args:
        objects: Ground truth.
        found: Detections.
        limit: Detections of a class in a picture that are looked at, best first.
        iou_mins: (T,) rising thresholds, from `NEAR` on.
    """
    found = found.best(limit)
    near = pairs(objects, found, NEAR)
    return _matched(objects, found, near, iou_mins, ~objects.ignored)


def part(table: Table, objects: Bools, found: Bools) -> Table:
    """The table with some objects ignored, as COCO does with those outside a range of sizes.

    Args:
        table: Of all objects.
        objects: (G,) those that count, of those that counted before.
        found: (D,) detections that are a false alarm if they take nothing; others are ignored then.
    """
    matched = _matched(
        table.objects, table.found, table.near, table.iou_mins, table.counts & objects
    )
    return replace(matched, ignored=matched.ignored | ((matched.partner < 0) & ~found))


def _matched(objects: Objects, found: Found, near: Pairs, iou_mins: Floats, counts: Bools) -> Table:
    partner = assign(same_class(near, objects, found), found, counts, objects.ignored, iou_mins)
    ignored = (partner >= 0) & ~counts[partner] if len(objects) else np.zeros(partner.shape, bool)
    return Table(objects, found, near, iou_mins, counts, partner, ignored)


def same_class(near: Pairs, objects: Objects, found: Found) -> Pairs:
    """The pairs of one class; a region for any class goes with every detection."""
    wanted = objects.label[near.object]
    return near.take((wanted == found.label[near.found]) | (wanted == ANY_CLASS))
