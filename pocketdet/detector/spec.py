"""What a net is, without the net: enough to build it, to read its outputs and to ship it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Level:
    """One map of predictions.

    Attributes:
        stride: Input pixels per cell.
        anchors_wh: Anchor shapes (width, height) in input pixels, centred on every cell.
    """

    stride: int
    anchors_wh: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class NetSpec:
    """Architecture and outputs of a detector.

    The net's outputs are, for every level, `scores_STRIDE` (B, h, w, anchors * classes), logits,
    and `boxes_STRIDE` (B, h, w, anchors * 4), SSD offsets; `pocketdet.detector.decode` reads them.
    """

    backbone: str
    width: float
    weights: str
    neck_channels: int
    head_blocks: int
    input_wh: tuple[int, int]
    classes: tuple[str, ...]
    levels: tuple[Level, ...]

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
