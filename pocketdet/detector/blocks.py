"""The few layers that every part of the net is made of: convolution, BatchNorm, ReLU6 or ReLU.

All of them exist in every mobile runtime and fuse into one operation there. Every layer is named
by its caller, so that the path of a weight is the same in every process.
"""

from typing import Any

import keras

from pocketdet.detector.backbones import Activation

EPSILON = 1e-3  # of BatchNorm, as EfficientNet-Lite and MobileNetV2 were trained with
MOMENTUM = 0.9  # of its statistics; the averaging of all weights smooths them further


class FixedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """BatchNorm that never updates or uses batch statistics; gamma and beta learn as usual.

    A pretrained backbone's statistics come from a million photos and are better than those of a
    batch of 16. `training=False` at the call would not do: the model's own flag overrides it.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the stored statistics, whatever `training` says."""
        return super().call(inputs, training=False, mask=mask)


class Enlarge(keras.layers.Layer):  # type: ignore[misc]
    """Bilinear upsampling by a whole factor, a single operation that every phone delegate takes.

    Nearest neighbour is none of XNNPACK's operations and would cut the net into three partitions;
    Keras' own UpSampling2D repeats by reshaping to five axes.
    """

    def __init__(self, factor: int, **kwargs: Any) -> None:
        """Remember the factor."""
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x: Any) -> Any:
        """(B, h, w, C) -> (B, h * factor, w * factor, C)."""
        size_hw = (x.shape[1] * self.factor, x.shape[2] * self.factor)
        return keras.ops.image.resize(x, size_hw, interpolation="bilinear")


def convolution(
    x: Any,
    name: str,
    channels: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    activation: Activation | None = "relu6",
    fixed_statistics: bool = False,
) -> Any:
    """Convolution + BatchNorm (+ ReLU), (B, h, w, C) -> (B, h / stride, w / stride, channels)."""
    x = keras.layers.Conv2D(
        channels, kernel, stride, padding="same", use_bias=False, name=name
    )(x)  # fmt: skip
    return normalised(x, name, activation, fixed_statistics)


def depthwise(
    x: Any,
    name: str,
    *,
    kernel: int = 3,
    stride: int = 1,
    activation: Activation | None = "relu6",
    fixed_statistics: bool = False,
) -> Any:
    """Depthwise convolution + BatchNorm (+ ReLU); the number of channels stays."""
    x = keras.layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=name
    )(x)  # fmt: skip
    return normalised(x, name, activation, fixed_statistics)


def separable(x: Any, name: str, channels: int, *, kernel: int = 3) -> Any:
    """Depthwise, then pointwise, each with BatchNorm and ReLU6: a cheap full convolution."""
    x = depthwise(x, f"{name}_depthwise", kernel=kernel)
    return convolution(x, f"{name}_pointwise", channels)


def normalised(
    x: Any, name: str, activation: Activation | None = "relu6", fixed_statistics: bool = False
) -> Any:
    """BatchNorm (+ ReLU)."""
    layer = FixedBatchNormalization if fixed_statistics else keras.layers.BatchNormalization
    x = layer(epsilon=EPSILON, momentum=MOMENTUM, name=f"{name}_bn")(x)
    if activation is None:
        return x
    most = 6.0 if activation == "relu6" else None
    return keras.layers.ReLU(most, name=f"{name}_{activation}")(x)
