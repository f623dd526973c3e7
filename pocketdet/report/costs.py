"""A picture of what a net costs, operation by operation."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pocketdet.design.costs import LayerCost

PARTS = {"backbone": "#0072b2", "neck": "#e69f00", "head": "#009e73"}
OTHER = "#9aa0a6"


def draw(rows: Sequence[LayerCost], layers_ms: Sequence[float], device: str, path: Path) -> None:
    """MACs, estimated time and living activations of each operation, in order of execution.

    Args:
        rows: The operations.
        layers_ms: Estimated time of each, ms.
        device: Title of the card that the times are for.
        path: Of the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    panels = (
        ("MACs, million", [row.macs / 1e6 for row in rows]),
        (f"time on {device}, ms (estimated)", layers_ms),
        ("weights, thousand", [row.weights / 1e3 for row in rows]),
        ("int8 activations alive, kB", [row.alive / 1e3 for row in rows]),
    )
    figure = Figure(figsize=(11, 9), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    colours = [PARTS.get(_part(row.name), OTHER) for row in rows]
    for axes, (title, values) in zip(
        figure.subplots(len(panels), sharex=True), panels, strict=True
    ):
        axes.bar(np.arange(len(rows)), values, color=colours, width=0.85)
        top = int(np.argmax(values))
        axes.annotate(
            f"{rows[top].name}: {values[top]:,.4g}",
            (top, values[top]),
            (4, -2),
            textcoords="offset points",
            fontsize=8,
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    axes.set_xlabel("operation, in order of execution")
    legend = [Patch(color=colour, label=name) for name, colour in (*PARTS.items(), ("rest", OTHER))]
    figure.legend(handles=legend, loc="outside upper right", ncols=4, fontsize=9)
    figure.savefig(path, metadata={"Software": None})


def block(operation: str) -> str:
    """The block of the backbone, or else the part of the net, that an operation belongs to."""
    found = re.match(r"backbone_(stem|\d+_\d+)", operation)
    return found[0] if found else _part(operation)


def _part(operation: str) -> str:
    name = operation.split("_")[0]
    return "head" if name in ("scores", "boxes") else name
