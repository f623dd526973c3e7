"""From a net's raw outputs to detections, in numpy: the same code for every runtime.

Box coding of `ssdlite` (SSD, Liu et al. 2016, section 2.2, with its variances 0.1 and 0.2): for an
anchor with centre (ax, ay) and size (aw, ah), offsets (dx, dy, dw, dh) mean

    centre = (ax + 0.1 dx aw, ay + 0.1 dy ah)    size = (aw exp(0.2 dw), ah exp(0.2 dh))

Box coding of `anchor_free` (GFL, Li et al. 2020, section 3.2): for a cell with centre (ax, ay) and
a side of s pixels, left, top, right and bottom are each BINS logits, whose softmax weighs distances
of 0, 1, 2, ... cells:

    (ax - s left, ay - s top, ax + s right, ay + s bottom)
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketdet.boxes import clip, ious
from pocketdet.detector.spec import BINS, NetSpec
from pocketdet.preprocess import Preprocessing

CENTRE_VARIANCE = 0.1
SIZE_VARIANCE = 0.2
MAX_LOG_SIZE = 4.0  # exp(4) = 55 times the anchor: beyond any box, and far from overflow

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class OperatingPoint:
    """The deployment parameters of the post-processing.

    Attributes:
        score_min: Detections below are not reported: the lowest threshold of all classes.
        nms_iou: Of two detections of a class that overlap more, the weaker goes.
        max_detections: A picture, after NMS, best first.
        class_score_min: Thresholds of the classes, in the order of their numbers; empty where
            `score_min` is that of all.
    """

    score_min: float
    nms_iou: float
    max_detections: int
    class_score_min: tuple[float, ...] = ()

    def score_mins(self, classes: int) -> Floats:
        """The threshold of each class, (K,), in the scores' own precision."""
        return np.asarray(self.class_score_min or [self.score_min] * classes, np.float32)

    def reported(self, found: "Detections", classes: int) -> "Detections":
        """Those of a picture's detections that the point reports; its NMS was done before."""
        reach = found.scores >= self.score_mins(classes)[found.labels]
        keep = np.flatnonzero(reach)[: self.max_detections]
        return Detections(found.boxes_xyxy[keep], found.scores[keep], found.labels[keep])

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> "OperatingPoint":
        """Read what `save` wrote."""
        values = json.loads(path.read_text())
        return cls(**{**values, "class_score_min": tuple(values["class_score_min"])})


@dataclass(frozen=True)
class Detections:
    """What was found in one picture, best score first.

    Attributes:
        boxes_xyxy: (N, 4) float32, pixel edges in the original upright photo.
        scores: (N,) float32, 0..1.
        labels: (N,) int64, class numbers, 0-based.
    """

    boxes_xyxy: Floats
    scores: Floats
    labels: npt.NDArray[np.int64]


def anchors(spec: NetSpec) -> Floats:
    """All anchors (A, 4) as centre x, centre y, width, height in input pixels.

    An anchor-free level has its cells themselves instead.
    Order: levels as in the spec, rows, columns, shapes: that of the flattened outputs.
    """
    parts = []
    for level in spec.levels:
        w, h = (side // level.stride for side in spec.input_wh)
        ys, xs = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
        centres = (np.stack([xs, ys], -1).reshape(-1, 1, 2) + 0.5) * level.stride
        shapes = np.asarray(level.shapes_wh, dtype=np.float64)[None]
        n = shapes.shape[1]
        parts.append(
            np.concatenate(
                [np.repeat(centres, n, axis=1), np.repeat(shapes, w * h, axis=0)], -1
            ).reshape(-1, 4)
        )
    return np.concatenate(parts).astype(np.float32)


def candidates(
    outputs: Mapping[str, npt.NDArray[np.floating]], spec: NetSpec
) -> tuple[Floats, Floats]:
    """All boxes and scores of one picture, before NMS.

    Args:
        outputs: The raw maps of one picture, by name, each (1, h, w, channels) or (h, w, channels).
        spec: The net.

    Returns:
        boxes_xyxy (A, 4) in input pixels and scores (A, classes) in 0..1.
    """
    logits = np.concatenate(
        [outputs[f"scores_{level.stride}"].reshape(-1, len(spec.classes)) for level in spec.levels]
    ).astype(np.float32)
    coded = np.concatenate(
        [outputs[f"boxes_{level.stride}"].reshape(-1, spec.box_values) for level in spec.levels]
    ).astype(np.float32)
    base = anchors(spec)
    low, high = (_from_distances if spec.anchor_free else _from_offsets)(coded, base)
    boxes = np.concatenate([low, high], -1)
    scores = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return boxes.astype(np.float32), scores.astype(np.float32)


def _from_offsets(offsets: Floats, base: Floats) -> tuple[Floats, Floats]:
    centres = base[:, :2] + CENTRE_VARIANCE * offsets[:, :2] * base[:, 2:]
    sides = base[:, 2:] * np.exp(np.minimum(SIZE_VARIANCE * offsets[:, 2:], MAX_LOG_SIZE))
    return centres - sides / 2, centres + sides / 2


def _from_distances(logits: Floats, base: Floats) -> tuple[Floats, Floats]:
    logits = logits.reshape(-1, 4, BINS)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    distances = weights @ np.arange(BINS, dtype=np.float32) / weights.sum(-1)  # (A, 4), in cells
    centres, sides = base[:, :2], base[:, 2:]
    return centres - sides * distances[:, :2], centres + sides * distances[:, 2:]


def detections(
    boxes_xyxy: Floats,
    scores: Floats,
    rule: Preprocessing,
    image_wh: tuple[int, int],
    point: OperatingPoint,
) -> Detections:
    """Candidates of one picture as detections in the photo's pixels: threshold, NMS, best first."""
    anchor, label = np.nonzero(scores >= point.score_mins(scores.shape[1]))
    found = scores[anchor, label]
    # Stable, so that equal scores keep the order of the anchors on every runtime.
    order = np.argsort(-found, kind="stable")[: 20 * point.max_detections]
    anchor, label, found = anchor[order], label[order], found[order]
    boxes = rule.view(image_wh).back(boxes_xyxy[anchor], image_wh)
    # Before clipping, as LiteRT's and Core ML's own suppression: what lies outside counts.
    keep = nms(boxes, label, point.nms_iou)[: point.max_detections]
    inside = clip(boxes[keep], image_wh).astype(np.float32)
    return Detections(inside, found[keep].astype(np.float32), label[keep])


def nms(boxes_xyxy: Floats, labels: npt.NDArray[np.int64], iou_max: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression within each class.

    Args:
        boxes_xyxy: (N, 4), best score first.
        labels: (N,).
        iou_max: A box that overlaps a better one of its class by more is dropped.

    Returns:
        Indices of the boxes that stay, in order.
    """
    conflict = (ious(boxes_xyxy, boxes_xyxy) > iou_max) & (labels[:, None] == labels[None, :])
    alive = np.ones(len(boxes_xyxy), dtype=bool)
    for i in range(len(boxes_xyxy)):
        if alive[i]:
            alive[i + 1 :] &= ~conflict[i, i + 1 :]
    return np.flatnonzero(alive)
