"""Line charts as SVG markup: sharp on a phone and on paper, in the page's own colours.

Colours are CSS variables (--ink, --rule, --series-1 ...), so that a chart follows light and dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 460, 300  # of the viewBox; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 30, 40  # room for ticks, labels and legend
SERIES_COLOURS = 6


@dataclass(frozen=True)
class Series:
    """A line.

    Attributes:
        name: In the legend.
        xs: Horizontal values; NaN breaks the line.
        ys: As many vertical values.
        thin: A secondary line.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    thin: bool = False


@dataclass(frozen=True)
class Point:
    """A marked point.

    Attributes:
        x: Horizontal value.
        y: Vertical value.
        note: Beside it, or "".
        series: Number of the line whose colour it has; None for one that stands out.
    """

    x: float
    y: float
    note: str
    series: int | None = None


def lines(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    points: Sequence[Point] = (),
) -> str:
    """A chart of lines over common axes.

    Args:
        series: The lines; those without any number are left out.
        x_label: With unit.
        y_label: With unit.
        x_range: Ends of the axis; by default those of the values.
        y_range: Likewise.
        points: Marked on top.
    """
    lows, highs = zip(
        x_range or _range([x for s in series for x in s.xs]),
        y_range or _range([y for s in series for y in s.ys]),
        strict=True,
    )

    def px(x: float) -> float:
        return LEFT + (x - lows[0]) / (highs[0] - lows[0]) * (WIDTH - LEFT - RIGHT)

    def py(y: float) -> float:
        return HEIGHT - BOTTOM - (y - lows[1]) / (highs[1] - lows[1]) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(y_label)} over {escape(x_label)}">'
    ]
    for y in ticks(lows[1], highs[1]):
        parts.append(f'<path class="rule" d="M{LEFT} {py(y):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text("tick", LEFT - 6, py(y) + 4, f"{y:g}", "end"))
    for x in ticks(lows[0], highs[0]):
        parts.append(text("tick", px(x), HEIGHT - BOTTOM + 16, f"{x:g}", "middle"))
    parts.append(text("axis", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_label, "middle"))
    parts.append(text("axis", 2, TOP - 16, y_label, "start"))

    legend = []
    for i, line in enumerate(series):
        path = _path([(px(x), py(y)) for x, y in zip(line.xs, line.ys, strict=True)])
        if path:
            colour = _colour(i)
            thin = " thin" if line.thin else ""
            parts.append(f'<path class="line{thin}" style="stroke:{colour}" d="{path}"/>')
            legend.append(f'<span><i style="background:{colour}"></i>{escape(line.name)}</span>')
    for point in points:
        x, y = px(point.x), py(point.y)
        # The note stays inside: right of the point in the left half, left of it in the right.
        left = x > WIDTH / 2
        colour = "" if point.series is None else f' style="fill:{_colour(point.series)}"'
        parts.append(f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="5"{colour}/>')
        shift, anchor = (-9, "end") if left else (9, "start")
        parts.append(text("note", x + shift, y + 18, point.note, anchor))
    parts.append("</svg>")
    return f'<div class="legend">{"".join(legend)}</div>{"".join(parts)}'


def ticks(low: float, high: float) -> list[float]:
    """About five round numbers from low to high."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * 0.8)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def text(kind: str, x: float, y: float, words: str, anchor: str) -> str:
    """An SVG text of a class of page.css."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def _colour(series: int) -> str:
    return f"var(--series-{series % SERIES_COLOURS + 1})"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Ends of the finite values, never the same."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _path(points: Sequence[tuple[float, float]]) -> str:
    """SVG's path through the points; what is not finite breaks it."""
    commands, pen = [], "M"
    for x, y in points:
        if math.isfinite(x) and math.isfinite(y):
            commands.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(commands)
