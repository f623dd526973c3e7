"""Stage analyse: look at the data before anything is learnt from it."""

import csv
import json
from pathlib import Path

from pocketdet import checks, duplicates, splitting, stats
from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.preprocess import Preprocessing
from pocketdet.report import analysis, distributions
from pocketdet.stats import Rows
from tasks.stage import say, stage

TWINS = 6  # groups of duplicates that are shown


@stage(outs=("report",))
def analyse(params: Params, raw: Path, dataset: Path, subsets: Path, report: Path) -> None:
    """Write a page with counts, sizes, shapes, places, duplicates, and the CSV files behind it."""
    whole = Dataset.load(dataset / "dataset.json")
    subset_of = {
        path: name for name in splitting.NAMES for path in read_paths(subsets / f"{name}.txt")
    }
    hashes = json.loads((subsets / "subsets.json").read_text())
    contents, perceptual = checks.hashes(whole, checks.load(dataset / "pictures.csv"))
    near_bits = params.split.near_duplicate_bits
    groups = duplicates.clusters(contents, perceptual, near_bits)
    bins, design = params.analyse.bins, params.design
    rule = Preprocessing(design.input_wh, design.resize)
    table = stats.tabulate(whole, subset_of, splitting.NAMES)

    report.mkdir()
    histograms = {
        "boxes_per_picture": stats.boxes_per_picture(table, bins),
        "heights": stats.heights(table, rule, bins),
        "aspects": stats.aspects(table, bins),
    }
    shapes, coverage = stats.shapes(table, rule, bins), stats.coverage(table, bins)
    rows: dict[str, Rows] = {
        "counts": stats.counts(table),
        "sizes": stats.sizes(table, rule),
        "duplicates": duplicate_rows(whole, groups, subset_of),
        "shapes": shapes.rows(),
        "coverage": coverage.rows(),
        **{name: histogram.rows() for name, histogram in histograms.items()},
    }
    for name, values in rows.items():
        with (report / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(values)

    by_subset = {name: [0.0] * len(whole.classes) for name in splitting.NAMES}
    for _, subset, label, _, objects, _ in rows["counts"][1:]:
        if label in whole.classes:
            by_subset[subset][whole.classes.index(label)] += objects
    distributions.bars(whole.classes, by_subset, "objects that count", report / "classes.png")
    for name, histogram in histograms.items():
        log = name != "boxes_per_picture"
        distributions.histogram(histogram, report / f"{name}.png", log=log)
    distributions.heat_maps(shapes, "width, px", "height, px", report / "shapes.png", log=True)
    distributions.heat_maps(
        coverage, "share of the width", "share of the height", report / "coverage.png", log=False
    )
    say("plots drawn")
    for source in table.sources:
        sheet = analysis.sample_sheet(whole, source, raw)
        sheet.save(report / f"pictures_{source}.jpg", quality=85)
    twins = twin_pairs(rows["duplicates"])
    if twins:
        analysis.twin_sheet(whole, twins, raw).save(report / "twins.jpg", quality=85)
    content_hashes = {name: hashes[name]["sha256"] for name in splitting.NAMES}
    page = analysis.render(table, rule, near_bits, content_hashes, rows, report)
    (report / "index.html").write_text(page, encoding="utf-8")
    leaks = len({row[0] for row in rows["duplicates"][1:] if row[-1] == "yes"})
    say(f"{len(whole)} pictures, {leaks} groups of duplicates straddle subsets")


def duplicate_rows(dataset: Dataset, groups: list[list[int]], subset_of: dict[str, str]) -> Rows:
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


def twin_pairs(rows: Rows) -> list[tuple[str, str, str]]:
    """Two of each of the first groups, of two subsets if it straddles, with a caption."""
    pairs = []
    for number in list(dict.fromkeys(row[0] for row in rows[1:]))[:TWINS]:
        members = [row for row in rows[1:] if row[0] == number]
        first = members[0]
        second = next((row for row in members[1:] if row[2] != first[2]), members[1])
        pairs.append((first[1], second[1], f"group {number}: {first[2]}, {second[2]}"))
    return pairs


if __name__ == "__main__":
    analyse()
