"""What a net is, without the net: enough to build it, to read its outputs and to ship it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pocketdet.detector.backbones import WHOLE

Head = Literal["ssdlite", "anchor_free"]

BINS = 16  # of a distance's distribution: 0 to 15 cells, as in GFL (Li et al. 2020, section 4.1)


@dataclass(frozen=True)
class Level:
    """One map of predictions.

    Attributes:
        stride: Input pixels per cell.
        anchors_wh: Anchor shapes (width, height) in input pixels, centred on every cell; none for
            an anchor-free head, which predicts once a cell.
    """

    stride: int
    anchors_wh: tuple[tuple[float, float], ...]

    @property
    def shapes_wh(self) -> tuple[tuple[float, float], ...]:
        """Shapes that a cell predicts from: its anchors, or the cell itself."""
        return self.anchors_wh or ((self.stride, self.stride),)


@dataclass(frozen=True)
class NetSpec:
    """Architecture and outputs of a detector.

    `outputs` tells what it gives; `pocketdet.detector.decode` reads that.
    """

    backbone: str
    width: float
    weights: str
    neck_channels: int
    head_blocks: int
    input_wh: tuple[int, int]
    classes: tuple[str, ...]
    levels: tuple[Level, ...]
    head: Head = "ssdlite"  # the only one of the first bundles, which do not name it
    truncate_after: str = WHOLE  # the backbone's last block; the first bundles name none either

    @property
    def anchor_free(self) -> bool:
        """Whether boxes are distances from a cell instead of offsets from anchors."""
        return self.head == "anchor_free"

    @property
    def box_values(self) -> int:
        """Raw values of a box: SSD's four offsets, or the logits of four distances."""
        return 4 * BINS if self.anchor_free else 4

    def outputs(self) -> dict[str, tuple[int, int, int]]:
        """Shape (h, w, channels) of every raw map by name, all scores first.

        `scores_STRIDE` are logits, predictions a cell * classes; `boxes_STRIDE` are `box_values` a
        prediction.
        """
        w, h = self.input_wh
        return {
            f"{kind}_{level.stride}": (
                h // level.stride,
                w // level.stride,
                len(level.shapes_wh) * values,
            )
            for kind, values in (("scores", len(self.classes)), ("boxes", self.box_values))
            for level in self.levels
        }

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(
            json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )

    @classmethod
    def load(cls, path: Path) -> "NetSpec":
        """Read what `save` wrote."""
        raw = json.loads(path.read_text())
        levels = tuple(
            Level(level["stride"], tuple((w, h) for w, h in level["anchors_wh"]))
            for level in raw["levels"]
        )
        return cls(
            **{
                **raw,
                "input_wh": tuple(raw["input_wh"]),
                "classes": tuple(raw["classes"]),
                "levels": levels,
            }
        )
