"""The photos on the page of the analyse stage: samples, duplicates, violations of the policy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.dataset import Dataset, Image
from pocketdet.preprocess import load_rgb
from pocketdet.report.pictures import CLASS_COLOURS, IGNORED, Mark, contact_sheet, draw

CELL_WH = (300, 225)  # px, of a picture on a sheet
THUMBNAIL_WH = (170, 170)  # px, of a box that breaks the policy
AROUND, LEAST_PX = 3.0, 96  # a thumbnail shows so many times the box, and at least so much
COLUMNS, SAMPLES = 4, 8
THUMBNAILS, THUMBNAIL_COLUMNS = 24, 6


def samples(dataset: Dataset, source: str, root: Path) -> PIL.Image:
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


def twins(dataset: Dataset, pairs: Sequence[tuple[str, str, str]], root: Path) -> PIL.Image:
    """Pairs of near-duplicates side by side.

    Args:
        dataset: All images.
        pairs: Two image paths and a caption.
        root: Folder of the pictures.
    """
    images = dataset.subset([path for a, b, _ in pairs for path in (a, b)]).images
    captions = [caption for _, _, caption in pairs for _ in range(2)]
    return _sheet(images, captions, dataset.classes, root)


def violations(rows: Sequence[Mapping[str, str]], root: Path) -> PIL.Image:
    """Boxes beyond a limit of the policy, of every source and rule in turn.

    Args:
        rows: Of violations.csv, at least one.
        root: Folder of the pictures.
    """
    by_kind: dict[tuple[str, str], list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        by_kind[row["source"], row["rule"]].append(row)
    chosen: list[Mapping[str, str]] = []
    for turn in range(THUMBNAILS):
        chosen += [kind[turn] for kind in by_kind.values() if turn < len(kind)]
    cells = []
    for row in chosen[:THUMBNAILS]:
        x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
        photo = PIL.fromarray(load_rgb(root / row["image"]))
        side = max(AROUND * max(x2 - x1, y2 - y1), LEAST_PX)
        left = max(0, min((x1 + x2 - side) / 2, photo.width - side))
        top = max(0, min((y1 + y2 - side) / 2, photo.height - side))
        right, bottom = min(left + side, photo.width), min(top + side, photo.height)
        crop = photo.crop((int(left), int(top), int(right), int(bottom)))
        box = (x1 - int(left), y1 - int(top), x2 - int(left), y2 - int(top))
        words = f"{row['class']}: {row['rule'].split('_', 1)[-1].replace('_', ' ')} {row['found']}"
        mark = Mark(box, CLASS_COLOURS[5], "solid")
        cells.append((draw(np.asarray(crop, np.uint8), [mark], THUMBNAIL_WH), words))
    return contact_sheet(cells, min(THUMBNAIL_COLUMNS, len(cells)), THUMBNAIL_WH)


def class_colour(label: int) -> str:
    """Colour of a class's boxes."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]


def _sheet(
    images: Sequence[Image], captions: Sequence[str], classes: Sequence[str], root: Path
) -> PIL.Image:
    cells = []
    for image, caption in zip(images, captions, strict=True):
        marks = [
            Mark(box.xyxy, IGNORED, "hatched")
            if box.ignore
            else Mark(box.xyxy, class_colour(classes.index(box.label)), "solid")
            for box in image.boxes
        ]
        cells.append((draw(load_rgb(root / image.path), marks, CELL_WH), caption))
    cell_wh = (
        max(picture.width for picture, _ in cells),
        max(picture.height for picture, _ in cells),
    )
    return contact_sheet(cells, min(COLUMNS, len(cells)), cell_wh)


def _caption(image: Image) -> str:
    name = Path(image.path).name
    short = name if len(name) <= 24 else f"…{name[-23:]}"
    count = sum(not box.ignore for box in image.boxes)
    return f"{short}: {count} object{'' if count == 1 else 's'}"
