"""Which detections touch which objects, found once for all that is asked of them afterwards."""

from dataclasses import dataclass

import numpy as np

from pocketdet.boxes import areas, intersections
from pocketdet.scoring.columns import Bools, Floats, Found, Ints, Objects


@dataclass(frozen=True)
class Pairs:
    """A detection and an object of one picture that overlap; of any classes.

    Attributes:
        found: (P,) number of the detection, not falling.
        object: (P,) number of the object.
        overlap: (P,) intersection over union; where the object is ignored, over the detection's
            own area, as COCO measures crowds: such a region says nothing of one object's size.
    """

    found: Ints
    object: Ints
    overlap: Floats

    def take(self, which: Ints | Bools) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.found[which], self.object[which], self.overlap[which])


def pairs(objects: Objects, found: Found, overlap_min: float) -> Pairs:
    """All pairs that overlap by at least `overlap_min`, which must be above 0."""
    n = len(objects.images)
    first_object = np.searchsorted(objects.image, np.arange(n + 1))
    first_found = np.searchsorted(found.image, np.arange(n + 1))
    parts: list[tuple[Ints, Ints, Floats]] = []
    for i in range(n):
        g0, g1, d0, d1 = *first_object[i : i + 2], *first_found[i : i + 2]
        if g0 == g1 or d0 == d1:
            continue
        boxes, truth = found.boxes_xyxy[d0:d1], objects.boxes_xyxy[g0:g1]
        common = intersections(boxes, truth)
        own = areas(boxes)[:, None]
        whole = np.where(objects.ignored[g0:g1], own, own + areas(truth) - common)
        # A box without area has nothing in common with any: 0 / 0 stands for no overlap.
        overlap = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
        d, g = np.nonzero(overlap >= overlap_min)
        parts.append((d + d0, g + g0, overlap[d, g]))
    if not parts:
        return Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def assign(candidates: Pairs, found: Found, counts: Bools, shared: Bools, iou_mins: Floats) -> Ints:
    """Greedy one-to-one assignment by COCO's rule, at several thresholds at once.

    Best score first, each detection takes, of the objects that it overlaps by the threshold and
    that nobody took before, one that counts rather than an ignored one, then the one of highest
    overlap, then the last one: as COCOeval.evaluateImg does.

    Args:
        candidates: Pairs that may go together (of one class, say).
        found: The detections.
        counts: (G,) objects that count.
        shared: (G,) objects that any number of detections may take.
        iou_mins: (T,) thresholds.

    Returns:
        (T, D) the object of each detection, -1 for none.
    """
    partner = np.full((len(iou_mins), len(found)), -1, np.int64)
    taken = np.zeros((len(iou_mins), len(counts)), np.bool_)
    # Detections of different pictures do not compete, so the best of every picture choose together,
    # then the second ones. 5,000 pictures take as many rounds as the fullest of them needs.
    order = np.lexsort(
        (-candidates.object, -candidates.overlap, ~counts[candidates.object], candidates.found)
    )
    candidates = candidates.take(order)
    choosing = np.unique(candidates.found)
    image = found.image[choosing]
    turn_of = np.zeros(len(found), np.int64)
    turn_of[choosing] = np.arange(len(choosing)) - np.searchsorted(image, image)
    candidates = candidates.take(np.argsort(turn_of[candidates.found], kind="stable"))
    turns = turn_of[candidates.found]
    limits = np.minimum(iou_mins, 1 - 1e-10)[:, None]  # an IoU of 1 may be 1 - 1e-16 in floats
    for turn in range(turns.max(initial=-1) + 1):
        now = candidates.take(np.arange(*np.searchsorted(turns, (turn, turn + 1))))
        free = (now.overlap >= limits) & ~taken[:, now.object]  # (T, P)
        starts = np.flatnonzero(np.diff(now.found, prepend=-1))
        none = len(now.found)
        first = np.minimum.reduceat(np.where(free, np.arange(none), none), starts, axis=1)
        t, d = np.nonzero(first < none)
        chosen = now.object[first[t, d]]
        partner[t, now.found[starts[d]]] = chosen
        taken[t, chosen] = ~shared[chosen]
    return partner
