"""The box codings of `pocketdet.detector.decode` on any backend, with gradients."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from pocketdet.detector.decode import CENTRE_VARIANCE, MAX_LOG_SIZE, SIZE_VARIANCE, anchors
from pocketdet.detector.spec import BINS, NetSpec


def logits(outputs: Mapping[str, Any], spec: NetSpec) -> Any:
    """Class logits of all levels after each other, (B, A, classes), in the order of `anchors`."""
    return _flat(outputs, "scores", spec, len(spec.classes))


def distributions(outputs: Mapping[str, Any], spec: NetSpec) -> Any:
    """Logits of the distances of an anchor-free head, (B, A, 4, BINS)."""
    flat = _flat(outputs, "boxes", spec, spec.box_values)
    return ops.reshape(flat, (-1, flat.shape[1], 4, BINS))


def boxes(outputs: Mapping[str, Any], spec: NetSpec) -> tuple[Any, Any]:
    """Low and high corners (B, A, 2) of all boxes, input px."""
    base = ops.convert_to_tensor(anchors(spec))
    centres, sides = base[:, :2], base[:, 2:]
    if spec.anchor_free:
        weights = ops.softmax(distributions(outputs, spec), axis=-1)
        distances = ops.sum(weights * ops.arange(BINS, dtype="float32"), axis=-1)  # in cells
        return centres - sides * distances[..., :2], centres + sides * distances[..., 2:]
    offsets = _flat(outputs, "boxes", spec, spec.box_values)
    moved = centres + CENTRE_VARIANCE * offsets[..., :2] * sides
    halves = sides * ops.exp(ops.minimum(SIZE_VARIANCE * offsets[..., 2:], MAX_LOG_SIZE)) / 2
    return moved - halves, moved + halves


def _flat(outputs: Mapping[str, Any], kind: str, spec: NetSpec, values: int) -> Any:
    maps = [outputs[f"{kind}_{level.stride}"] for level in spec.levels]
    return ops.concatenate(
        [
            ops.reshape(m, (-1, m.shape[1] * m.shape[2] * m.shape[3] // values, values))
            for m in maps
        ],
        axis=1,
    )
