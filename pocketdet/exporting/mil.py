"""Runs the ML program of a Core ML package in numpy, operation by operation.

Apple's runtime exists on Apple's systems only. This reads the saved program, not the net that it
came from, so it finds what conversion and saving broke. float16 values are rounded after every
operation, as on the device; sums inside a convolution are float32 here. It is an emulation: its
numbers show that the program is right, not what a phone will measure.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.errors import ExportError
from pocketdet.exporting import coreml

Array = npt.NDArray[Any]
Inputs = Mapping[str, Any]  # arguments of an operation by name; arrays, numbers, text, tuples


class Program:
    """The net of a package, without the suppression that follows it."""

    def __init__(self, path: Path) -> None:
        """Read the program and its constants.

        Raises:
            ExportError: It is no package with an ML program, or has an operation that this
                interpreter does not know.
        """
        from coremltools.converters.mil.frontend.milproto.load import load

        model = coreml.load(path)
        if model.WhichOneof("Type") == "pipeline":
            version = model.specificationVersion
            model = model.pipeline.models[0]
            model.specificationVersion = version
        if model.WhichOneof("Type") != "mlProgram":
            raise ExportError(f"{path}: holds no ML program first, but {model.WhichOneof('Type')}")
        program = load(
            model,
            specification_version=model.specificationVersion,
            file_weights_dir=str(path / "Data" / coreml.WEIGHTS),
        )
        self.function = program.functions["main"]
        known = {*OPERATIONS, "const"}
        unknown = {
            o.op_type
            for o in self.function.operations
            if o.op_type not in known and not o.op_type.startswith("constexpr_")
        }
        if unknown:
            raise ExportError(
                f"{path}: the interpreter knows no {', '.join(sorted(unknown))}; add it to "
                "pocketdet/exporting/mil.py"
            )

        self.unpacked = {
            o.name: o.materialized_val_inference()
            for o in self.function.operations
            if o.op_type.startswith("constexpr_")
        }

    def run(self, image: npt.NDArray[np.uint8]) -> dict[str, Array]:
        """The program's outputs.

        Args:
            image: Picture (H, W, 3) uint8 RGB at the input's size.
        """
        (name,) = self.function.inputs
        # Core ML hands an image over as channels x rows x columns.
        values = {name: image.transpose(2, 0, 1)[None].astype(np.float32)}
        for operation in self.function.operations:
            if operation.op_type == "const":
                continue
            if operation.op_type.startswith("constexpr_"):  # weights that are stored smaller
                values[operation.outputs[0].name] = self.unpacked[operation.name]
                continue
            inputs = {key: _value(item, values) for key, item in operation.inputs.items()}
            (output,) = operation.outputs
            result = OPERATIONS[operation.op_type](inputs)
            values[output.name] = result.astype(np.float16) if _is_half(output) else result
        return {output.name: values[output.name] for output in self.function.outputs}


def _is_half(variable: Any) -> bool:
    from coremltools.converters.mil.mil import types

    return types.is_tensor(variable.sym_type) and bool(variable.dtype == types.fp16)


def _value(item: Any, values: Mapping[str, Array]) -> Any:
    """An argument: computed before, constant, or a list of such."""
    if isinstance(item, (list, tuple)):
        return [_value(part, values) for part in item]
    return values.get(item.name, item.val)


def _wide(x: Any) -> Array:
    """float16 as float32: numpy's own float16 arithmetic is slow and sums in float16."""
    array = np.asarray(x)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _padding(inputs: Inputs, size_hw: Sequence[int], kernel_hw: Sequence[int]) -> list[int]:
    """Rows above, rows below, columns left, columns right."""
    kind = str(inputs["pad_type"])
    if kind == "valid":
        return [0, 0, 0, 0]
    if kind == "custom":
        return [int(p) for p in inputs["pad"]]
    pads = []
    for size, kernel, stride, dilation in zip(
        size_hw, kernel_hw, inputs["strides"], inputs["dilations"], strict=True
    ):
        total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        small, large = total // 2, total - total // 2
        pads += [large, small] if kind == "same_lower" else [small, large]
    return [int(p) for p in pads]


def _conv(inputs: Inputs) -> Array:
    """Convolution: the sum over the kernel's places of the shifted picture times the weights."""
    x, weight = _wide(inputs["x"]), _wide(inputs["weight"])
    outputs, depth, kernel_h, kernel_w = weight.shape
    groups = int(inputs["groups"])
    top, bottom, left, right = _padding(inputs, x.shape[2:], (kernel_h, kernel_w))
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    (stride_h, stride_w), (step_h, step_w) = inputs["strides"], inputs["dilations"]
    height = (x.shape[2] - (kernel_h - 1) * step_h - 1) // stride_h + 1
    width = (x.shape[3] - (kernel_w - 1) * step_w - 1) // stride_w + 1
    grouped = weight.reshape(groups, outputs // groups, depth, kernel_h, kernel_w)
    total = np.zeros((groups, outputs // groups, height * width), np.float32)
    for row in range(kernel_h):
        for column in range(kernel_w):
            y0, x0 = row * step_h, column * step_w
            part = x[
                0, :, y0 : y0 + (height - 1) * stride_h + 1 : stride_h,
                x0 : x0 + (width - 1) * stride_w + 1 : stride_w,
            ].reshape(groups, depth, -1)  # fmt: skip
            if depth == 1:
                total += grouped[:, :, :, row, column] * part
            else:
                total += grouped[:, :, :, row, column] @ part
    result = total.reshape(1, outputs, height, width)
    if inputs.get("bias") is not None:
        result = result + _wide(inputs["bias"])[None, :, None, None]
    return result


def _nearest(inputs: Inputs) -> Array:
    """Enlarge by a factor or to a size; the pixel whose area the new pixel's centre is in."""
    x = np.asarray(inputs["x"])
    for axis, name in ((2, "height"), (3, "width")):
        size = x.shape[axis]
        target = inputs.get(f"target_size_{name}")
        target = round(size * float(inputs[f"scale_factor_{name}"])) if target is None else target
        places = (np.arange(int(target)) + 0.5) * size / int(target)
        x = np.take(x, np.floor(places).astype(int), axis)
    return x


def _bilinear(inputs: Inputs) -> Array:
    x = _wide(inputs["x"])
    if bool(inputs["align_corners"]):
        raise ExportError("upsample_bilinear with align_corners is not emulated")
    for axis, name in ((2, "scale_factor_height"), (3, "scale_factor_width")):
        x = _interpolate(x, axis, float(inputs[name]))
    return x


def _interpolate(x: Array, axis: int, factor: float) -> Array:
    """Linear along one axis; pixel centres at half."""
    size = x.shape[axis]
    places = np.clip((np.arange(round(size * factor)) + 0.5) / factor - 0.5, 0, size - 1)
    low = np.floor(places).astype(int)
    high = np.minimum(low + 1, size - 1)
    shape = [1] * x.ndim
    shape[axis] = -1
    weight = (places - low).astype(np.float32).reshape(shape)
    mixed: Array = np.take(x, low, axis) * (1 - weight) + np.take(x, high, axis) * weight
    return mixed


def _slice(inputs: Inputs) -> Array:
    x = np.asarray(inputs["x"])
    rank = x.ndim
    masks = [inputs.get(k) for k in ("begin_mask", "end_mask", "squeeze_mask")]
    from_start, to_end, squeeze = (
        [bool(b) for b in mask] if mask is not None else [False] * rank for mask in masks
    )
    steps = inputs.get("stride")
    index: list[slice | int] = []
    for axis in range(rank):
        begin, end = int(inputs["begin"][axis]), int(inputs["end"][axis])
        if squeeze[axis]:
            index.append(begin)
        else:
            step = 1 if steps is None else int(steps[axis])
            index.append(
                slice(None if from_start[axis] else begin, None if to_end[axis] else end, step)
            )
    return x[tuple(index)]


def _softmax(inputs: Inputs) -> Array:
    x, axis = _wide(inputs["x"]), int(inputs["axis"])
    weights = np.exp(x - x.max(axis, keepdims=True))
    result: Array = weights / weights.sum(axis, keepdims=True)
    return result


def _reduce_sum(inputs: Inputs) -> Array:
    axes = tuple(int(axis) for axis in inputs["axes"])
    return np.asarray(_wide(inputs["x"]).sum(axes, keepdims=bool(inputs["keep_dims"])))


def _sigmoid(inputs: Inputs) -> Array:
    result: Array = 1 / (1 + np.exp(-np.clip(_wide(inputs["x"]), -60, 60)))
    return result


def _cast(inputs: Inputs) -> Array:
    return np.asarray(inputs["x"]).astype(
        {"fp16": np.float16, "fp32": np.float32, "int32": np.int32}[str(inputs["dtype"])]
    )


def _two(function: Callable[[Array, Array], Array]) -> Callable[[Inputs], Array]:
    return lambda inputs: function(_wide(inputs["x"]), _wide(inputs["y"]))


OPERATIONS: dict[str, Callable[[Inputs], Array]] = {
    "add": _two(np.add),
    "cast": _cast,
    "clip": lambda i: np.clip(_wide(i["x"]), _wide(i["alpha"]), _wide(i["beta"])),
    "concat": lambda i: np.concatenate(i["values"], axis=int(i["axis"])),
    "conv": _conv,
    "exp": lambda i: np.exp(_wide(i["x"])),
    "maximum": _two(np.maximum),
    "minimum": _two(np.minimum),
    "mul": _two(np.multiply),
    "relu": lambda i: np.maximum(_wide(i["x"]), 0),
    "relu6": lambda i: np.clip(_wide(i["x"]), 0, 6),
    "real_div": _two(np.divide),
    "reduce_sum": _reduce_sum,
    "reshape": lambda i: np.reshape(i["x"], [int(n) for n in i["shape"]]),
    "resize_nearest_neighbor": _nearest,
    "sigmoid": _sigmoid,
    "slice_by_index": _slice,
    "softmax": _softmax,
    "sub": _two(np.subtract),
    "transpose": lambda i: np.transpose(i["x"], [int(n) for n in i["perm"]]),
    "upsample_bilinear": _bilinear,
    "upsample_nearest_neighbor": _nearest,
}
