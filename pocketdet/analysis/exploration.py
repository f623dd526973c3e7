"""All that is said about a data set before anything is learnt from it, in numbers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pocketdet.analysis import agreement, ceiling, consistency, stats
from pocketdet.analysis.stats import HeatMap, Histogram, Rows, Table
from pocketdet.curation import strata
from pocketdet.dataset import Dataset
from pocketdet.detector.spec import NetSpec
from pocketdet.preprocess import Preprocessing


@dataclass(frozen=True)
class Exploration:
    """What was found.

    Attributes:
        table: The data set as columns.
        rule: How a photo becomes the net's input.
        spec: The configured net.
        rows: Tables, by the name of their CSV file.
        histograms: By name; each is among `rows` too.
        by_part: Histograms by name, of the whole, each source and each subset; among `rows` too.
        maps: Heat maps by name, of the whole, each source and each subset; among `rows` too.
    """

    table: Table
    rule: Preprocessing
    spec: NetSpec
    rows: dict[str, Rows]
    histograms: dict[str, Histogram]
    by_part: dict[str, dict[str, Histogram]]
    maps: dict[str, dict[str, HeatMap]]


def explore(
    dataset: Dataset,
    subsets: Mapping[str, Sequence[str]],
    groups: Sequence[Sequence[int]],
    twice: Sequence[tuple[str, str]],
    declared: Mapping[str, str | None],
    rule: Preprocessing,
    spec: NetSpec,
    bins: int,
) -> Exploration:
    """Count, measure and compare.

    Args:
        dataset: All images.
        subsets: Image paths of each subset.
        groups: Indices of images that belong together.
        twice: Image paths of the pictures that were annotated twice.
        declared: What the boxes of each source are said to enclose.
        rule: How a photo becomes the net's input.
        spec: The configured net.
        bins: Of the histograms.
    """
    subset_of = {path: name for name, paths in subsets.items() for path in paths}
    table = stats.tabulate(dataset, subset_of, tuple(subsets))
    histograms = {
        "boxes_per_picture": stats.boxes_per_picture(table, bins, "source"),
        "boxes_per_picture_subsets": stats.boxes_per_picture(table, bins, "subset"),
        "heights": stats.heights(table, rule, bins),
        "aspects": stats.aspects(table, bins),
    }
    parts = stats.parts(table)
    by_part = {
        "heights_parts": {name: stats.heights(part, rule, bins) for name, part in parts.items()},
        "aspects_parts": {name: stats.aspects(part, bins) for name, part in parts.items()},
    }
    maps = {
        "shapes": {name: stats.shapes(part, rule, bins) for name, part in parts.items()},
        "coverage": {name: stats.coverage(part, bins) for name, part in parts.items()},
    }
    counting = table.counts & (table.label >= 0)
    rows = {
        "counts": stats.counts(table),
        "strata": strata.rows(dataset, {name: list(paths) for name, paths in subsets.items()}),
        "picture_sizes": picture_sizes(dataset),
        "sizes": stats.sizes(table, rule),
        "input_sizes": stats.input_sizes(table, rule),
        "ceiling": ceiling.rows(table.boxes_at(rule)[counting], table.label[counting], spec),
        "consistency": consistency.compare(table),
        "definitions": consistency.definitions(table, declared),
        "agreement": agreement.agree(dataset, twice),
        "duplicates": duplicate_rows(dataset, groups, subset_of),
        **{name: histogram.rows() for name, histogram in histograms.items()},
        **{name: part_rows(of_part) for name, of_part in by_part.items()},
        **{name: part_rows(of_part) for name, of_part in maps.items()},
    }
    return Exploration(table, rule, spec, rows, histograms, by_part, maps)


def picture_sizes(dataset: Dataset) -> Rows:
    """Pictures of each size and source, the most frequent first."""
    counts = Counter((image.source, *image.size_wh) for image in dataset)
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [("source", "width_px", "height_px", "pictures"), *((*k, n) for k, n in ordered)]


def duplicate_rows(
    dataset: Dataset, groups: Sequence[Sequence[int]], subset_of: Mapping[str, str]
) -> Rows:
    """Members of each group of two and more; groups that straddle subsets first."""
    found = []
    for group in groups:
        paths = [dataset.images[i].path for i in group]
        leaks = len({subset_of[path] for path in paths}) > 1
        if len(paths) > 1:
            found.append((not leaks, paths))
    rows: Rows = [("group", "path", "subset", "straddles")]
    for number, (whole, paths) in enumerate(sorted(found), 1):
        rows += [(number, path, subset_of[path], "no" if whole else "yes") for path in paths]
    return rows


def twin_pairs(rows: Rows, most: int) -> list[tuple[str, str, str]]:
    """Two of each of the first groups, of two subsets if it straddles, with a caption."""
    pairs = []
    for number in list(dict.fromkeys(row[0] for row in rows[1:]))[:most]:
        members = [row for row in rows[1:] if row[0] == number]
        first = members[0]
        second = next((row for row in members[1:] if row[2] != first[2]), members[1])
        pairs.append((first[1], second[1], f"group {number}: {first[2]}, {second[2]}"))
    return pairs


def part_rows(parts: Mapping[str, HeatMap | Histogram]) -> Rows:
    """Maps or histograms of several parts of the data as one table, the part in front."""
    rows: Rows = []
    for part, found in parts.items():
        head, *values = found.rows()
        rows = rows or [("part", *head)]
        rows += [(part, *row) for row in values]
    return rows


def by_subset(exploration: Exploration) -> dict[str, list[float]]:
    """Objects that count, of each class, by subset."""
    table = exploration.table
    subset = table.image_subset[table.image]
    return {
        name: [
            float(np.sum(table.of(label) & (subset == s))) for label in range(len(table.classes))
        ]
        for s, name in enumerate(table.subsets)
    }
