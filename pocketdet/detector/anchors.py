"""Anchor shapes from the data: k-means in IoU (YOLO9000, Redmon and Farhadi 2017, section 2)."""

import numpy as np
import numpy.typing as npt

from pocketdet.detector.spec import Level
from pocketdet.errors import DatasetError

Floats = npt.NDArray[np.float64]

_MOST = 20_000  # boxes, taken evenly: more move no shape by what matters
_ROUNDS = 300  # the assignment has always been stable long before
_STRETCHES = (0.7, 1.4, 0.5, 2.0)  # shapes that stand in where the data has too few


def kmeans_anchors(
    boxes_wh: npt.NDArray[np.floating], strides: tuple[int, ...], per_level: int, seed: int
) -> tuple[Level, ...]:
    """Shapes that overlap the boxes best, the smallest on the finest level.

    Args:
        boxes_wh: (N, 2) widths and heights, input pixels. A handful is enough; where there are
            fewer different shapes than anchors, scaled copies fill up.
        strides: Input pixels per cell of the levels, rising.
        per_level: Shapes on each.
        seed: Of the first guess.

    Returns:
        One level a stride; shapes rounded to 0.01 px, by area.

    Raises:
        DatasetError: No box, or one without area.
    """
    boxes = np.asarray(boxes_wh, dtype=np.float64).reshape(-1, 2)
    if len(boxes) == 0 or not (boxes > 0).all():
        raise DatasetError(
            f"anchors: expected boxes with a width and height above 0, found {len(boxes)} boxes, "
            f"{int((~(boxes > 0).all(axis=1)).sum())} of them without area; "
            "does the training subset hold an object that counts?"
        )
    boxes = boxes[:: -(-len(boxes) // _MOST)]
    wanted = len(strides) * per_level
    shapes = _kmeans(_at_least(boxes, wanted), wanted, np.random.default_rng(seed))
    shapes = np.maximum(shapes.round(2), 0.01)
    order = np.lexsort((shapes[:, 0], shapes.prod(axis=1)))
    groups = shapes[order].reshape(len(strides), per_level, 2)
    return tuple(
        Level(stride, tuple((float(w), float(h)) for w, h in group))
        for stride, group in zip(sorted(strides), groups, strict=True)
    )


def best_possible_recall(
    boxes_wh: npt.NDArray[np.floating], levels: tuple[Level, ...], iou_min: float
) -> float:
    """Share of boxes, 0..1, whose best anchor overlaps by at least `iou_min` when centred on it."""
    boxes = np.asarray(boxes_wh, dtype=np.float64).reshape(-1, 2)
    shapes = np.asarray([shape for level in levels for shape in level.anchors_wh])
    return float((_ious(boxes, shapes).max(axis=1) >= iou_min).mean()) if len(boxes) else 1.0


def _kmeans(boxes: Floats, k: int, rng: np.random.Generator) -> Floats:
    # k-means++ (Arthur and Vassilvitskii 2007) with the distance 1 - IoU.
    centres: Floats = boxes[rng.integers(len(boxes))][None]
    for _ in range(k - 1):
        distance = (1 - _ious(boxes, centres).max(axis=1)).clip(0) ** 2
        centres = np.vstack([centres, boxes[rng.choice(len(boxes), p=distance / distance.sum())]])
    nearest = np.full(len(boxes), -1)
    for _ in range(_ROUNDS):
        previous, nearest = nearest, _ious(boxes, centres).argmax(axis=1)
        if (nearest == previous).all():
            break
        members = [boxes[nearest == i] for i in range(k)]
        centres = np.stack(
            [m.mean(axis=0) if len(m) else c for m, c in zip(members, centres, strict=True)]
        )
    return centres


def _at_least(boxes: Floats, k: int) -> Floats:
    """The boxes, with scaled copies if fewer than k of them differ."""
    scale = 1.0
    filled: Floats = boxes
    while len(np.unique(filled.round(2), axis=0)) < k:
        scale *= 1.1
        filled = np.vstack([filled, *(boxes * stretch * scale for stretch in _STRETCHES)])
    return filled


def _ious(boxes: Floats, shapes: Floats) -> Floats:
    """IoU of sizes that share a centre, (N, 2) and (K, 2) -> (N, K)."""
    overlap = np.minimum(boxes[:, None], shapes[None]).prod(axis=-1)
    union = boxes.prod(axis=-1)[:, None] + shapes.prod(axis=-1)[None] - overlap
    ious: Floats = overlap / union
    return ious
