"""The net as int8 will compute it: weights and activations rounded to 8 bits, still in float.

For the last phase of training (Jacob et al. 2018, section 3): the net learns to live with what
rounding does, and gradients pass the rounding as if it were not there. Ranges are measured before
that phase and after each of its epochs; the converted file takes the last ones.

Weights have a scale for each output channel, symmetric around 0, from their largest value. So the
BatchNorm behind a convolution, which multiplies whole channels, may be folded into it or not: the
rounded weights are the same.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
from keras import ops

Ranges = Mapping[str, tuple[float, float]]

FILE = "ranges.json"  # beside the weights of a net that was trained so


class FakeQuantise(keras.layers.Layer):  # type: ignore[misc]
    """Rounds to the 256 steps of a range that holds 0, which LiteRT's converter then takes over."""

    def __init__(self, low: Any, high: Any, **kwargs: Any) -> None:
        """Remember the range: two numbers, or variables where it moves."""
        super().__init__(**kwargs)
        self.low, self.high = low, high

    def call(self, x: Any) -> Any:
        """Any shape; the gradient is 1 inside of the range and 0 outside."""
        return keras.quantizers.fake_quant_with_min_max_vars(x, self.low, self.high)


def activations(model: keras.Model) -> dict[str, Any]:
    """Tensors that int8 stores, by layer or output; what fuses into one operation is one tensor."""
    layers = keras.layers
    activated = {x.name.rpartition("_")[0] for x in model.layers if isinstance(x, layers.ReLU)}
    stored = {
        layer.name: layer.output
        for layer in model.layers
        if isinstance(layer, layers.ReLU | layers.Add)
        or (
            isinstance(layer, layers.BatchNormalization)
            and layer.name.removesuffix("_bn") not in activated
        )
    }
    outputs: dict[str, Any] = model.output
    return stored | outputs


def extremes(batches: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Ranges: the smallest and largest value of each tensor over all batches, 0 among them.

    Averages over batches clipped the highest scores, which ranking needs (docs/decisions.md).

    Args:
        batches: What `activations` came to, by name.
    """
    found: dict[str, tuple[float, float]] = {}
    for values in batches:
        for name, x in values.items():
            low, high = found.get(name, (0.0, 0.0))
            found[name] = min(low, float(x.min())), max(high, float(x.max()))
    # A dead tensor, only ever 0: any range will do.
    return {name: (low, high if high > low else 1.0) for name, (low, high) in found.items()}


def save(ranges: Ranges, trained: Path) -> None:
    """Write the ranges beside the weights."""
    text = json.dumps(dict(ranges), indent=1, sort_keys=True) + "\n"
    (trained / FILE).write_text(text, encoding="utf-8")


def load(trained: Path) -> dict[str, tuple[float, float]]:
    """Read what `save` wrote; nothing for a net that was not trained so."""
    path = trained / FILE
    if not path.exists():
        return {}
    named = json.loads(path.read_text(encoding="utf-8"))
    return {name: (low, high) for name, (low, high) in named.items()}


def rounded(model: keras.Model, ranges: Mapping[str, tuple[Any, Any]]) -> keras.Model:
    """The same layers and weights with rounded activations; the weights are as they are."""

    def fake(name: str, x: Any) -> Any:
        return FakeQuantise(*ranges[name], name=f"{name}_int8")(x)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        x = layer(*args, **kwargs)
        inner = layer.name in ranges and layer.name not in model.output
        return fake(layer.name, x) if inner else x

    clone = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    outputs = {name: fake(name, x) for name, x in clone.output.items()}
    return keras.Model(clone.input, outputs, name=model.name)


def weights(model: keras.Model) -> list[Any]:
    """The trainable weights in their order, kernels rounded; the gradient passes to the weights.

    BatchNorm folds into the kernels, and biases have 32 bits.
    """
    axes = {
        layer.kernel.path: 2 if isinstance(layer, keras.layers.DepthwiseConv2D) else 3
        for layer in model.layers
        if hasattr(layer, "kernel")
    }
    return [
        _kernel(v, axes[v.path]) if v.path in axes else v.value for v in model.trainable_variables
    ]


def _kernel(variable: Any, axis: int) -> Any:
    # Channels last: of Keras' versions of the rounding only TensorFlow's takes another axis.
    value = ops.swapaxes(ops.convert_to_tensor(variable), axis, 3)
    largest = ops.stop_gradient(ops.max(ops.abs(value), axis=[0, 1, 2]))
    largest = ops.where(largest > 0, largest, 1.0)  # a dead channel: zeros in any range
    steps = keras.quantizers.fake_quant_with_min_max_vars(
        value, -largest, largest, narrow_range=True, axis=3
    )
    return ops.swapaxes(steps, axis, 3)
