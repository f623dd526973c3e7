"""The plots of the analyse stage: which numbers go into which picture."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pocketdet.analysis.exploration import Exploration, by_subset
from pocketdet.analysis.stats import TALL, Rows
from pocketdet.report import distributions


def draw(found: Exploration, folder: Path) -> None:
    """Write every plot as NAME.png.

    Args:
        found: The numbers.
        folder: Where to.
    """
    classes = found.table.classes
    distributions.bars(classes, by_subset(found), "objects that count", folder / "classes.png")
    for name, histogram in found.histograms.items():
        log = not name.startswith("boxes_per_picture")
        distributions.histogram(histogram, folder / f"{name}.png", log=log)
    for name, parts in found.by_part.items():
        distributions.histograms(parts, folder / f"{name}.png")
    anchors = [shape for level in found.spec.levels for shape in level.anchors_wh]
    distributions.heat_maps(
        found.maps["shapes"],
        "width at the input, px",
        "height at the input, px",
        folder / "shapes.png",
        log=True,
        marks=anchors,
    )
    distributions.heat_maps(
        found.maps["coverage"],
        "share of the width",
        "share of the height",
        folder / "coverage.png",
        log=False,
    )
    distributions.lines(
        dict(_tall(found.rows["input_sizes"])),
        "longer side of the input, px",
        "share of the objects at least so tall",
        folder / "input_sizes.png",
        at=max(found.rule.input_wh),
    )


def _tall(rows: Rows) -> Iterator[tuple[str, tuple[list[float], list[float]]]]:
    """Of each class and height: sides of the inputs, and shares that reach the height there."""
    names = list(dict.fromkeys(row[0] for row in rows[1:]))[: distributions.MAX_SERIES // 2]
    for name in names:
        mine = [row for row in rows[1:] if row[0] == name]
        sides = [float(max(int(side) for side in row[1].split(" x "))) for row in mine]
        for px in TALL[1:]:
            shares = [float(row[rows[0].index(f"from {px} px")]) for row in mine]
            order = np.argsort(sides).tolist()
            yield f"{name}, {px} px", ([sides[i] for i in order], [shares[i] for i in order])
