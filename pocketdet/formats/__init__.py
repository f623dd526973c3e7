"""Annotation formats: each reads a folder into a Dataset and writes one.

The pixel rules, converted here and nowhere else; inside, a box is its pixel edges:

    edges          0     1     2     3     4          the box that covers the 2nd and 3rd pixel
                   |-----|#####|#####|-----|          x1 = 1, x2 = 3

    coco    x y width height     1    2               edge and length
    voc     xmin .. xmax         2 .. 3               pixels from 1, both included
    kitti   left .. right        1 .. 3               edges
    yolo    centre, width        0.5, 0.5             of the picture's width (4)

Each module has `read(folder, rules)` and `write(dataset, folder, images)`; its docstring says the
layout, what becomes ignore, and what the format cannot hold. That goes into `pocketdet.json`
beside the files where it is asked for, see `pocketdet.formats.sidecar`, or is reported as lost.
"""

from collections.abc import Callable
from pathlib import Path

from pocketdet.config import FormatName
from pocketdet.dataset import DONT_CARE, Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats import coco, kitti, sidecar, voc, yolo
from pocketdet.formats.lists import SAFE_NAME
from pocketdet.formats.rows import SIDECAR, Finding, ReadResult
from pocketdet.formats.source import USUAL, ReadRules

__all__ = ["Finding", "ReadResult", "ReadRules", "read", "read_all", "write"]

READERS: dict[FormatName, Callable[[Path, ReadRules], ReadResult]] = {
    "coco": coco.read,
    "voc": voc.read,
    "kitti": kitti.read,
    "yolo": yolo.read,
}
WRITERS: dict[
    FormatName, Callable[[Dataset, Path, Path | None], tuple[list[str], tuple[Finding, ...]]]
] = {
    "coco": coco.write,
    "voc": voc.write,
    "kitti": kitti.write,
    "yolo": yolo.write,
}


def read(format_name: FormatName, folder: Path, rules: ReadRules = USUAL) -> ReadResult:
    """Read an annotated folder. Image paths of the result are relative to it, or to rules.images.

    Args:
        format_name: How it is annotated.
        folder: The source; see each format's module for the layouts that are understood.
        rules: What the folder does not say about itself.

    Raises:
        DatasetError: It cannot be read, is empty, names a file outside it, or lacks a picture.
    """
    result = read_all(format_name, folder, rules)
    if not len(result.dataset):
        raise DatasetError(f"{folder}: no picture with a usable annotation; is it {format_name}?")
    return result


def read_all(format_name: FormatName, folder: Path, rules: ReadRules) -> ReadResult:
    """As `read`, and content with no picture at all, for who wants the findings.

    Raises:
        DatasetError: It cannot be read at all.
    """
    result = READERS[format_name](folder, rules)
    return sidecar.apply(result, folder if folder.is_dir() else folder.parent)


def write(
    format_name: FormatName,
    dataset: Dataset,
    folder: Path,
    images: Path | None = None,
    *,
    with_sidecar: bool = False,
) -> tuple[Finding, ...]:
    """Write a data set in a format's layout.

    Args:
        format_name: How to annotate.
        dataset: What to write; its classes in the order of their numbers.
        folder: Where to; made if absent.
        images: Root of the data set's image paths; the pictures are copied from there into the
            layout. None writes annotations only, for image paths that follow the layout below
            `folder` already ("images/1.jpg", "JPEGImages/1.jpg", "image_2/1.jpg").
        with_sidecar: Put what the format cannot hold into `pocketdet.json`.

    Returns:
        What the format cannot hold; empty when nothing is lost.

    Raises:
        DatasetError: Two images would become one file, or a name of a class or subset cannot be
            written.
    """
    labels = {*dataset.classes, *(box.label for image in dataset for box in image.boxes)}
    for label in sorted(labels - {DONT_CARE}):
        if not label.isprintable() or label != " ".join(label.split()) or not label:
            raise DatasetError(
                f"{folder}: class {label!r}: expected text in one line without spaces around it; "
                "rename it"
            )
    for subset in sorted({image.subset for image in dataset} - {""}):
        if not SAFE_NAME.fullmatch(subset):
            raise DatasetError(
                f"{folder}: subset {subset!r}: expected letters, digits, '_' and '-'"
            )
    paths, lost = WRITERS[format_name](dataset, folder, images)
    if not with_sidecar:
        return lost
    (folder / SIDECAR).unlink(missing_ok=True)
    files = READERS[format_name](folder, USUAL)
    return tuple(sidecar.write(dataset, paths, files.dataset, folder))
