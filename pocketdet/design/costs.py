"""What a net costs on a phone, counted layer by layer before anything is trained.

A phone's runtime folds BatchNorm and ReLU into the convolution before them, so a `LayerCost` is one
operation of the converted file, named after the layer that begins it. A convolution's MACs are
out_h * out_w * kernel_h * kernel_w * in_channels / groups * out_channels; everything else has none.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pocketdet.errors import PocketdetError

if TYPE_CHECKING:
    import keras

# Layers that a converter folds into the operation before them.
_FOLDED = ("BatchNormalization", "FixedBatchNormalization", "ReLU", "Activation", "Dropout")
# Layers without weights: they only move or combine values.
_PLAIN = ("Add", "Concatenate", "Enlarge", "UpSampling2D", "ZeroPadding2D", "Rescaling", "Reshape")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2D")
# Bytes of the int8 LiteRT file beyond one per weight: each output channel has a bias, scales and
# zero points, each operation names and shapes. Fitted to eight of this project's own nets of 0.2 to
# 3 MB, which they give to 2.5 %; their weights were random, as the converter stores equal constants
# of a fresh net only once.
_CHANNEL_BYTES = 25
_OPERATION_BYTES = 880


@dataclass(frozen=True)
class LayerCost:
    """One operation of the deployed net, for one picture.

    Attributes:
        name: The layer that begins it; with the size of the map where levels share the layer.
        type: Its Keras class.
        kernel: Height and width of the window, (0, 0) for what has none.
        stride: Input cells per output cell.
        output_shape: (h, w, channels).
        macs: Multiply-accumulates.
        weights: Numbers in the file, kernel and bias after folding.
        read: Values read, the weights aside.
        written: Values written.
        alive: Values in memory while it runs: what it reads and writes, and what waits for others.
    """

    name: str
    type: str
    kernel: tuple[int, int]
    stride: int
    output_shape: tuple[int, ...]
    macs: int
    weights: int
    read: int
    written: int
    alive: int


@dataclass(frozen=True)
class Totals:
    """Sums over a net.

    Attributes:
        mmac: Million multiply-accumulates a picture.
        weights: Numbers in the file.
        model_mb: Size of the int8 file, MB (10^6 bytes), estimated.
        peak_mb: Largest int8 activations alive at once, MB.
        peak_layer: The operation during which they are.
    """

    mmac: float
    weights: int
    model_mb: float
    peak_mb: float
    peak_layer: str


@dataclass(frozen=True)
class Step:
    """A layer at work: tensors by the identity of their Keras tensor.

    A layer that several levels share works several times; `place` is when, in the whole net.
    """

    place: int
    layer: Any
    inputs: tuple[int, ...]
    output: int
    shape: tuple[int, ...]


def count(model: "keras.Model") -> list[LayerCost]:
    """The operations of a net in the order of execution.

    Args:
        model: A functional Keras model with pictures (H, W, C) in, any batch size.

    Raises:
        PocketdetError: A layer whose cost is not known here; nothing is counted as free by mistake.
    """
    steps = _folded(trace(model))
    sizes = {step.output: math.prod(step.shape) for step in steps}
    sizes |= {id(tensor): math.prod(tensor.shape[1:]) for tensor in model.inputs}
    last_use = {tensor: i for i, step in enumerate(steps) for tensor in step.inputs}
    produced = {step.output: i for i, step in enumerate(steps)}
    uses = _counts(id(step.layer) for step in steps)
    rows = []
    for i, step in enumerate(steps):
        # A tensor nobody reads is an output of the net and stays to the end.
        alive = sum(
            size
            for tensor, size in sizes.items()
            if produced.get(tensor, -1) <= i <= last_use.get(tensor, len(steps))
        )
        row = _cost(step, [sizes[tensor] for tensor in step.inputs], alive)
        if uses[id(step.layer)] > 1:
            row = replace(row, name=f"{row.name} {step.shape[0]}x{step.shape[1]}")
        rows.append(row)
    return rows


def total(rows: Sequence[LayerCost]) -> Totals:
    """Sums over the operations of a net."""
    channels = sum(row.output_shape[-1] for row in rows if row.weights)
    size = sum(row.weights for row in rows)
    peak = max(rows, key=lambda row: row.alive)
    return Totals(
        mmac=sum(row.macs for row in rows) / 1e6,
        weights=size,
        model_mb=(size + channels * _CHANNEL_BYTES + len(rows) * _OPERATION_BYTES) / 1e6,
        peak_mb=peak.alive / 1e6,
        peak_layer=peak.name,
    )


def table(rows: Sequence[LayerCost], layers_ms: Sequence[float]) -> list[list[Any]]:
    """Names of columns, then a row an operation with its estimated time, ms."""
    lines: list[list[Any]] = [[*(field.name for field in fields(LayerCost)), "estimated_ms"]]
    for row, ms in zip(rows, layers_ms, strict=True):
        cells = astuple(row)
        texts = ("x".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in cells)
        lines.append([*texts, f"{ms:.4f}"])
    return lines


def trace(model: "keras.Model") -> list[Step]:
    """Every application of a layer, in the order in which Keras runs them."""
    steps: list[Step] = []
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if not node.input_tensors:
                continue  # the net's own input
            if len(node.output_tensors) != 1:
                raise PocketdetError(f"layer {node.operation.name}: several outputs, expected one")
            output = node.output_tensors[0]
            inputs = tuple(id(tensor) for tensor in node.input_tensors)
            shape = tuple(output.shape[1:])
            steps.append(Step(len(steps), node.operation, inputs, id(output), shape))
    return steps


def _folded(steps: Sequence[Step]) -> list[Step]:
    """The steps without those that a converter folds into the one before."""
    readers = _counts(tensor for step in steps for tensor in step.inputs)
    kept: dict[int, Step] = {}  # by output
    for step in steps:
        before = kept.get(step.inputs[0])
        if type(step.layer).__name__ in _FOLDED and before and readers[before.output] == 1:
            del kept[before.output]
            kept[step.output] = replace(before, output=step.output, shape=step.shape)
        else:
            kept[step.output] = step
    # Folding moved a step behind those of the other branches: back to the order of the beginnings.
    return sorted(kept.values(), key=lambda step: step.place)


def _counts(values: Iterable[int]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _cost(step: Step, inputs: Sequence[int], alive: int) -> LayerCost:
    kind = type(step.layer).__name__
    kernel, stride, macs, weights = (0, 0), 1, 0, 0
    if kind in _CONVOLUTIONS:
        kernel, stride = tuple(step.layer.kernel_size), int(step.layer.strides[0])
        size = math.prod(step.layer.kernel.shape)
        # Each weight of either kind meets every output cell once.
        macs = step.shape[0] * step.shape[1] * size
        weights = size + step.shape[-1]
    elif kind not in (*_PLAIN, *_FOLDED) or step.layer.weights:
        raise PocketdetError(
            f"layer {step.layer.name}: the cost of a {kind} is not known; "
            f"use {', '.join((*_CONVOLUTIONS, *_PLAIN))}, or teach pocketdet/design/costs.py"
        )
    written = math.prod(step.shape)
    return LayerCost(
        step.layer.name,
        kind,
        kernel,
        stride,
        step.shape,
        macs,
        weights,
        sum(inputs),
        written,
        alive,
    )
