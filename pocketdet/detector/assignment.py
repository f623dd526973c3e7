"""Which prediction learns which object: task-aligned assignment (TOOD, Feng et al. 2021, sec. 3.3).

A prediction is as good for an object as score^0.5 * IoU^6 says; each object gets its best few.
The best of them shall say its own IoU as score and the others less, so that scores rank places too.
"""

from typing import Any, NamedTuple

from keras import ops

from pocketdet.dataset import ANY_CLASS

IOU_POWER = 6.0
IGNORED_SHARE = 0.5  # of a prediction's area inside an ignore region: COCO's rule at IoU 0.5
REACH = 1.0  # strides; an object smaller than a cell still has candidates this near its centre


class Targets(NamedTuple):
    """What the predictions should have said; no gradient flows through.

    Attributes:
        scores: (B, A, C), 0..1.
        boxes_xyxy: (B, A, 4) of the object, where any score is above 0.
        counts: (B, A, C), 1, or 0 where neither presence nor absence is known.
    """

    scores: Any
    boxes_xyxy: Any
    counts: Any


def assign(
    scores: Any,
    boxes_xyxy: Any,
    cells: Any,
    objects_xyxy: Any,
    labels: Any,
    ignore: Any,
    top_k: int,
) -> Targets:
    """Match predictions with objects.

    Args:
        scores: (B, A, C) predicted, 0..1.
        boxes_xyxy: (B, A, 4) predicted, input px.
        cells: (A, 3) centre x, centre y and stride of each prediction's cell, input px.
        objects_xyxy: (B, M, 4), input px; M at least 1.
        labels: (B, M) class number; -1 = no object; -2 = ignore whatever the class.
        ignore: (B, M) bool, regions that cost nothing.
        top_k: Predictions an object gets at most.
    """
    scores, boxes_xyxy = ops.stop_gradient(scores), ops.stop_gradient(boxes_xyxy)
    classes, dtype = scores.shape[-1], scores.dtype
    of_class = ops.one_hot(labels, classes, dtype=dtype)  # (B, M, C); negative labels give zeros
    counts = ops.logical_and(labels >= 0, ops.logical_not(ignore))  # (B, M)

    overlap = _intersections(objects_xyxy, boxes_xyxy)  # (B, M, A)
    predicted = _areas(boxes_xyxy)[:, None]  # (B, 1, A)
    iou = overlap / (_areas(objects_xyxy)[..., None] + predicted - overlap + 1e-9)
    score = ops.matmul(of_class, ops.transpose(scores, (0, 2, 1)))  # (B, M, A)
    quality = ops.sqrt(score) * iou**IOU_POWER
    quality = ops.where(
        ops.logical_and(counts[..., None], _near(cells, objects_xyxy)), quality, 0.0
    )

    least = ops.top_k(quality, min(top_k, quality.shape[-1]))[0][..., -1:]
    chosen = ops.logical_and(quality >= least, quality > 0)
    # A prediction that several objects chose goes to the one that it overlaps most.
    wish = ops.where(chosen, iou, 0.0)
    best = ops.max(wish, axis=1, keepdims=True)
    chosen = ops.logical_and(chosen, wish >= best)

    owner = ops.cast(chosen, dtype)  # objects that coincide share their predictions
    owner = owner / ops.maximum(ops.sum(owner, axis=1, keepdims=True), 1.0)

    quality = ops.where(chosen, quality, 0.0)
    wish = ops.where(chosen, iou, 0.0)
    scale = ops.max(wish, axis=2, keepdims=True) / (ops.max(quality, axis=2, keepdims=True) + 1e-12)
    soft = ops.transpose(quality * scale * owner, (0, 2, 1))  # (B, M, A) -> (B, A, M)
    owner = ops.transpose(owner, (0, 2, 1))
    return Targets(
        ops.stop_gradient(ops.matmul(soft, of_class)),
        ops.stop_gradient(ops.matmul(owner, objects_xyxy)),
        ops.stop_gradient(_known(overlap / (predicted + 1e-9), of_class, labels, ignore, dtype)),
    )


def _known(share: Any, of_class: Any, labels: Any, ignore: Any, dtype: Any) -> Any:
    """(B, A, C): 0 where a prediction lies in an ignore region of that class, else 1."""
    every = ops.cast(labels == ANY_CLASS, dtype)[..., None]
    classes = ops.where(ignore[..., None], ops.maximum(of_class, every), 0.0)  # (B, M, C)
    inside = ops.cast(share > IGNORED_SHARE, dtype)  # (B, M, A)
    hits = ops.matmul(ops.transpose(inside, (0, 2, 1)), classes)  # (B, A, C)
    return ops.cast(hits < 0.5, dtype)


def _near(cells: Any, objects_xyxy: Any) -> Any:
    """(B, M, A): whether a cell's centre lies in an object, or within reach of a tiny one."""
    centres = (objects_xyxy[..., :2] + objects_xyxy[..., 2:]) / 2  # (B, M, 2)
    halves = (objects_xyxy[..., 2:] - objects_xyxy[..., :2]) / 2
    reach = REACH * cells[:, 2]
    inside = True
    for axis in (0, 1):
        distance = ops.abs(cells[:, axis] - centres[..., axis : axis + 1])
        within = distance < ops.maximum(halves[..., axis : axis + 1], reach)
        inside = ops.logical_and(inside, within)
    return inside


def _intersections(a: Any, b: Any) -> Any:
    """(B, M, 4) and (B, A, 4) -> (B, M, A)."""
    sides = [
        ops.maximum(
            ops.minimum(a[..., i + 2, None], b[:, None, :, i + 2])
            - ops.maximum(a[..., i, None], b[:, None, :, i]),
            0.0,
        )
        for i in (0, 1)
    ]
    return sides[0] * sides[1]


def _areas(boxes_xyxy: Any) -> Any:
    """(..., 4) -> (...)."""
    sides = ops.maximum(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]
