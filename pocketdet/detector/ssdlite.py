"""SSDLite's predictors (MobileNetV2, Sandler et al. 2018, section 6.2), two branches a level."""

import math
from typing import Any

import keras

from pocketdet.detector.blocks import depthwise, separable
from pocketdet.detector.spec import NetSpec

PRIOR = 0.002  # score of every class before training: about what a handful of objects comes to,
# spread over all anchors, so that background costs little at first (Lin et al. 2017, section 4.1)


def predict(maps: dict[int, Any], spec: NetSpec) -> dict[str, Any]:
    """Scores and boxes of every level, as separate outputs so that int8 levels share no scale.

    Args:
        maps: Stride in input pixels -> (B, h, w, channels).
        spec: The net.

    Returns:
        `scores_STRIDE` (B, h, w, anchors * classes) logits and `boxes_STRIDE`
        (B, h, w, anchors * 4) offsets, in the order of the levels, all scores first.
    """
    outputs = {}
    for kind, values in (("scores", len(spec.classes)), ("boxes", 4)):
        for level in spec.levels:
            name = f"{kind}_{level.stride}"
            x = maps[level.stride]
            for i in range(spec.head_blocks):
                x = separable(x, f"head_{name}_{i}", spec.neck_channels)
            # Signed features: after a ReLU6 the first steps, which silence the background, turn
            # every weight negative, and no score can rise above its bias again.
            x = depthwise(x, f"head_{name}_last", activation=None)
            bias = -math.log(1 / PRIOR - 1) if kind == "scores" else 0.0
            outputs[name] = keras.layers.Conv2D(
                len(level.anchors_wh) * values,
                1,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                bias_initializer=keras.initializers.Constant(bias),
                name=name,
            )(x)
    return outputs
