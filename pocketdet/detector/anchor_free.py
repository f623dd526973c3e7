"""The anchor-free head: one prediction a cell, from convolutions that all levels share.

As FCOS (Tian et al. 2019) and, of depthwise-separable blocks with a BatchNorm of each level's own,
NanoDet-Plus and PicoDet (Yu et al. 2021, section 3.1). A box is four distances from the cell's
centre, each a distribution over whole numbers of cells (GFL, Li et al. 2020, section 3.2). The
distributions leave the net as they are: a softmax in int8 would cost what they are good for.
"""

import math
from typing import Any

import keras

from pocketdet.detector.blocks import normalised
from pocketdet.detector.spec import BINS, NetSpec

PRIOR = 0.01  # score of every class before training (Lin et al. 2017, section 4.1)
DECAY = 3.0  # bins: a fresh distribution falls as exp(-bin / DECAY), so that boxes begin some 5
# cells wide, about what a level is for, and not 15, where the first assignments are arbitrary


def predict(maps: dict[int, Any], spec: NetSpec) -> dict[str, Any]:
    """Scores and boxes of every level, as separate outputs so that int8 levels share no scale.

    Args:
        maps: Stride in input pixels -> (B, h, w, channels).
        spec: The net.

    Returns:
        `scores_STRIDE` (B, h, w, classes) logits and `boxes_STRIDE` (B, h, w, 4 * BINS) logits of
        left, top, right, bottom, in the order of the levels, all scores first.
    """
    falling = [-i / DECAY for i in range(BINS)] * 4
    scores = _branch(maps, spec, "scores", [-math.log(1 / PRIOR - 1)] * len(spec.classes))
    return scores | _branch(maps, spec, "boxes", falling)


def _branch(
    maps: dict[int, Any], spec: NetSpec, kind: str, biases: list[float]
) -> dict[str, Any]:  # fmt: skip
    layers = keras.layers
    blocks = [
        (
            layers.DepthwiseConv2D(
                3, padding="same", use_bias=False, name=f"head_{kind}_{i}_depthwise"
            ),
            layers.Conv2D(spec.neck_channels, 1, use_bias=False, name=f"head_{kind}_{i}_pointwise"),
        )
        for i in range(spec.head_blocks)
    ]
    last = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"head_{kind}_last")
    predictor = layers.Conv2D(
        len(biases),
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=lambda shape, dtype=None: keras.ops.cast(biases, dtype or "float32"),
        name=f"head_{kind}",
    )
    outputs = {}
    for level in spec.levels:
        x = maps[level.stride]
        for block in blocks:
            for layer in block:
                x = normalised(layer(x), f"{layer.name}_{level.stride}")
        # Signed features, for the reason that `ssdlite` gives.
        x = normalised(last(x), f"{last.name}_{level.stride}", activation=None)
        outputs[f"{kind}_{level.stride}"] = predictor(x)
    return outputs
