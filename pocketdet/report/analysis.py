"""The page of the analyse stage: one HTML file that opens offline, from values and PNG files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.analysis.exploration import Exploration
from pocketdet.analysis.stats import Rows, Table
from pocketdet.report.analysis_sheets import class_colour
from pocketdet.report.embedded import Embedded, embed
from pocketdet.report.pages import fill

MAX_ROWS = 60  # of a table on the page; the CSV file has all

SECTIONS = (
    ("pictures", "By eye"),
    ("counts", "Counts"),
    ("sizes", "Sizes"),
    ("shapes", "Shapes and places"),
    ("anchors", "Recall ceiling"),
    ("sources", "Sources compared"),
    ("policy", "Policy"),
    ("duplicates", "Duplicates"),
)
CAPTIONS = {
    "classes": ("Objects that count, by class and subset", "counts.csv"),
    "boxes_per_picture": ("Objects in a picture, by source", "boxes_per_picture.csv"),
    "boxes_per_picture_subsets": (
        "Objects in a picture, by subset",
        "boxes_per_picture_subsets.csv",
    ),
    "heights": ("Height of the objects at the net's input, by class", "heights.csv"),
    "heights_parts": (
        "Height at the net's input, of all, by source and by subset; dotted: of all",
        "heights_parts.csv",
    ),
    "input_sizes": (
        "What other inputs would show; dotted: the configured one",
        "input_sizes.csv",
    ),
    "shapes": (
        "Width and height at the net's input, of all, by source and by subset; dotted: 1/2, 1, 2 "
        "and 4 times as high as wide; crosses: the net's anchors, if it has some",
        "shapes.csv",
    ),
    "aspects": ("Width over height in the photo, by class", "aspects.csv"),
    "aspects_parts": (
        "Width over height in the photo, of all, by source and by subset; dotted: of all",
        "aspects_parts.csv",
    ),
    "coverage": (
        "How often a place in the picture is covered by an object, of all, by source and by subset",
        "coverage.csv",
    ),
}


def render(
    found: Exploration,
    near_bits: int,
    subset_hashes: Mapping[str, str],
    validation: Mapping[str, Any],
    policy: Mapping[str, Mapping[str, Any]],
    folder: Path,
) -> str:
    """The page.

    Args:
        found: The numbers.
        near_bits: Largest difference of near-duplicates, of 256 bits.
        subset_hashes: Content hash by subset.
        validation: Account of each source, from the validate stage's summary.json.
        policy: Limits of each class, from there too.
        folder: Where the pictures are: NAME.png for each name in `CAPTIONS`, `pictures_SOURCE.jpg`
            for each source, `twins.jpg` if there are duplicates, and `violations.jpg` if some boxes
            break the policy.
    """
    table, rows = found.table, found.rows
    duplicates = rows["duplicates"]
    groups = {row[0] for row in duplicates[1:]}
    leaks = {row[0] for row in duplicates[1:] if row[-1] == "yes"}
    return fill(
        "analysis.html",
        sections=SECTIONS,
        legend=[(name, class_colour(n)) for n, name in enumerate(table.classes)],
        pictures=f"{len(table.image_source):,}",
        lead=_lead(found),
        tiles=_tiles(table),
        plots={
            name: embed(folder / f"{name}.png", caption, csv)
            for name, (caption, csv) in CAPTIONS.items()
        },
        samples=[
            embed(folder / f"pictures_{source}.jpg", f"Source {source}") for source in table.sources
        ],
        twins=_photo(folder, "twins", "Two of each group; leaking groups first"),
        violations=_photo(
            folder, "violations", "Boxes beyond a limit, of every source and rule in turn"
        ),
        tables={
            "subsets": _subsets(table, subset_hashes),
            "counts": _short(_by_source(table, rows["counts"])),
            "strata": _short(_percent(rows["strata"], 2)),
            "picture_sizes": _short(rows["picture_sizes"], 12),
            "sizes": _short(_spoken(rows["sizes"])),
            "input_sizes": _short(_percent(_spoken(rows["input_sizes"]), 6)),
            "ceiling": _short(_percent(rows["ceiling"], 3)),
            "consistency": _short(rows["consistency"], 12),
            "definitions": _short(rows["definitions"]),
            "agreement": _short(rows["agreement"]),
            "policy": _limits(policy),
            "violations": _violations(validation),
            "annotators": _annotators(validation),
            "duplicates": _short(duplicates),
        },
        mixed=len({row[2] for row in rows["definitions"][1:]} & {"visible", "full"}) > 1,
        large=sum(row[-1] in ("medium", "large") for row in rows["consistency"][1:]),
        anchored=not found.spec.anchor_free,
        groups=len(groups),
        leaks=len(leaks),
        near_bits=near_bits,
        input_wh=found.rule.input_wh,
    )


def _photo(folder: Path, name: str, caption: str) -> Embedded | None:
    path = folder / f"{name}.jpg"
    return embed(path, caption) if path.exists() else None


def _many(count: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{count:,} {word if count == 1 else plural}"


def _lead(found: Exploration) -> str:
    table, (w, h) = found.table, found.rule.input_wh
    first = table.of(0)
    heights = table.sides_at(found.rule)[:, 1]
    text = (
        f"{_many(len(table.image_source), 'picture')} from {_many(len(table.sources), 'source')} "
        f"with {_many(int(table.counts.sum()), 'object')} of {_many(len(table.classes), 'class')}"
    )
    if first.any():
        text += (
            f"; half of the objects of class {table.classes[0]} are lower than "
            f"{np.median(heights[first]):.0f} px at the net's input of {w} x {h} px"
        )
    return text + "."


def _tiles(table: Table) -> list[tuple[str, str]]:
    per_picture = np.bincount(table.image[table.counts], minlength=len(table.image_source))
    return [
        (f"{len(table.sources)}", "sources"),
        (f"{len(table.image_source):,}", "pictures"),
        (f"{int(table.counts.sum()):,}", "objects"),
        (f"{int((~table.counts).sum()):,}", "ignored boxes"),
        (f"{per_picture.mean():.1f}", "objects a picture"),
        (f"{int((per_picture == 0).sum()):,}", "pictures without any"),
    ]


def _subsets(table: Table, hashes: Mapping[str, str]) -> Rows:
    rows: Rows = [("subset", "pictures", "objects", *table.classes, "sha256")]
    for t, name in enumerate(table.subsets):
        here = table.image_subset[table.image] == t
        objects = [int((here & table.of(label)).sum()) for label in range(len(table.classes))]
        pictures = int((table.image_subset == t).sum())
        rows.append((name, pictures, sum(objects), *objects, hashes[name][:12]))
    return rows


def _by_source(table: Table, counts: Rows) -> Rows:
    """The table of counts with a column a subset; classes that a source lacks are left out."""
    columns = len(table.subsets)
    cells: dict[tuple[str, str], list[int]] = {}
    for source, subset, label, _, objects, ignored in counts[1:]:
        row = cells.setdefault((source, label), [0] * (columns + 1))
        row[table.subsets.index(subset)] += objects
        row[columns] += ignored
    kept = [(*key, *row) for key, row in cells.items() if any(row)]
    return [("source", "class", *table.subsets, "ignored"), *kept]


def _spoken(rows: Rows) -> Rows:
    """The table of sizes for people: quantiles of the height, and the median width."""
    names = [name.replace("_q0", " ").replace("_q", " ").replace("_px", " %") for name in rows[0]]
    kept = [
        i for i, name in enumerate(names) if not name.startswith("width") or name == "width 50 %"
    ]
    return [tuple(names[i] for i in kept), *(tuple(row[i] for i in kept) for row in rows[1:])]


def _percent(rows: Rows, first: int) -> Rows:
    """A table whose columns from `first` on are shares, for people."""
    return [rows[0], *((*r[:first], *(f"{float(v):.1%}" for v in r[first:])) for r in rows[1:])]


def _limits(policy: Mapping[str, Mapping[str, Any]]) -> Rows:
    words = {
        "min_side_px": "at least {:g} px, else {}",
        "min_area_share": "at least {:g}, else {}",
        "max_occlusion": "at most {:g}, else {}",
        "max_truncation": "at most {:g}, else {}",
    }
    heads = ("class", "shorter side", "of the picture", "occlusion", "truncation", "crowds")
    rows: Rows = [heads]
    for name, limits in sorted(policy.items()):
        cells = (text.format(*limits[rule]) for rule, text in words.items())
        rows.append((name, *cells, limits["crowds"]))
    return rows


def _violations(validation: Mapping[str, Any]) -> Rows:
    rules = sorted({rule for account in validation.values() for rule in account["violations"]})
    rows: Rows = [("source", "boxes judged", "beyond a limit", "rate", *rules)]
    for name, account in sorted(validation.items()):
        counts = [account["violations"].get(rule, 0) for rule in rules]
        rate = sum(counts) / max(account["judged"], 1)
        rows.append((name, account["judged"], sum(counts), f"{rate:.1%}", *counts))
    return rows


def _annotators(validation: Mapping[str, Any]) -> Rows:
    def row(source: str, name: str, boxes: int, count: int) -> tuple[Any, ...]:
        return (source, name, boxes, count, f"{count / max(boxes, 1):.1%}")

    def every() -> Iterator[tuple[Any, ...]]:
        for source, account in sorted(validation.items()):
            for name, found in sorted(account["annotators"].items()):
                yield row(source, name, found["boxes"], found["violations"])

    return [("source", "annotator", "boxes judged", "beyond a limit", "rate"), *every()]


def _short(rows: Rows, most: int = MAX_ROWS) -> Rows:
    if len(rows) - 1 <= most:
        return rows
    rest = f"… and {len(rows) - 1 - most} more rows in the CSV file"
    return [*rows[: most + 1], (rest, *[""] * (len(rows[0]) - 1))]
