"""What a data set is like, in numbers: counts, sizes, shapes, positions; nothing drawn here.

Sizes are given at the net's input where it says so, because that is what the net sees: a box's
side in the photo, scaled by the resize rule.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import ALL, Dataset
from pocketdet.preprocess import Preprocessing

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Rows = list[tuple[Any, ...]]  # of a table; the first holds the names of its columns

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Table:
    """A data set as columns.

    Attributes:
        classes: Names of the class numbers.
        sources: Names of the source numbers.
        subsets: Names of the subset numbers.
        image_source: (N,) source of each picture.
        image_subset: (N,) subset of each picture.
        image: (B,) picture of each box.
        label: (B,) class of each box; -1 for a region to ignore for every class.
        counts: (B,) False for ignored boxes.
        xyxy: (B, 4) pixel edges.
        size_wh: (B, 2) size of the box's picture, px.
    """

    classes: tuple[str, ...]
    sources: tuple[str, ...]
    subsets: tuple[str, ...]
    image_source: Ints
    image_subset: Ints
    image: Ints
    label: Ints
    counts: Bools
    xyxy: Floats
    size_wh: Floats

    def of(self, label: int) -> Bools:
        """(B,) which boxes count for a class."""
        mine: Bools = self.counts & (self.label == label)
        return mine

    def only(self, images: Bools) -> "Table":
        """The table of some of the pictures, (N,), with the same names."""
        number = np.cumsum(images) - 1
        boxes = images[self.image]
        return replace(
            self,
            image_source=self.image_source[images],
            image_subset=self.image_subset[images],
            image=number[self.image[boxes]],
            label=self.label[boxes],
            counts=self.counts[boxes],
            xyxy=self.xyxy[boxes],
            size_wh=self.size_wh[boxes],
        )

    def boxes_at(self, rule: Preprocessing) -> Floats:
        """(B, 4) every box at the net's input, px."""
        scales = np.tile(rule.sides(self.size_wh) / self.size_wh, 2)
        scaled: Floats = self.xyxy * scales + np.tile(rule.corners(self.size_wh), 2)
        return scaled

    def sides_at(self, rule: Preprocessing) -> Floats:
        """(B, 2) width and height of every box at the net's input, px."""
        shares = (self.xyxy[:, 2:] - self.xyxy[:, :2]) / self.size_wh
        sides: Floats = shares * rule.sides(self.size_wh)
        return sides


@dataclass(frozen=True)
class Histogram:
    """Counts per bin, one series a name.

    Attributes:
        name: What is counted, with its unit.
        edges: (K + 1,) rising.
        series: Name -> (K,) counts.
    """

    name: str
    edges: Floats
    series: dict[str, Ints]

    def rows(self) -> Rows:
        """As a table: from, to, then a column a series."""
        columns = [values.tolist() for values in self.series.values()]
        bins = pairwise(f"{edge:.4g}" for edge in self.edges.tolist())
        return [
            ("from", "to", *self.series),
            *((*b, *c) for b, *c in zip(bins, *columns, strict=True)),
        ]


@dataclass(frozen=True)
class HeatMap:
    """Values over two axes, one map a class.

    Attributes:
        x_edges: (X + 1,).
        y_edges: (Y + 1,).
        maps: Class -> (Y, X).
    """

    x_edges: Floats
    y_edges: Floats
    maps: dict[str, Floats]

    def rows(self) -> Rows:
        """As a table: class, x, y (where the cell begins), value; empty cells are left out."""
        rows: Rows = [("class", "x", "y", "value")]
        for name, grid in self.maps.items():
            for y, x in np.argwhere(grid > 0).tolist():
                corner = (f"{self.x_edges[x]:.4g}", f"{self.y_edges[y]:.4g}")
                rows.append((name, *corner, f"{grid[y, x]:.6g}"))
        return rows


def tabulate(dataset: Dataset, subset_of: Mapping[str, str], subsets: tuple[str, ...]) -> Table:
    """A data set as columns.

    Args:
        dataset: All images.
        subset_of: Subset of each image path.
        subsets: Their names in order.
    """
    sources = tuple(dict.fromkeys(image.source for image in dataset))
    number = {name: n for n, name in enumerate(dataset.classes)}
    boxes = [(i, image, box) for i, image in enumerate(dataset) for box in image.boxes]
    return Table(
        dataset.classes,
        sources,
        subsets,
        np.array([sources.index(image.source) for image in dataset], dtype=np.int64),
        np.array([subsets.index(subset_of[image.path]) for image in dataset], dtype=np.int64),
        np.array([i for i, _, _ in boxes], dtype=np.int64),
        np.array([number.get(box.label, -1) for _, _, box in boxes], dtype=np.int64),
        np.array([not box.ignore for _, _, box in boxes], dtype=np.bool_),
        np.array([box.xyxy for _, _, box in boxes], dtype=np.float64).reshape(-1, 4),
        np.array([image.size_wh for _, image, _ in boxes], dtype=np.float64).reshape(-1, 2),
    )


def counts(table: Table) -> Rows:
    """Pictures, objects and ignored boxes by source, subset and class."""
    rows: Rows = [("source", "subset", "class", "pictures", "objects", "ignored")]
    names = [*enumerate(table.classes), (-1, "(any)")]
    source, subset = table.image_source[table.image], table.image_subset[table.image]
    for s, source_name in enumerate(table.sources):
        for t, subset_name in enumerate(table.subsets):
            here = (source == s) & (subset == t)
            for label, name in names:
                mine = here & (table.label == label)
                pictures = len(np.unique(table.image[mine]))
                if label >= 0 or mine.any():
                    objects = int((mine & table.counts).sum())
                    ignored = int((mine & ~table.counts).sum())
                    rows.append((source_name, subset_name, name, pictures, objects, ignored))
    return rows


def sizes(table: Table, rule: Preprocessing) -> Rows:
    """Quantiles of height and width at the net's input, px, by class and source."""
    head = [f"{side}_q{round(100 * q):02d}_px" for side in ("height", "width") for q in QUANTILES]
    rows: Rows = [("class", "source", "objects", *head)]
    sides = table.sides_at(rule)
    source = table.image_source[table.image]
    for label, name in enumerate(table.classes):
        every = table.of(label)
        groups: list[tuple[str, Bools]] = [(ALL, every)]
        groups += [(n, every & (source == s)) for s, n in enumerate(table.sources)]
        for source_name, mine in groups:
            if mine.any():
                values = np.quantile(sides[mine][:, ::-1], QUANTILES, axis=0).T.reshape(-1)
                texts = (f"{value:.1f}" for value in values)
                rows.append((name, source_name, int(mine.sum()), *texts))
    return rows


INPUTS = (192, 256, 320)
"""Longer sides of inputs, px, at which objects are measured besides the configured one."""
TALL = (8, 16, 32)  # px; what is lower is hard, harder, hopeless


def parts(table: Table) -> dict[str, Table]:
    """The whole, each source and each subset, by name; empty ones and single ones are left out."""
    found = {"all": table}
    taken = {"all", *table.subsets}
    sources = [f"source {name}" if name in taken else name for name in table.sources]
    for names, of_image in ((sources, table.image_source), (table.subsets, table.image_subset)):
        if len(names) > 1:
            masks = ((name, of_image == n) for n, name in enumerate(names))
            found |= {name: table.only(mask) for name, mask in masks if mask.any()}
    return found


def input_sizes(table: Table, rule: Preprocessing) -> Rows:
    """Heights of each class at inputs of several sizes, and the shares that are at least so tall.

    An input of another size keeps the aspect of the configured one.
    """
    heads = ("height_q05_px", "height_q50_px", "height_q95_px", *(f"from {px} px" for px in TALL))
    rows: Rows = [("class", "input", "objects", *heads)]
    configured = max(rule.input_wh)
    for label, name in enumerate(table.classes):
        mine = table.of(label)
        for side in sorted({*INPUTS, configured}) if mine.any() else ():
            w, h = (max(1, round(s * side / configured)) for s in rule.input_wh)
            heights = table.sides_at(replace(rule, input_wh=(w, h)))[mine][:, 1]
            quantiles = (f"{q:.1f}" for q in np.quantile(heights, (0.05, 0.5, 0.95)))
            tall = (f"{(heights >= px).mean():.4f}" for px in TALL)
            rows.append((name, f"{w} x {h}", int(mine.sum()), *quantiles, *tall))
    return rows


def boxes_per_picture(table: Table, bins: int, by: Literal["source", "subset"]) -> Histogram:
    """How many objects the pictures of each source or subset have."""
    per_picture = np.bincount(table.image[table.counts], minlength=len(table.image_source))
    width = max(1, math.ceil((per_picture.max(initial=0) + 1) / bins))
    edges = np.arange(0, per_picture.max(initial=0) + 1 + width, width, dtype=float)
    names, of_image = (
        (table.sources, table.image_source)
        if by == "source"
        else (table.subsets, table.image_subset)
    )
    series = {
        name: np.histogram(per_picture[of_image == n], edges)[0].astype(np.int64)
        for n, name in enumerate(names)
    }
    return Histogram("objects in a picture", edges, series)


def heights(table: Table, rule: Preprocessing, bins: int) -> Histogram:
    """Heights at the net's input, px, by class, in bins of equal ratio."""
    edges = np.geomspace(1, rule.input_wh[1], bins + 1)
    return _by_class(table, "height at the net's input, px", edges, table.sides_at(rule)[:, 1])


def aspects(table: Table, bins: int) -> Histogram:
    """Width over height in the photo, by class, in bins of equal ratio."""
    sides = table.xyxy[:, 2:] - table.xyxy[:, :2]
    edges = np.geomspace(1 / 8, 8, bins + 1)
    return _by_class(table, "width / height in the photo", edges, sides[:, 0] / sides[:, 1])


def shapes(table: Table, rule: Preprocessing, bins: int) -> HeatMap:
    """Objects by width and height at the net's input, px, in cells of equal ratio."""
    x_edges, y_edges = (np.geomspace(1, side, bins + 1) for side in rule.input_wh)
    sides = np.clip(table.sides_at(rule), 1, rule.input_wh)
    return HeatMap(
        x_edges,
        y_edges,
        _maps(table, lambda mine: np.histogramdd(sides[mine], (x_edges, y_edges))[0].T),
    )


def coverage(table: Table, bins: int) -> HeatMap:
    """Share of the pictures in which a place is covered by an object, over the picture.

    The picture is cut into bins x bins cells; an object covers the cells that it touches.
    """
    low = table.xyxy[:, :2] / table.size_wh * bins
    high = table.xyxy[:, 2:] / table.size_wh * bins
    x1, y1 = np.floor(low).astype(np.int64).T
    x2, y2 = np.minimum(np.ceil(high), bins).astype(np.int64).T

    def grid(mine: Bools) -> Floats:
        # Corners of each box in a difference image; its running sum counts the boxes over a cell.
        steps = np.zeros((bins + 1, bins + 1))
        for y, x, sign in ((y1, x1, 1), (y1, x2, -1), (y2, x1, -1), (y2, x2, 1)):
            np.add.at(steps, (y[mine], x[mine]), sign)
        covered: Floats = steps.cumsum(0).cumsum(1)[:bins, :bins]
        covered /= max(len(table.image_source), 1)
        return covered

    edges = np.linspace(0, 1, bins + 1)
    return HeatMap(edges, edges, _maps(table, grid))


def _by_class(table: Table, name: str, edges: Floats, values: Floats) -> Histogram:
    """Values outside the edges count in the first or last bin."""
    inside = np.clip(values, edges[0], edges[-1])
    series = {
        label: np.histogram(inside[table.of(n)], edges)[0].astype(np.int64)
        for n, label in enumerate(table.classes)
    }
    return Histogram(name, edges, series)


def _maps(table: Table, grid: Callable[[Bools], Floats]) -> dict[str, Floats]:
    return {name: grid(table.of(label)) for label, name in enumerate(table.classes)}


def most_frequent(series: Mapping[str, Any], most: int) -> Sequence[str]:
    """Names of the series with the largest sums, at most so many, in their own order."""
    ranked = sorted(series, key=lambda name: -float(np.sum(series[name])))[:most]
    return [name for name in series if name in ranked]
