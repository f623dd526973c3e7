"""Charts with a row a name, as SVG markup: intervals as dots with whiskers, amounts as bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pocketdet.report.charts import text, ticks

WIDTH, ROW, LEFT, RIGHT, BOTTOM = 460, 24, 150, 52, 26  # of the viewBox; the page scales it
MOST = 22  # characters of a name


@dataclass(frozen=True)
class Whisker:
    """A number with its interval.

    Attributes:
        name: Of the row.
        value: The number; None is shown as a dash.
        low: Lower end, or None.
        high: Upper end, or None.
        strong: Whether it stands out.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    strong: bool = False


def whiskers(rows: Sequence[Whisker], label: str, zero: bool = False) -> str:
    """Numbers with intervals over a common axis.

    Args:
        rows: From top to bottom.
        label: What the axis measures.
        zero: Whether to mark 0, for differences; else the axis goes from 0 to 1.
    """
    numbers = [v for r in rows for v in (r.value, r.low, r.high) if v is not None]
    low, high = (min([*numbers, -0.01]), max([*numbers, 0.01])) if zero else (0.0, 1.0)
    pad = 0.05 * (high - low) if zero else 0.0
    low, high = low - pad, high + pad

    def px(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = _frame(len(rows), label, low, high)
    if zero:
        parts.append(f'<path class="zero" d="M{px(0):.1f} 0V{len(rows) * ROW}"/>')
    for i, row in enumerate(rows):
        y = i * ROW + ROW / 2
        parts.append(text("tick", LEFT - 8, y + 4, _short(row.name), "end"))
        if row.value is None:
            parts.append(text("tick", px(low) + 6, y + 4, "–", "start"))
            continue
        if row.low is not None and row.high is not None:
            parts.append(f'<path class="whisker" d="M{px(row.low):.1f} {y}H{px(row.high):.1f}"/>')
        kind = "dot strong" if row.strong else "dot"
        parts.append(f'<circle class="{kind}" cx="{px(row.value):.1f}" cy="{y}" r="4.5"/>')
        amount = f"{row.value:+.3f}" if zero else f"{row.value:.3f}"
        parts.append(text("note", WIDTH - RIGHT + 8, y + 4, amount, "start"))
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[tuple[str, float | None]], label: str) -> str:
    """Amounts over a common axis that starts at 0."""
    high = max([value or 0.0 for _, value in rows] + [1e-6]) * 1.05
    parts = _frame(len(rows), label, 0.0, high)
    for i, (name, value) in enumerate(rows):
        y = i * ROW
        width = (value or 0.0) / high * (WIDTH - LEFT - RIGHT)
        parts.append(text("tick", LEFT - 8, y + ROW / 2 + 4, _short(name), "end"))
        parts.append(f'<rect class="bar" x="{LEFT}" y="{y + 5}" width="{width:.1f}" height="14"/>')
        amount = "–" if value is None else f"{value:.3f}"
        parts.append(text("note", WIDTH - RIGHT + 8, y + ROW / 2 + 4, amount, "start"))
    return "".join([*parts, "</svg>"])


def _frame(rows: int, label: str, low: float, high: float) -> list[str]:
    """The opening tag, the axis and its name."""
    bottom = rows * ROW
    parts = [
        f'<svg class="chart rows" viewBox="0 0 {WIDTH} {bottom + BOTTOM + 16}" role="img" '
        f'aria-label="{escape(label)}">'
    ]
    for value in ticks(low, high):
        x = LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)
        parts.append(f'<path class="rule" d="M{x:.1f} 0V{bottom}"/>')
        parts.append(text("tick", x, bottom + 16, f"{value:g}", "middle"))
    parts.append(text("axis", (LEFT + WIDTH - RIGHT) / 2, bottom + 34, label, "middle"))
    return parts


def _short(name: str) -> str:
    return name if len(name) <= MOST else f"{name[: MOST - 1]}…"
