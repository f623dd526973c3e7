"""Do the sources annotate alike? Sizes, shapes, places and counts of each source beside the others.

Quantities: size is the square root of the box's share of the picture, aspect is width over height,
the centre is a share of the picture's sides, and boxes in a picture are those of one class. Of each
there are the two-sample Kolmogorov-Smirnov statistic, its p-value, and Cliff's delta as the size of
the effect: how much more often a value of this source is above one of the others than below, -1 to
1. Boxes of one picture are not independent, so p takes every picture for one observation. With many
pictures everything is significant: read delta.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.analysis.stats import Bools, Floats, Rows, Table

EFFECTS = ((0.147, "negligible"), (0.33, "small"), (0.474, "medium"), (2.0, "large"))
"""Words for |Cliff's delta| below a limit, by Romano et al. 2006."""
FEW = 10  # values of a source, below which nothing is compared

COLUMNS = (
    "class", "source", "quantity", "values", "values of the others",
    "median", "median of the others", "KS", "p", "delta", "effect",
)  # fmt: skip


def compare(table: Table) -> Rows:
    """Each source against all the others together, by class and quantity; the largest effect first.

    Of two sources the one row is of the first.
    """
    found = []
    sources = range(len(table.sources) if len(table.sources) > 2 else len(table.sources) - 1)
    for label, name in enumerate(table.classes):
        for quantity, values, picture in _quantities(table, label):
            for s in sources:
                mine = table.image_source[picture] == s
                if min(mine.sum(), (~mine).sum()) < FEW:
                    continue
                row = _row(values, picture, mine)
                found.append((name, table.sources[s], quantity, *row))
    found.sort(key=lambda row: -abs(float(row[-2])))
    return [COLUMNS, *found]


def definitions(table: Table, declared: Mapping[str, str | None]) -> Rows:
    """Evidence of what a box encloses: heights and shapes of each source against the others.

    A source that draws the full extent has taller boxes where others draw the part in view, and
    the same widths, so that both ratios rise together.

    Args:
        table: The data set.
        declared: Of each source "visible", "full" or None, as params.yaml says.
    """
    rows: Rows = [
        ("class", "source", "boxes are", "objects", "median height", "height ratio to others",
         "median height / width", "shape ratio to others")
    ]  # fmt: skip
    sides = table.xyxy[:, 2:] - table.xyxy[:, :2]
    height = sides[:, 1] / table.size_wh[:, 1]
    shape = sides[:, 1] / sides[:, 0]
    source = table.image_source[table.image]
    for label, name in enumerate(table.classes):
        every = table.of(label)
        for s, source_name in enumerate(table.sources):
            mine, others = every & (source == s), every & (source != s)
            if not mine.any():
                continue
            cells = []
            for values in (height, shape):
                median = float(np.median(values[mine]))
                ratio = f"{median / np.median(values[others]):.2f}" if others.any() else ""
                cells += [f"{median:.3f}", ratio]
            said = declared.get(source_name) or "not said"
            rows.append((name, source_name, said, int(mine.sum()), *cells))
    return rows


def _quantities(table: Table, label: int) -> Iterator[tuple[str, Floats, npt.NDArray[np.int64]]]:
    """Name, values, and the picture of each value."""
    mine: Bools = table.of(label)
    picture = table.image[mine]
    low, high = (part[mine] / table.size_wh[mine] for part in np.split(table.xyxy, 2, axis=1))
    size = np.prod(high - low, axis=1) ** 0.5
    sides = (table.xyxy[:, 2:] - table.xyxy[:, :2])[mine]
    yield "size", size, picture
    yield "aspect", sides[:, 0] / sides[:, 1], picture
    yield "centre x", (low[:, 0] + high[:, 0]) / 2, picture
    yield "centre y", (low[:, 1] + high[:, 1]) / 2, picture
    counts = np.bincount(picture, minlength=len(table.image_source)).astype(float)
    yield "boxes in a picture", counts, np.arange(len(counts))


def _row(values: Floats, picture: npt.NDArray[np.int64], mine: Bools) -> tuple[Any, ...]:
    from scipy.special import kolmogorov
    from scipy.stats import ks_2samp, mannwhitneyu

    a, b = values[mine], values[~mine]
    n, m = (len(np.unique(picture[rows])) for rows in (mine, ~mine))
    ks = float(ks_2samp(a, b, method="asymp").statistic)
    p = float(kolmogorov(ks * (n * m / (n + m)) ** 0.5))
    delta = 2 * float(mannwhitneyu(a, b, method="asymptotic").statistic) / (len(a) * len(b)) - 1
    effect = next(word for below, word in EFFECTS if abs(delta) < below)
    medians = (f"{np.median(a):.4g}", f"{np.median(b):.4g}")
    return (len(a), len(b), *medians, f"{ks:.3f}", f"{p:.2g}", f"{delta:+.3f}", effect)
