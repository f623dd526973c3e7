"""EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019, table 1) without squeeze-and-excite, ReLU6.

Only stages 0-5 of the seven: the last one and the 1280-channel convolution behind it serve
ImageNet's classes and cost a third of the weights.
"""

from collections.abc import Sequence
from typing import Any

from pocketdet.detector.inverted_residual import Stage, block_names, taps

STEM_CHANNELS = 32
STAGES = (
    Stage(kernel=3, stride=1, expansion=1, channels=16, blocks=1),
    Stage(kernel=3, stride=2, expansion=6, channels=24, blocks=2),
    Stage(kernel=5, stride=2, expansion=6, channels=40, blocks=2),
    Stage(kernel=3, stride=2, expansion=6, channels=80, blocks=3),
    Stage(kernel=5, stride=1, expansion=6, channels=112, blocks=3),
    Stage(kernel=5, stride=2, expansion=6, channels=192, blocks=4),
)


def features(x: Any, strides: Sequence[int], width: float, *, fixed: bool) -> dict[int, Any]:
    """The feature map of each stride; see `inverted_residual.taps`. There is only width 1.0."""
    return taps(x, STEM_CHANNELS, STAGES, strides, fixed=fixed)


def torch_names() -> dict[str, str]:
    """Layer of ours -> prefix of its weights in the PyTorch state dict."""
    names = {"backbone_stem": "_conv_stem", "backbone_stem_bn": "_bn0"}
    for i, block in enumerate(block_names(STAGES)):
        for part, norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            names[f"{block}_{part}"] = f"_blocks.{i}._{part}_conv"
            names[f"{block}_{part}_bn"] = f"_blocks.{i}.{norm}"
    return names
