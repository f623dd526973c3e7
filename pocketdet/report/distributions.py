"""The plots of the analyse stage as PNG files: histograms and heat maps, one figure each.

They keep one plain look on white, so that the same file serves the page, MLflow and slides.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.analysis.stats import HeatMap, Histogram, most_frequent
from pocketdet.report.pictures import CLASS_COLOURS, INK

MAX_SERIES = 6  # more is no picture; the CSV files have them all
MAX_ROWS, MAX_PARTS = 4, 8  # of heat maps
ASPECTS = (0.5, 1, 2, 4)  # height / width, of the lines on a map of sizes
SOFT, GRID = "#5d6570", "#e2dfd8"


def bars(
    groups: Sequence[str], series: Mapping[str, Sequence[float]], label: str, path: Path
) -> None:
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


def histogram(values: Histogram, path: Path, *, log: bool) -> None:
    """One stepped line a series, each as a share of its own sum, so that sources compare.

    Args:
        values: What to draw.
        path: Of the PNG file.
        log: Logarithmic axis.
    """
    figure, axes = _figure(6.4, 3.6)
    for n, name in enumerate(most_frequent(values.series, MAX_SERIES)):
        total = int(values.series[name].sum())
        shares = values.series[name] / max(total, 1)
        axes.stairs(shares, values.edges, color=_colour(n), lw=1.8, label=f"{name} ({total:,})")
        axes.stairs(shares, values.edges, color=_colour(n), fill=True, alpha=0.12)
    if log:
        _doublings(axes)
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:g} %")
    axes.set_ylim(bottom=0)
    axes.set_xlim(values.edges[0], values.edges[-1])
    _finish(figure, axes, values.name, "share of the series", path, grid="both")


def histograms(parts: Mapping[str, Histogram], path: Path) -> None:
    """A row of panels a series, one panel a part of the data, over the same logarithmic axes.

    Shares are of the panel's own sum, so that parts compare; a grey line repeats the first part.

    Args:
        parts: What to draw, by name, over the same edges.
        path: Of the PNG file.
    """
    whole = next(iter(parts.values()))
    names = most_frequent(whole.series, MAX_ROWS)
    shown = list(parts.items())[:MAX_PARTS]
    figure, all_axes = _panels(names, [part for part, _ in shown])
    for row, name in enumerate(names):
        of_all = whole.series[name] / max(int(whole.series[name].sum()), 1)
        for column, (_, values) in enumerate(shown):
            axes, total = all_axes[row, column], int(values.series[name].sum())
            shares = values.series[name] / max(total, 1)
            axes.stairs(shares, values.edges, color=_colour(row), fill=True, alpha=0.25)
            axes.stairs(shares, values.edges, color=_colour(row), lw=1.2)
            if column:
                axes.stairs(of_all, values.edges, color=SOFT, lw=0.8, ls=":")
            axes.set_title(f"{total:,}", loc="right", y=0.84, fontsize=8, color=SOFT)
            _doublings(axes)
            axes.minorticks_off()
            axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:g} %")
            axes.grid(color=GRID)
            axes.set_axisbelow(True)
            _quieten(axes)
    # Once all is drawn: a limit that is set earlier would cut off what panels after it hold.
    axes.set_xlim(whole.edges[0], whole.edges[-1])
    axes.set_ylim(0, axes.get_ylim()[1] * 1.1)
    figure.supxlabel(whole.name, fontsize=9, color=SOFT)
    figure.supylabel("share of the panel", fontsize=9, color=SOFT)
    figure.savefig(path, metadata={"Software": None})


def heat_maps(
    parts: Mapping[str, HeatMap],
    x_label: str,
    y_label: str,
    path: Path,
    *,
    log: bool,
    marks: Sequence[tuple[float, float]] = (),
) -> None:
    """A row of maps a class, one map a part of the data, each from nothing to its largest value.

    Args:
        parts: What to draw, by name; with `log` upwards, otherwise downwards as in a picture.
        x_label: With unit.
        y_label: With unit.
        path: Of the PNG file.
        log: Logarithmic axes of sizes; lines of equal aspect are drawn.
        marks: Points (x, y) to mark on the first part's maps.
    """
    names = most_frequent(next(iter(parts.values())).maps, MAX_ROWS)
    shown = list(parts.items())[:MAX_PARTS]
    low = _lowest(shown[0][1])
    figure, all_axes = _panels(names, [part for part, _ in shown])
    for row, name in enumerate(names):
        for column, (_, values) in enumerate(shown):
            axes = all_axes[row, column]
            _map(axes, values, name, log)
            if log:
                axes.set_xlim(low[0], values.x_edges[-1])
                axes.set_ylim(low[1], values.y_edges[-1])
            if not values.maps[name].any():
                axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=SOFT)
            if column == 0 and marks:
                axes.plot(*zip(*marks, strict=True), "+", color=INK, ms=6, mew=1.2)
    figure.supxlabel(x_label, fontsize=9, color=SOFT)
    figure.supylabel(y_label, fontsize=9, color=SOFT)
    figure.savefig(path, metadata={"Software": None})


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    path: Path,
    *,
    at: float,
) -> None:
    """Shares over a size, one line with dots a series; a vertical line says where we are.

    Args:
        series: Name -> x and y.
        x_label: With unit.
        y_label: Of the shares, 0 to 1.
        path: Of the PNG file.
        at: The configured size.
    """
    figure, axes = _figure(6.4, 3.6)
    axes.axvline(at, color=SOFT, lw=1, ls=":")
    styles = ("-", "--")
    for n, (name, (x, y)) in enumerate(series.items()):
        colour = _colour(n // 2)
        axes.plot(x, y, styles[n % 2], marker="o", ms=4, lw=1.8, color=colour, label=name)
    ticks = sorted({x for xs, _ in series.values() for x in xs})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_major_formatter(lambda y, _: f"{100 * y:g} %")
    axes.set_ylim(0, 1.03)
    _finish(figure, axes, x_label, y_label, path, grid="both")


def _map(axes: Any, values: HeatMap, name: str, log: bool) -> None:
    shown = np.ma.masked_equal(values.maps[name], 0)  # nothing is white, not the palest colour
    axes.pcolormesh(values.x_edges, values.y_edges, shown, cmap="YlOrRd", vmin=0)
    if log:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        low, high = values.x_edges[0], values.x_edges[-1]
        for aspect in ASPECTS:  # height / width
            axes.plot([low, high], [low * aspect, high * aspect], color=SOFT, lw=0.6, ls=":")
        axes.minorticks_off()
        for axis, edges in ((axes.xaxis, values.x_edges), (axes.yaxis, values.y_edges)):
            axis.set_ticks([px for px in (2, 4, 8, 16, 32, 64, 128, 256, 512) if px <= edges[-1]])
            axis.set_major_formatter(lambda x, _: f"{x:g}")
    else:
        axes.set_ylim(1, 0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks([0, 0.5, 1])
            axis.set_major_formatter(lambda x, _: f"{100 * x:g} %")
    _quieten(axes)


def _panels(names: Sequence[str], parts: Sequence[str]) -> tuple[Any, Any]:
    """A figure, and its axes by row (name) and column (part), all with the same limits."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(names), len(parts)
    width, height = max(0.6 + 1.75 * columns, 4), 0.8 + 1.65 * rows
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, part in zip(all_axes[0], parts, strict=True):
        axes.set_title(part, fontsize=9.5, color=INK)
    for axes, name in zip(all_axes[:, 0], names, strict=True):
        axes.set_ylabel(name, fontsize=9.5, color=INK)
    return figure, all_axes


def _quieten(axes: Any) -> None:
    axes.tick_params(labelsize=8, colors=SOFT, length=2)
    for side in axes.spines.values():
        side.set_color(GRID)


def _doublings(axes: Any) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: f"1/{1 / x:g}" if x < 1 else f"{x:g}")


def _lowest(values: HeatMap) -> tuple[float, float]:
    """Where the values of any class begin, x and y."""
    total = np.sum(list(values.maps.values()), axis=0)
    x, y = (int(np.argmax(total.any(axis=axis))) for axis in (0, 1))
    return float(values.x_edges[x]), float(values.y_edges[y])


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
