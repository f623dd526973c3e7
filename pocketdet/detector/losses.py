"""What a prediction costs: cross-entropy on soft scores, CIoU on boxes, spread of distances.

All are divided by the sum of the target scores, so that pictures with many objects weigh more
than empty ones but a batch weighs the same whatever the number of anchors.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from keras import ops

from pocketdet.detector import coding
from pocketdet.detector.assignment import assign
from pocketdet.detector.decode import anchors
from pocketdet.detector.spec import BINS, NetSpec


class Weights(NamedTuple):
    """Of the parts against the class scores, which weigh 1, and what is done to those.

    Attributes:
        boxes: Of 1 - CIoU.
        distances: Of an anchor-free head's distributions.
        smoothing: Share, 0..1, of a prediction's target that all classes get in equal parts
            (Szegedy et al. 2016, section 7). Background has no target, so its stays 0.
        classes: Of each class's scores; empty = 1 each.
        lesson_scores: Of what a teacher says of the scores.
        lesson_boxes: Of what it says of the boxes, times the weight of the truth's.
    """

    boxes: float
    distances: float
    smoothing: float = 0.0
    classes: tuple[float, ...] = ()
    lesson_scores: float = 0.0
    lesson_boxes: float = 0.0


class Losses(NamedTuple):
    """Scalars.

    Attributes:
        total: Weighted sum of the others: what training lowers.
        scores: Of the class scores.
        boxes: Of the boxes, without the weight.
        distances: Of the distributions, without the weight; 0 without an anchor-free head.
        lesson: What differing from a teacher costs, weighted; 0 without one.
    """

    total: Any
    scores: Any
    boxes: Any
    distances: Any
    lesson: Any


TEMPERATURE = 10.0  # of the distributions that are taught (Zheng et al. 2022, section 4.1)


def detector_loss(
    outputs: Mapping[str, Any],
    objects_xyxy: Any,
    labels: Any,
    ignore: Any,
    spec: NetSpec,
    top_k: int,
    weights: Weights,
    taught: Mapping[str, Any] | None = None,
) -> Losses:
    """Cost of a batch.

    Args:
        outputs: The net's maps by name, raw.
        objects_xyxy: (B, M, 4), input px; M at least 1.
        labels: (B, M) int; -1 = no object; -2 = ignore whatever the class.
        ignore: (B, M) bool. Predictions in such a region cost nothing, of its class or of any.
        spec: The net.
        top_k: Predictions an object gets at most.
        weights: Of the parts.
        taught: A teacher's maps of the same pictures, if there is one.
    """
    logits = coding.logits(outputs, spec)
    boxes = ops.concatenate(coding.boxes(outputs, spec), axis=-1)
    target = assign(
        ops.sigmoid(logits), boxes, _cells(spec), objects_xyxy, labels, ignore, top_k
    )  # fmt: skip
    weight = ops.sum(target.scores, axis=-1)  # (B, A)
    amount = ops.maximum(ops.sum(weight), 1.0)
    wanted = target.scores
    if weights.smoothing:
        mean = ops.mean(wanted, axis=-1, keepdims=True)
        wanted = (1 - weights.smoothing) * wanted + weights.smoothing * mean
    entropy = _entropy(logits, wanted)
    if weights.classes:
        entropy = entropy * ops.convert_to_tensor(weights.classes, dtype=logits.dtype)
    # An ignore region does not silence an object that counts and lies in it.
    counted = ops.maximum(target.counts, ops.cast(target.scores > 0, logits.dtype))
    scores = ops.sum(entropy * counted) / amount
    misfit = ops.where(weight > 0, 1.0 - ciou(boxes, target.boxes_xyxy), 0.0)
    places = ops.sum(misfit * weight) / amount
    spread = ops.zeros_like(places)
    if spec.anchor_free:
        distributions = coding.distributions(outputs, spec)
        spread = ops.sum(distance_loss(distributions, target.boxes_xyxy, spec) * weight) / amount
    told = ops.zeros_like(places)
    if taught is not None:
        told = lesson(outputs, taught, counted, spec, weights)
    total = scores + weights.boxes * places + weights.distances * spread + told
    return Losses(total, scores, places, spread, told)


def lesson(
    outputs: Mapping[str, Any],
    taught: Mapping[str, Any],
    counted: Any,
    spec: NetSpec,
    weights: Weights,
) -> Any:
    """What differing from the teacher costs: a scalar, 0 where both say the same.

    Scores: Kullback-Leibler divergence from the teacher's, a sigmoid each (Hinton et al. 2015).
    Boxes: that of an anchor-free head's distributions, softened (localisation distillation, Zheng
    et al. 2022, equations 3 and 5), else 1 - CIoU; each by the teacher's highest score there. All
    is divided by the sum of those scores, also where they do not count: else an ignore region in
    which both agree would make the rest dearer.

    Args:
        outputs: The net's maps by name, raw.
        taught: The teacher's.
        counted: (B, A, C), 1, or 0 where the truth is not known: there the teacher is not asked.
        spec: Of both, as far as their outputs go.
        weights: Of the parts.
    """
    taught = {name: ops.stop_gradient(value) for name, value in taught.items()}
    logits, wanted = coding.logits(outputs, spec), coding.logits(taught, spec)
    target = ops.sigmoid(wanted)
    weight = ops.max(target * counted, axis=-1)  # (B, A)
    amount = ops.maximum(ops.sum(ops.max(target, axis=-1)), 1.0)
    scores = ops.sum((_entropy(logits, target) - _entropy(wanted, target)) * counted)
    if spec.anchor_free:
        logs, said = (
            ops.log_softmax(coding.distributions(maps, spec) / TEMPERATURE, axis=-1)
            for maps in (taught, outputs)
        )
        apart = TEMPERATURE**2 * ops.mean(ops.exp(logs) * (logs - said), axis=(-2, -1))
        box_weight = weights.distances
    else:
        apart = 1.0 - ciou(*(ops.concatenate(coding.boxes(m, spec), -1) for m in (outputs, taught)))
        box_weight = weights.boxes
    boxes = weights.lesson_boxes * box_weight * ops.sum(apart * weight)
    return (weights.lesson_scores * scores + boxes) / amount


def class_weights(
    chosen: Mapping[str, float] | Literal["balanced"],
    classes: Sequence[str],
    objects: Sequence[int],
) -> tuple[float, ...]:
    """The weight of each class's scores; nothing if all weigh 1.

    Args:
        chosen: Those that differ from 1 by name; or `balanced`: the mean number of objects a class
            over that class's own, so that an object weighs 1 on average.
        classes: Names in the order of their numbers.
        objects: Of each class in the training pictures; a class without any weighs 1.
    """
    if chosen == "balanced":
        mean = sum(objects) / max(1, sum(count > 0 for count in objects))
        found = tuple(mean / count if count else 1.0 for count in objects)
    else:
        found = tuple(chosen.get(name, 1.0) for name in classes)
    return found if any(weight != 1 for weight in found) else ()


def distance_loss(distributions: Any, boxes_xyxy: Any, spec: NetSpec) -> Any:
    """Distribution focal loss (GFL, Li et al. 2020, equation 6), mean over the four sides.

    The true distance lies between two bins, which shall share the weight by how near they are.

    Args:
        distributions: (B, A, 4, BINS) logits of left, top, right, bottom.
        boxes_xyxy: (B, A, 4) true boxes, input px; what lies beyond the last bin counts as there.
        spec: The net.

    Returns:
        (B, A), 0 at the least only where a distance is a whole number of cells.
    """
    base = ops.convert_to_tensor(anchors(spec))
    centres, sides = base[:, :2], base[:, 2:]
    true = ops.concatenate(
        [centres - boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - centres], axis=-1
    ) / ops.concatenate([sides, sides], axis=-1)  # in cells
    true = ops.clip(true, 0.0, BINS - 1.0)[..., None]
    near = ops.relu(1.0 - ops.abs(true - ops.arange(BINS, dtype="float32")))  # (B, A, 4, BINS)
    entropy = -ops.sum(near * ops.log_softmax(distributions, axis=-1), axis=-1)
    return ops.mean(entropy, axis=-1)


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


def _entropy(logits: Any, target: Any) -> Any:
    """Binary cross-entropy of each logit with its target, 0..1."""
    return ops.relu(logits) - logits * target + ops.softplus(-ops.abs(logits))


def _angle(wh: Any) -> Any:
    return ops.arctan(wh[..., 0] / (wh[..., 1] + 1e-7))


def _cells(spec: NetSpec) -> Any:
    """Centre and stride of each prediction's cell, (A, 3), input px."""
    w, h = spec.input_wh
    strides = np.concatenate(
        [
            np.full((w // v.stride) * (h // v.stride) * len(v.shapes_wh), v.stride, np.float32)
            for v in spec.levels
        ]
    )
    cells = np.concatenate([anchors(spec)[:, :2], strides[:, None]], axis=1)
    return ops.convert_to_tensor(cells)
