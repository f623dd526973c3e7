"""Every verdict on a subset's detections, made once: what curves, intervals and errors start from.

COCO's rules, at several IoU thresholds at once, in the same numbers as pycocotools:

- Only the best `limit` detections of each class in each picture are looked at.
- Best score first, a detection takes the free object of its class that it overlaps most.
- One that takes none but lies in an ignored region of its class (or of any class), by the
  threshold of its own area, is ignored; a region may absorb any number of detections.
- With a size bin, objects outside it are ignored but can be taken, once each and by IoU, and a
  detection outside it that takes nothing is ignored.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pocketdet.boxes import areas
from pocketdet.scoring.columns import ANY_CLASS, Bools, Floats, Found, Ints, Objects
from pocketdet.scoring.overlaps import Pairs, assign, pairs

IOU_MINS = np.linspace(0.5, 0.95, 10)
"""COCO's thresholds."""

NEAR = 0.1
"""Overlap from which a pair is kept at all: TIDE's threshold between background and a bad box."""


@dataclass(frozen=True)
class SizeBin:
    """Objects of a range of sizes.

    Attributes:
        name: For the report.
        low: Smallest side, included; the side of a box is the root of its area.
        high: Largest side, included.
        unit: Side in pixels, or relative to the root of the picture's area.
    """

    name: str
    low: float
    high: float
    unit: Literal["px", "relative"]

    def holds(self, boxes_xyxy: Floats, sizes_wh: Floats) -> Bools:
        """Whether boxes (N, 4) in pictures of these sizes (N, 2) are in the bin, (N,)."""
        # Compared as areas, exact for whole pixels, like COCO's ranges of 32^2 and 96^2.
        unit = np.prod(sizes_wh, axis=-1) if self.unit == "relative" else 1.0
        area = areas(boxes_xyxy)
        return (area >= self.low**2 * unit) & (area <= self.high**2 * unit)


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


def match(
    objects: Objects,
    found: Found,
    limit: int,
    iou_mins: Floats = IOU_MINS,
    size: SizeBin | None = None,
    near: Pairs | None = None,
) -> Table:
    """Match detections with objects.

    Args:
        objects: Ground truth.
        found: Detections.
        limit: Detections of a class in a picture that are looked at, best first.
        iou_mins: (T,) rising thresholds, from `NEAR` on.
        size: Count these objects only.
        near: Of a table made before from the same objects, detections and limit: saves half of
            the time.
    """
    found = found.best(limit)
    if near is None:
        near = pairs(objects, found, NEAR)
    counts = ~objects.ignored
    if size is not None:
        counts &= size.holds(objects.boxes_xyxy, objects.sizes_wh[objects.image])
    partner = assign(same_class(near, objects, found), found, counts, objects.ignored, iou_mins)
    ignored = (partner >= 0) & ~counts[partner] if len(objects) else np.zeros(partner.shape, bool)
    if size is not None:
        outside = ~size.holds(found.boxes_xyxy, objects.sizes_wh[found.image])
        ignored |= (partner < 0) & outside
    return Table(objects, found, near, iou_mins, counts, partner, ignored)


def same_class(near: Pairs, objects: Objects, found: Found) -> Pairs:
    """The pairs of one class; a region for any class goes with every detection."""
    wanted = objects.label[near.object]
    return near.take((wanted == found.label[near.found]) | (wanted == ANY_CLASS))
