"""Boxes as arrays: absolute xyxy pixel edges, float, origin top-left, y down.

    0   1   2   3   4   pixel edges        A box that covers pixels 1 and 2 (0-based) in x has
    |---|###|###|---|                      x1 = 1 and x2 = 3: width = x2 - x1 = 2 pixels.

This is the only convention inside the project. File formats convert at the rim, in
`pocketdet.formats`, and nowhere else.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]


def areas(boxes_xyxy: FloatArray) -> FloatArray:
    """Areas in square pixels, shape (..., 4) -> (...). Reversed boxes count 0."""
    sides: FloatArray = np.maximum(boxes_xyxy[..., 2:] - boxes_xyxy[..., :2], 0)
    product: FloatArray = np.prod(sides, axis=-1)
    return product


def intersections(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Pairwise intersection areas, (N, 4) and (M, 4) -> (N, M)."""
    low = np.maximum(boxes_a[:, None, :2], boxes_b[None, :, :2])
    high = np.minimum(boxes_a[:, None, 2:], boxes_b[None, :, 2:])
    sides = np.maximum(high - low, 0)
    product: FloatArray = sides[..., 0] * sides[..., 1]
    return product


def ious(boxes_a: FloatArray, boxes_b: FloatArray) -> FloatArray:
    """Pairwise intersection over union, (N, 4) and (M, 4) -> (N, M); 0 where both are empty."""
    overlap = intersections(boxes_a, boxes_b)
    union = areas(boxes_a)[:, None] + areas(boxes_b)[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def clip(boxes_xyxy: FloatArray, size_wh: tuple[float, float]) -> FloatArray:
    """Boxes cut to the image, (N, 4) -> (N, 4)."""
    w, h = size_wh
    return np.clip(boxes_xyxy, 0, np.asarray([w, h, w, h], dtype=boxes_xyxy.dtype))


def xywh_to_xyxy(boxes_xywh: FloatArray) -> FloatArray:
    """(x, y, width, height) -> (x1, y1, x2, y2), shape (..., 4)."""
    return np.concatenate([boxes_xywh[..., :2], boxes_xywh[..., :2] + boxes_xywh[..., 2:]], -1)


def xyxy_to_xywh(boxes_xyxy: FloatArray) -> FloatArray:
    """(x1, y1, x2, y2) -> (x, y, width, height), shape (..., 4)."""
    return np.concatenate([boxes_xyxy[..., :2], boxes_xyxy[..., 2:] - boxes_xyxy[..., :2]], -1)
