"""The recall that the net's predictions allow before anything is learnt: the ceiling.

With anchors: the share of objects that some anchor, on the grid of its level, overlaps enough.
Without: the share with the centre of some cell inside whose distances reach all four sides.
"""

from itertools import pairwise

import numpy as np

from pocketdet.analysis.stats import Bools, Floats, Ints, Rows
from pocketdet.dataset import ALL
from pocketdet.detector.decode import anchors
from pocketdet.detector.spec import BINS, NetSpec

IOUS = (0.3, 0.4, 0.5, 0.6, 0.7)
SIDES = (8, 16, 32, 64, 128)  # px; bins of the objects' size at the input
MOST = 20_000  # objects that are looked at, taken evenly
CHUNK = 256


def rows(boxes_xyxy: Floats, labels: Ints, spec: NetSpec) -> Rows:
    """The ceiling by class and size, as a table.

    Args:
        boxes_xyxy: (B, 4) objects that count, px of the input.
        labels: (B,) their class numbers.
        spec: The net.
    """
    step = -(-len(boxes_xyxy) // MOST) or 1
    boxes, labels = boxes_xyxy[::step], labels[::step]
    reached = _cells(boxes, spec) if spec.anchor_free else _overlapped(boxes, spec)
    heads = ["a cell inside"] if spec.anchor_free else [f"IoU {iou:g}" for iou in IOUS]
    table: Rows = [("class", "size at the input", "objects", *heads)]
    size = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) ** 0.5
    bins = np.searchsorted(SIDES, size, side="right")
    between = (f"{a} to {b} px" for a, b in pairwise(SIDES))
    names = [f"below {SIDES[0]} px", *between, f"from {SIDES[-1]} px"]
    for label, name in enumerate(spec.classes):
        mine = labels == label
        groups = [(ALL, mine), *((text, mine & (bins == n)) for n, text in enumerate(names))]
        for text, rows_ in groups:
            if rows_.any():
                shares = (f"{share:.4f}" for share in reached[rows_].mean(axis=0))
                table.append((name, text, int(rows_.sum()), *shares))
    return table


def _overlapped(boxes: Floats, spec: NetSpec) -> Bools:
    """(B, len(IOUS)) whether some anchor overlaps an object so much."""
    base = anchors(spec).astype(np.float64)
    low, high = base[:, :2] - base[:, 2:] / 2, base[:, :2] + base[:, 2:] / 2
    every = np.concatenate([low, high], axis=1)
    area = base[:, 2] * base[:, 3]
    best = np.zeros(len(boxes))
    for start in range(0, len(boxes), CHUNK):
        part = boxes[start : start + CHUNK, None]
        sides = np.minimum(part[..., 2:], every[:, 2:]) - np.maximum(part[..., :2], every[:, :2])
        overlap = np.prod(np.maximum(sides, 0), axis=-1)
        own = np.prod(part[..., 2:] - part[..., :2], axis=-1)
        best[start : start + CHUNK] = (overlap / (own + area - overlap)).max(axis=1)
    found: Bools = best[:, None] >= np.array(IOUS)
    return found


def _cells(boxes: Floats, spec: NetSpec) -> Bools:
    """(B, 1) whether a cell's centre is in an object, and its distances reach all four sides."""
    base = anchors(spec).astype(np.float64)
    centre, reach = base[:, :2], base[:, 2:] * (BINS - 1)
    found = np.zeros((len(boxes), 1), bool)
    for start in range(0, len(boxes), CHUNK):
        part = boxes[start : start + CHUNK, None]
        before, behind = centre - part[..., :2], part[..., 2:] - centre
        inside = (before > 0) & (behind > 0) & (before <= reach) & (behind <= reach)
        found[start : start + CHUNK, 0] = np.any(inside.all(axis=-1), axis=1)
    return found
