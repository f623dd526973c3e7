"""The trained net as a PyTorch module: what ExecuTorch's exporter starts from.

Keras' own PyTorch backend traces into permuted kernels and a BatchNorm of many small operations,
which no delegate takes. So each layer becomes PyTorch's own of the kind, with BatchNorm folded into
the convolution before it. Modules are called as their layers.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pocketdet.design.costs import Step, trace
from pocketdet.design.ops import OPERATIONS
from pocketdet.errors import ExportError
from pocketdet.exporting.delegates import ADVICE
from pocketdet.exporting.refusal import choice

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Operation:
    """A module and the tensors that it reads and makes, by number."""

    name: str
    module: nn.Module
    inputs: tuple[int, ...]
    output: int


class Net(nn.Module):  # type: ignore[misc]
    """The same function as a Keras model.

    Input (1, H, W, 3) float32 RGB 0..255; outputs (1, h, w, channels).
    """

    def __init__(self, model: "keras.Model", names: Sequence[str]) -> None:
        """Translate every layer.

        Args:
            model: Functional; a picture in, maps by name out.
            names: Of the outputs, in the order in which the module gives them.

        Raises:
            ExportError: A layer is of a kind that is not known here.
        """
        super().__init__()
        self.operations = _operations(trace(model))
        self.layers = nn.ModuleDict({op.name: op.module for op in self.operations})
        self.picture = id(model.inputs[0])
        self.maps = [id(model.output[name]) for name in names]
        self.eval()

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One picture."""
        values = {self.picture: picture.permute(0, 3, 1, 2)}  # NHWC -> NCHW
        for op in self.operations:
            values[op.output] = self.layers[op.name](*(values[i] for i in op.inputs))
        return tuple(values[i].permute(0, 2, 3, 1) for i in self.maps)


def _operations(steps: Sequence[Step]) -> list[Operation]:
    """Every layer at work, in order."""
    shapes = {step.output: step.shape for step in steps}
    readers = Counter(i for step in steps for i in step.inputs)
    uses = Counter(id(step.layer) for step in steps)
    found: dict[int, Operation] = {}  # by output
    for step in steps:
        kind, name = type(step.layer).__name__, step.layer.name
        if kind not in MODULES:
            operation = OPERATIONS.get(kind, kind)
            hint = ADVICE.get(operation, f"choose {choice(name)}")
            raise ExportError(
                f"ExecuTorch: {kind}, made by layer {name}, is not known here: {hint}"
            )
        if uses[id(step.layer)] > 1:
            name = f"{name}_{step.shape[0]}x{step.shape[1]}"
        module = MODULES[kind](step, shapes.get(step.inputs[0], ()))
        inputs = step.inputs
        if isinstance(module, nn.BatchNorm2d) and readers[inputs[0]] == 1:
            before = found.pop(inputs[0])
            before.module[-1] = fuse_conv_bn_eval(before.module[-1], module)
            name, module, inputs = before.name, before.module, before.inputs
        found[step.output] = Operation(name, module, inputs, step.output)
    return list(found.values())


def _convolution(step: Step, entering: tuple[int, ...]) -> nn.Module:
    """Padding, where it differs from side to side, and the convolution."""
    layer, channels = step.layer, entering[-1]
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    # What "same" adds, as TensorFlow does: one more below and to the right. Nothing for "valid".
    totals = [
        max((out - 1) * stride + side - size, 0)
        for size, out, stride, side in zip(
            entering[:2], step.shape[:2], layer.strides, layer.kernel_size, strict=True
        )
    ]
    (top, bottom), (left, right) = ((n // 2, n - n // 2) for n in totals)
    even = (top, left) == (bottom, right)
    convolution = nn.Conv2d(
        channels,
        step.shape[-1],
        layer.kernel_size,
        layer.strides,
        padding=(top, left) if even else 0,
        groups=channels if depthwise else 1,
        bias=layer.use_bias,
    )
    # (h, w, in, out), or (h, w, channels, 1) of a depthwise one -> (out, in, h, w)
    order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
    _fill(convolution.weight, layer.kernel.numpy().transpose(order))
    if layer.use_bias:
        _fill(convolution.bias, layer.bias.numpy())
    padding = [] if even else [nn.ZeroPad2d((left, right, top, bottom))]
    return nn.Sequential(*padding, convolution).eval()


def _normalisation(step: Step, entering: tuple[int, ...]) -> nn.Module:
    layer = step.layer
    module = nn.BatchNorm2d(entering[-1], layer.epsilon)
    _fill(module.weight, layer.gamma.numpy())
    _fill(module.bias, layer.beta.numpy())
    _fill(module.running_mean, layer.moving_mean.numpy())
    _fill(module.running_var, layer.moving_variance.numpy())
    return module.eval()


def _fill(target: torch.Tensor, value: Any) -> None:
    with torch.no_grad():
        target.copy_(torch.from_numpy(value.copy()))


class Sum(nn.Module):  # type: ignore[misc]
    """Of two maps."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Element by element."""
        return a + b


class Scaled(nn.Module):  # type: ignore[misc]
    """A map times a number plus a number."""

    def __init__(self, scale: float, offset: float) -> None:
        """Remember both."""
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Element by element."""
        return x * self.scale + self.offset


# Keras class of a layer -> the module of its step, from the shape (h, w, channels) that enters it.
MODULES: Mapping[str, Callable[[Step, tuple[int, ...]], nn.Module]] = {
    "Add": lambda step, _: Sum(),
    "BatchNormalization": _normalisation,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "Enlarge": lambda step, _: nn.Upsample(step.shape[:2], mode="bilinear"),
    "FixedBatchNormalization": _normalisation,
    "ReLU": lambda step, _: nn.ReLU6() if step.layer.max_value == 6 else nn.ReLU(),
    "Rescaling": lambda step, _: Scaled(step.layer.scale, step.layer.offset),
}
