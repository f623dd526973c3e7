"""Annotation formats: each reads a folder into a Dataset and writes one.

The pixel rules, converted here and nowhere else; inside, a box is its pixel edges:

    edges          0     1     2     3     4          the box that covers the 2nd and 3rd pixel
                   |-----|#####|#####|-----|          x1 = 1, x2 = 3

    coco    x y width height     1    2               edge and length
    voc     xmin .. xmax         2 .. 3               pixels from 1, both included
    kitti   left .. right        1 .. 3               edges
    yolo    centre, width        0.5, 0.5             of the picture's width (4)

Each module has `read(folder)` and `write(dataset, folder, images)`; its docstring says the layout,
what becomes ignore, and what the format cannot hold.
"""

from collections.abc import Callable
from pathlib import Path

from pocketdet.config import FormatName
from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats import coco, kitti, voc, yolo
from pocketdet.formats.rows import Finding, ReadResult

__all__ = ["Finding", "ReadResult", "read", "write"]

READERS: dict[FormatName, Callable[[Path], ReadResult]] = {
    "coco": coco.read,
    "voc": voc.read,
    "kitti": kitti.read,
    "yolo": yolo.read,
}
WRITERS: dict[FormatName, Callable[[Dataset, Path, Path | None], tuple[Finding, ...]]] = {
    "coco": coco.write,
    "voc": voc.write,
    "kitti": kitti.write,
    "yolo": yolo.write,
}


def read(format_name: FormatName, folder: Path) -> ReadResult:
    """Read an annotated folder. Image paths of the result are relative to it.

    Args:
        format_name: How it is annotated.
        folder: The source; see each format's module for the layouts that are understood.

    Raises:
        DatasetError: It cannot be read, is empty, names a file outside it, or lacks a picture.
    """
    result = READERS[format_name](folder)
    if not len(result.dataset):
        raise DatasetError(f"{folder}: no picture with a usable annotation; is it {format_name}?")
    return result


def write(
    format_name: FormatName, dataset: Dataset, folder: Path, images: Path | None = None
) -> tuple[Finding, ...]:
    """Write a data set in a format's layout.

    Args:
        format_name: How to annotate.
        dataset: What to write; its classes in the order of their numbers.
        folder: Where to; made if absent.
        images: Root of the data set's image paths; the pictures are copied from there into the
            layout. None writes annotations only, for image paths that follow the layout below
            `folder` already ("images/1.jpg", "JPEGImages/1.jpg", "image_2/1.jpg").

    Returns:
        What the format cannot hold; empty when nothing is lost.

    Raises:
        DatasetError: Two images would become one file.
    """
    return WRITERS[format_name](dataset, folder, images)
