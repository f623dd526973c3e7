"""MobileNetV2 (Sandler et al. 2018, table 2) in any width, without its last two layers.

Built from the table and not taken from `keras.applications`, whose explicit padding layers stay
separate operations on a phone; for even sides the result is the same.
"""

from collections.abc import Sequence
from typing import Any

from pocketdet.detector.inverted_residual import Stage, block_names, taps

_STAGES = (
    Stage(kernel=3, stride=1, expansion=1, channels=16, blocks=1),
    Stage(kernel=3, stride=2, expansion=6, channels=24, blocks=2),
    Stage(kernel=3, stride=2, expansion=6, channels=32, blocks=3),
    Stage(kernel=3, stride=2, expansion=6, channels=64, blocks=4),
    Stage(kernel=3, stride=1, expansion=6, channels=96, blocks=3),
    Stage(kernel=3, stride=2, expansion=6, channels=160, blocks=3),
)


def features(x: Any, strides: Sequence[int], width: float, *, fixed: bool) -> dict[int, Any]:
    """The feature map of each stride; see `inverted_residual.taps`.

    Args:
        x: Normalised picture, (B, H, W, 3).
        strides: Wanted maps, input pixels per cell.
        width: Multiplies every number of channels; 0.35 to 1.0.
        fixed: Whether BatchNorm keeps its stored statistics.
    """
    stages = [
        Stage(s.kernel, s.stride, s.expansion, _rounded(s.channels * width), s.blocks)
        for s in _STAGES
    ]
    return taps(x, _rounded(32 * width), stages, strides, fixed=fixed)


def keras_names() -> dict[str, str]:
    """Layer of ours -> layer of `keras.applications.MobileNetV2`."""
    names = {"backbone_stem": "Conv1", "backbone_stem_bn": "bn_Conv1"}
    for i, block in enumerate(block_names(_STAGES)):
        theirs = f"block_{i}" if i else "expanded_conv"
        for part in ("expand", "depthwise", "project"):
            names[f"{block}_{part}"] = f"{theirs}_{part}"
            names[f"{block}_{part}_bn"] = f"{theirs}_{part}_BN"
    return names


def _rounded(channels: float) -> int:
    """To a multiple of 8, at least 8, and never more than 10 % down, as in the reference code."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
