"""Backbones of inverted residuals (MobileNetV2, Sandler et al. 2018, section 3.3).

EfficientNet-Lite and MobileNetV2 are the same construction with different tables. Layers are
called `backbone_stem_...` and `backbone_STAGE_BLOCK_...`, which is how freezing finds a stage.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from pocketdet.detector.blocks import convolution, depthwise

_LAYER = re.compile(r"backbone_(stem|\d+)_")


@dataclass(frozen=True)
class Stage:
    """One row of a backbone's table.

    Attributes:
        kernel: Side of the depthwise kernels.
        stride: Of the first block.
        expansion: Channels inside a block relative to those that enter it.
        channels: That leave it.
        blocks: How many.
    """

    kernel: int
    stride: int
    expansion: int
    channels: int
    blocks: int


def taps(
    x: Any, stem_channels: int, stages: Sequence[Stage], strides: Sequence[int], *, fixed: bool
) -> dict[int, Any]:
    """Build the backbone as far as it is needed.

    Args:
        x: Normalised picture, (B, H, W, 3).
        stem_channels: Of the first convolution (3 x 3, stride 2).
        stages: The table.
        strides: Wanted feature maps, input pixels per cell. What lies behind the last is left out.
        fixed: Whether BatchNorm keeps its stored statistics (they are pretrained).

    Returns:
        The last feature map of each wanted stride.
    """
    x = convolution(
        x, "backbone_stem", stem_channels, kernel=3, stride=2, fixed_statistics=fixed
    )  # fmt: skip
    stride, maps = 2, {2: x}
    for s, stage in enumerate(stages):
        stride *= stage.stride
        if stride > max(strides):
            break
        for b in range(stage.blocks):
            x = _block(x, f"backbone_{s}_{b}", stage, stage.stride if b == 0 else 1, fixed)
        maps[stride] = x
    return {stride: maps[stride] for stride in strides}


def block_names(stages: Sequence[Stage]) -> list[str]:
    """Names of all blocks in order: the n-th of them is the n-th of the original net."""
    return [f"backbone_{s}_{b}" for s, stage in enumerate(stages) for b in range(stage.blocks)]


def stage_of(layer_or_weight: str) -> int | None:
    """Backbone stage of a layer or weight path: -1 for the stem, None outside the backbone."""
    match = _LAYER.match(layer_or_weight)
    if match is None:
        return None
    return -1 if match[1] == "stem" else int(match[1])


def _block(x: Any, name: str, stage: Stage, stride: int, fixed: bool) -> Any:
    entered, channels = x, x.shape[-1]
    if stage.expansion > 1:
        x = convolution(x, f"{name}_expand", channels * stage.expansion, fixed_statistics=fixed)
    x = depthwise(
        x, f"{name}_depthwise", kernel=stage.kernel, stride=stride, fixed_statistics=fixed
    )
    x = convolution(x, f"{name}_project", stage.channels, activate=False, fixed_statistics=fixed)
    if stride == 1 and channels == stage.channels:
        x = keras.layers.Add(name=f"{name}_add")([entered, x])
    return x
