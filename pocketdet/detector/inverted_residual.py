"""Builds the backbones of `pocketdet.detector.backbones`.

Layers are called `backbone_stem_...` and `backbone_STAGE_BLOCK_...`, which is how freezing finds a
stage.
"""

import re
from collections.abc import Sequence
from typing import Any

import keras

from pocketdet.detector.backbones import Activation, Backbone, Stage
from pocketdet.detector.blocks import convolution, depthwise

_LAYER = re.compile(r"backbone_(stem|\d+)(?:_|/|$)")  # the stem's kernel is backbone_stem/kernel


def features(
    x: Any, backbone: Backbone, strides: Sequence[int], width: float, *, fixed: bool
) -> dict[int, Any]:
    """Build a backbone as far as it is needed.

    Args:
        x: Normalised picture, (B, H, W, 3).
        backbone: The row of the table.
        strides: Wanted feature maps, input pixels per cell. What lies behind the last is left out.
        width: Multiplies every number of channels.
        fixed: Whether BatchNorm keeps its stored statistics (they are pretrained).

    Returns:
        The last feature map of each wanted stride.
    """
    x = convolution(
        x, "backbone_stem", _rounded(backbone.stem_channels * width), kernel=3, stride=2,
        activation=backbone.activation, fixed_statistics=fixed,
    )  # fmt: skip
    stride, maps = 2, {2: x}
    for s, stage in enumerate(backbone.stages):
        stride *= stage.stride
        if stride > max(strides):
            break
        for b in range(stage.blocks):
            channels = _rounded(stage.channels * width)
            first = stage.stride if b == 0 else 1
            name = f"backbone_{s}_{b}"
            x = _block(x, name, stage, channels, first, backbone.activation, fixed)
        maps[stride] = x
    return {stride: maps[stride] for stride in strides}


def stage_of(layer_or_weight: str) -> int | None:
    """Backbone stage of a layer or weight path: -1 for the stem, None outside the backbone."""
    match = _LAYER.match(layer_or_weight)
    if match is None:
        return None
    return -1 if match[1] == "stem" else int(match[1])


def _block(
    x: Any, name: str, stage: Stage, channels: int, stride: int, activation: Activation, fixed: bool
) -> Any:
    entered, width = x, x.shape[-1]
    if stage.expansion > 1:
        x = convolution(
            x, f"{name}_expand", _rounded(width * stage.expansion), activation=activation,
            fixed_statistics=fixed,
        )  # fmt: skip
    x = depthwise(
        x, f"{name}_depthwise", kernel=stage.kernel, stride=stride, activation=activation,
        fixed_statistics=fixed,
    )  # fmt: skip
    x = convolution(x, f"{name}_project", channels, activation=None, fixed_statistics=fixed)
    if stride == 1 and width == channels:
        x = keras.layers.Add(name=f"{name}_add")([entered, x])
    return x


def _rounded(channels: float) -> int:
    """To a multiple of 8, at least 8, and never more than 10 % down, as in the reference code."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
