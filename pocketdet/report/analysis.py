"""The page of the analyse stage: one HTML file that opens offline, from values and PNG files."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.dataset import Dataset, Image
from pocketdet.preprocess import Preprocessing, load_rgb
from pocketdet.report.embedded import embed
from pocketdet.report.pictures import CLASS_COLOURS, IGNORED, Mark, contact_sheet, draw
from pocketdet.stats import Rows, Table

CELL_WH = (300, 225)  # px, of a picture on a sheet
COLUMNS, SAMPLES = 4, 8
MAX_ROWS = 60  # of a table on the page; the CSV file has all

SECTIONS = (
    ("pictures", "By eye"),
    ("counts", "Counts"),
    ("sizes", "Sizes"),
    ("shapes", "Shapes and places"),
    ("duplicates", "Duplicates"),
)
CAPTIONS = {
    "classes": "Objects that count, by class and subset",
    "boxes_per_picture": "Objects in a picture, by source",
    "heights": "Height of the objects at the net's input, by class",
    "shapes": "Width and height at the net's input, by class; dotted: as wide as high",
    "aspects": "Width over height in the photo, by class",
    "coverage": "How often a place in the picture is covered by an object, by class",
}


def render(
    table: Table,
    rule: Preprocessing,
    near_bits: int,
    subset_hashes: Mapping[str, str],
    rows: Mapping[str, Rows],
    folder: Path,
) -> str:
    """The page.

    Args:
        table: The data set.
        rule: How a photo becomes the net's input.
        near_bits: Largest difference of near-duplicates, of 256 bits.
        subset_hashes: Content hash by subset.
        rows: Tables "counts", "sizes" and "duplicates".
        folder: Where the pictures are: NAME.png for each name in `CAPTIONS`, `pictures_SOURCE.jpg`
            for each source, and `twins.jpg` if there are duplicates.
    """
    from jinja2 import Environment, StrictUndefined

    # The template's text, not a loader: the page needs no file but this one.
    text = files("pocketdet.report").joinpath("analysis.html").read_text(encoding="utf-8")
    template = Environment(undefined=StrictUndefined, autoescape=True).from_string(text)
    duplicates = rows["duplicates"]
    groups = {row[0] for row in duplicates[1:]}
    leaks = {row[0] for row in duplicates[1:] if row[-1] == "yes"}
    twins = folder / "twins.jpg"
    return template.render(
        css=files("pocketdet.report").joinpath("page.css").read_text(encoding="utf-8"),
        sections=SECTIONS,
        legend=[(name, _colour(n)) for n, name in enumerate(table.classes)],
        pictures=f"{len(table.image_source):,}",
        lead=_lead(table, rule),
        tiles=_tiles(table),
        plots={
            name: embed(
                folder / f"{name}.png",
                caption,
                f"{name}.csv" if name != "classes" else "counts.csv",
            )
            for name, caption in CAPTIONS.items()
        },
        samples=[
            embed(folder / f"pictures_{source}.jpg", f"Source {source}") for source in table.sources
        ],
        twins=embed(twins, "Copies and near-duplicates, two of each group; leaking groups first")
        if twins.exists()
        else None,
        subset_rows=_subsets(table, subset_hashes),
        count_rows=_short(_by_source(table, rows["counts"])),
        size_rows=_short(_spoken(rows["sizes"])),
        duplicate_rows=_short(duplicates),
        groups=len(groups),
        leaks=len(leaks),
        near_bits=near_bits,
        input_wh=rule.input_wh,
    )


def sample_sheet(dataset: Dataset, source: str, root: Path) -> PIL.Image:
    """Pictures of a source with their boxes, taken evenly from the first to the last.

    Args:
        dataset: All images.
        source: Name of the source.
        root: Folder of the pictures.
    """
    images = [image for image in dataset if image.source == source]
    count = min(SAMPLES, len(images))
    chosen = [images[i * len(images) // count] for i in range(count)]
    return _sheet(chosen, [_caption(image) for image in chosen], dataset.classes, root)


def twin_sheet(dataset: Dataset, pairs: Sequence[tuple[str, str, str]], root: Path) -> PIL.Image:
    """Pairs of near-duplicates side by side.

    Args:
        dataset: All images.
        pairs: Two image paths and a caption.
        root: Folder of the pictures.
    """
    images = dataset.subset([path for a, b, _ in pairs for path in (a, b)]).images
    captions = [caption for _, _, caption in pairs for _ in range(2)]
    return _sheet(images, captions, dataset.classes, root)


def _sheet(
    images: Sequence[Image], captions: Sequence[str], classes: Sequence[str], root: Path
) -> PIL.Image:
    cells = []
    for image, caption in zip(images, captions, strict=True):
        marks = [
            Mark(box.xyxy, IGNORED, "hatched")
            if box.ignore
            else Mark(box.xyxy, _colour(classes.index(box.label)), "solid")
            for box in image.boxes
        ]
        cells.append((draw(load_rgb(root / image.path), marks, CELL_WH), caption))
    cell_wh = (
        max(picture.width for picture, _ in cells),
        max(picture.height for picture, _ in cells),
    )
    return contact_sheet(cells, min(COLUMNS, len(cells)), cell_wh)


def _colour(label: int) -> str:
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def _caption(image: Image) -> str:
    name = Path(image.path).name
    short = name if len(name) <= 24 else f"…{name[-23:]}"
    return f"{short}: {_many(sum(not box.ignore for box in image.boxes), 'object')}"


def _many(count: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{count:,} {word if count == 1 else plural}"


def _lead(table: Table, rule: Preprocessing) -> str:
    pictures, sources = len(table.image_source), len(table.sources)
    first = table.of(0)
    heights = table.sides_at(rule)[:, 1]
    text = (
        f"{_many(pictures, 'picture')} from {_many(sources, 'source')} with "
        f"{_many(int(table.counts.sum()), 'object')} of {_many(len(table.classes), 'class')}"
    )
    if first.any():
        text += (
            f"; half of the objects of class {table.classes[0]} are lower than "
            f"{np.median(heights[first]):.0f} px at the net's input of "
            f"{rule.input_wh[0]} x {rule.input_wh[1]} px"
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


def _short(rows: Rows) -> Rows:
    if len(rows) - 1 <= MAX_ROWS:
        return rows
    rest = f"… and {len(rows) - 1 - MAX_ROWS} more rows in the CSV file"
    return [*rows[: MAX_ROWS + 1], (rest, *[""] * (len(rows[0]) - 1))]
