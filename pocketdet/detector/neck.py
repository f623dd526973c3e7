"""Additive path aggregation (PANet, Liu et al. 2018) of depthwise-separable convolutions.

Coarse maps know what, fine maps know where: one path brings meaning down, one brings place up.
Sums instead of concatenations keep every map at the same width and int8 at one scale per sum.
"""

from itertools import pairwise
from typing import Any

import keras

from pocketdet.detector.blocks import Enlarge, convolution, depthwise, separable


def aggregate(maps: dict[int, Any], channels: int) -> dict[int, Any]:
    """Mix the backbone's maps.

    Args:
        maps: Stride in input pixels -> (B, h, w, C) of that stride.
        channels: Of every map that comes out.

    Returns:
        Stride -> (B, h, w, channels), same strides.
    """
    strides = sorted(maps)
    mixed = {s: convolution(maps[s], f"neck_lateral_{s}", channels) for s in strides}
    for fine, coarse in reversed(list(pairwise(strides))):
        up = Enlarge(coarse // fine, name=f"neck_enlarge_{fine}")(mixed[coarse])
        both = keras.layers.Add(name=f"neck_down_{fine}_add")([mixed[fine], up])
        mixed[fine] = separable(both, f"neck_down_{fine}", channels)
    for fine, coarse in pairwise(strides):
        down = mixed[fine]
        for step in range((coarse // fine).bit_length() - 1):
            down = depthwise(down, f"neck_reduce_{coarse}_{step}", stride=2)
        both = keras.layers.Add(name=f"neck_up_{coarse}_add")([mixed[coarse], down])
        mixed[coarse] = separable(both, f"neck_up_{coarse}", channels)
    return mixed
