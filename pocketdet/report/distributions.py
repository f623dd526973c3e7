"""The plots of the analyse stage as PNG files: histograms and heat maps, one figure each.

They keep one plain look on white, so that the same file serves the page, MLflow and slides.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.report.pictures import CLASS_COLOURS, INK
from pocketdet.stats import HeatMap, Histogram, most_frequent

MAX_SERIES = 6  # more is no picture; the CSV files have them all
SOFT, GRID = "#5d6570", "#e2dfd8"


def bars(groups: Sequence[str], series: dict[str, Sequence[float]], label: str, path: Path) -> None:
    """Horizontal bars, stacked by series; one bar a group, largest on top.

    Args:
        groups: Names of the bars.
        series: Name -> a value for each group.
        label: What the values are.
        path: Of the PNG file.
    """
    totals = [sum(values) for values in zip(*series.values(), strict=True)]
    order = sorted(range(len(groups)), key=lambda i: totals[i])
    figure, axes = _figure(8, 1.1 + 0.34 * len(groups))
    left = [0.0] * len(groups)
    for n, (name, values) in enumerate(series.items()):
        shown = [values[i] for i in order]
        axes.barh(range(len(groups)), shown, 0.66, left, color=_colour(n), label=name)
        left = [a + b for a, b in zip(left, shown, strict=True)]
    axes.set_yticks(range(len(groups)), [groups[i] for i in order])
    for row, total in enumerate(left):
        axes.annotate(
            f"{total:,.0f}", (total, row), (4, 0), textcoords="offset points", va="center"
        )
    axes.set_xlim(0, max([*left, 1]) * 1.12)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    _finish(figure, axes, label, "", path, grid="x")


def histogram(values: Histogram, path: Path, *, log: bool, note: str = "") -> None:
    """One stepped line a series, each as a share of its own sum, so that sources compare.

    Args:
        values: What to draw.
        path: Of the PNG file.
        log: Logarithmic axis.
        note: Behind the label of the axis.
    """
    figure, axes = _figure(6.4, 3.6)
    for n, name in enumerate(most_frequent(values.series, MAX_SERIES)):
        total = int(values.series[name].sum())
        shares = values.series[name] / max(total, 1)
        axes.stairs(shares, values.edges, color=_colour(n), lw=1.8, label=f"{name} ({total:,})")
        axes.stairs(shares, values.edges, color=_colour(n), fill=True, alpha=0.12)
    if log:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda x, _: f"1/{1 / x:g}" if x < 1 else f"{x:g}")
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:g} %")
    axes.set_ylim(bottom=0)
    axes.set_xlim(values.edges[0], values.edges[-1])
    _finish(figure, axes, f"{values.name}{note}", "share of the series", path, grid="both")


def heat_maps(values: HeatMap, x_label: str, y_label: str, path: Path, *, log: bool) -> None:
    """One map a class, each with its own scale from nothing to its largest value.

    Args:
        values: What to draw; with `log` upwards, otherwise downwards as in a picture.
        x_label: With unit.
        y_label: With unit.
        path: Of the PNG file.
        log: Logarithmic axes of sizes; lines of equal aspect are drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = most_frequent(values.maps, MAX_SERIES)
    columns = len(names) if len(names) <= 4 else 3
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(0.8 + 2.5 * columns, 0.5 + 2.3 * rows), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for n, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, n + 1)
        grid = values.maps[name]
        shown = np.ma.masked_equal(grid, 0)  # nothing is white, not the palest colour
        axes.pcolormesh(values.x_edges, values.y_edges, shown, cmap="YlOrRd", vmin=0)
        if log:
            axes.set_xscale("log", base=2)
            axes.set_yscale("log", base=2)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda x, _: f"{x:g}")
            low, high = values.x_edges[0], values.x_edges[-1]
            axes.plot([low, high], [low, high], color=SOFT, lw=0.8, ls=":")
            axes.set_ylim(values.y_edges[0], values.y_edges[-1])
        else:
            axes.set_ylim(1, 0)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(lambda x, _: f"{100 * x:g} %")
        axes.set_title(name, fontsize=10, color=INK)
        axes.tick_params(labelsize=8, colors=SOFT)
        for side in axes.spines.values():
            side.set_color(GRID)
    figure.supxlabel(x_label, fontsize=9, color=SOFT)
    figure.supylabel(y_label, fontsize=9, color=SOFT)
    figure.savefig(path, metadata={"Software": None})


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: no global state, no window
    return figure, figure.add_subplot()


def _finish(figure: Any, axes: Any, x_label: str, y_label: str, path: Path, *, grid: str) -> None:
    axes.set_xlabel(x_label, color=SOFT, fontsize=9)
    axes.set_ylabel(y_label, color=SOFT, fontsize=9)
    axes.tick_params(labelsize=9, colors=SOFT, length=0)
    axes.grid(axis=grid, color=GRID)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        axes.legend(handles, labels, frameon=False, fontsize=9, labelcolor=INK)
    figure.savefig(path, metadata={"Software": None})


def _colour(n: int) -> str:
    return CLASS_COLOURS[n % len(CLASS_COLOURS)]
