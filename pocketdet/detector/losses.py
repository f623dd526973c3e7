"""What a prediction costs: cross-entropy on soft scores and CIoU on boxes.

Both are divided by the sum of the target scores, so that pictures with many objects weigh more
than empty ones but a batch weighs the same whatever the number of anchors.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from pocketdet.detector.assignment import assign
from pocketdet.detector.decode import CENTRE_VARIANCE, MAX_LOG_SIZE, SIZE_VARIANCE, anchors
from pocketdet.detector.spec import NetSpec


class Losses(NamedTuple):
    """Scalars.

    Attributes:
        total: scores + box_weight * boxes: what training lowers.
        scores: Of the class scores.
        boxes: Of the boxes, without the weight.
    """

    total: Any
    scores: Any
    boxes: Any


def detector_loss(
    outputs: Mapping[str, Any],
    objects_xyxy: Any,
    labels: Any,
    ignore: Any,
    spec: NetSpec,
    top_k: int,
    box_weight: float,
) -> Losses:
    """Cost of a batch.

    Args:
        outputs: The net's maps by name, raw.
        objects_xyxy: (B, M, 4), input px; M at least 1.
        labels: (B, M) int; -1 = no object; -2 = ignore whatever the class.
        ignore: (B, M) bool. Predictions in such a region cost nothing, of its class or of any.
        spec: The net.
        top_k: Predictions an object gets at most.
        box_weight: Of the boxes against the scores.
    """
    logits = _flat(outputs, "scores", spec, len(spec.classes))
    boxes = decode(_flat(outputs, "boxes", spec, 4), anchors(spec))
    target = assign(
        ops.sigmoid(logits), boxes, _cells(spec), objects_xyxy, labels, ignore, top_k
    )  # fmt: skip
    weight = ops.sum(target.scores, axis=-1)  # (B, A)
    amount = ops.maximum(ops.sum(weight), 1.0)
    entropy = ops.relu(logits) - logits * target.scores + ops.softplus(-ops.abs(logits))
    # An ignore region does not silence an object that counts and lies in it.
    counted = ops.maximum(target.counts, ops.cast(target.scores > 0, logits.dtype))
    scores = ops.sum(entropy * counted) / amount
    misfit = ops.where(weight > 0, 1.0 - ciou(boxes, target.boxes_xyxy), 0.0)
    places = ops.sum(misfit * weight) / amount
    return Losses(scores + box_weight * places, scores, places)


def decode(offsets: Any, base: Any) -> Any:
    """The box coding of `detector.decode`, with gradients: (B, A, 4), (A, 4) -> xyxy (B, A, 4)."""
    centres = base[:, :2] + CENTRE_VARIANCE * offsets[..., :2] * base[:, 2:]
    logs = ops.minimum(SIZE_VARIANCE * offsets[..., 2:], MAX_LOG_SIZE)
    halves = base[:, 2:] * ops.exp(logs) / 2
    return ops.concatenate([centres - halves, centres + halves], axis=-1)


def ciou(a: Any, b: Any) -> Any:
    """Complete IoU (Zheng et al. 2020) of pairs of boxes, (..., 4) and (..., 4) -> (...)."""
    tiny = 1e-7
    wh_a, wh_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    sides = ops.maximum(high - low, 0.0)
    overlap = sides[..., 0] * sides[..., 1]
    iou = overlap / (wh_a[..., 0] * wh_a[..., 1] + wh_b[..., 0] * wh_b[..., 1] - overlap + tiny)
    hull = ops.maximum(a[..., 2:], b[..., 2:]) - ops.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance = ops.sum(apart**2, axis=-1) / (ops.sum(hull**2, axis=-1) + tiny)
    turn = _angle(wh_b) - _angle(wh_a)
    shape = 4 / math.pi**2 * turn**2
    trade = ops.stop_gradient(shape / (1 - iou + shape + tiny))
    return iou - distance - trade * shape


def _angle(wh: Any) -> Any:
    return ops.arctan(wh[..., 0] / (wh[..., 1] + 1e-7))


def _flat(outputs: Mapping[str, Any], kind: str, spec: NetSpec, values: int) -> Any:
    """All levels after each other, (B, A, values), in the order of `decode.anchors`."""
    maps = [outputs[f"{kind}_{level.stride}"] for level in spec.levels]
    return ops.concatenate(
        [
            ops.reshape(m, (-1, m.shape[1] * m.shape[2] * m.shape[3] // values, values))
            for m in maps
        ],
        axis=1,
    )


def _cells(spec: NetSpec) -> Any:
    """Centre and stride of each prediction's cell, (A, 3), input px."""
    w, h = spec.input_wh
    strides = np.concatenate(
        [
            np.full((w // v.stride) * (h // v.stride) * len(v.anchors_wh), v.stride, np.float32)
            for v in spec.levels
        ]
    )
    return np.concatenate([anchors(spec)[:, :2], strides[:, None]], axis=1)
