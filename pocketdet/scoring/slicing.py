"""Which objects, detections and pictures of a subset a slice holds, and its identity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pocketdet.boxes import areas
from pocketdet.curation.splitting import digest
from pocketdet.dataset import Dataset, Image
from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.table import Table, part
from pocketdet.slices import Column, Expression


@dataclass(frozen=True)
class Slice:
    """A part of a subset.

    Attributes:
        name: From params.yaml.
        text: Its expression.
        pictures: (I,) those that can hold an object of it; all others are left out.
        table: The subset's table, in which only the slice's objects count.
        members: One line an object: path, tab, number of its box in the picture from 0; a picture
            without an object of the slice is a line with its path alone.
        sha256: Content hash of the members: of their pictures and boxes, as of a subset.
    """

    name: str
    text: str
    pictures: Bools
    table: Table
    members: Sequence[str]
    sha256: str


def cut(
    expressions: Sequence[Expression],
    table: Table,
    dataset: Dataset,
    brightness: Floats | None,
    contents: Mapping[str, str],
) -> Iterator[Slice]:
    """The slices of a subset.

    Args:
        expressions: What each holds.
        table: The matched subset, of `dataset`.
        dataset: Its ground truth.
        brightness: (I,) mean luma, 0..1; None if no expression asks.
        contents: Content hash by image path.
    """
    objects, found = table.objects, table.found
    pictures = _of_images(dataset, table, brightness)
    of_objects = _of_boxes(objects.boxes_xyxy, objects.label, objects.image, table)
    # -1 stands for unknown in these columns.
    for name, column in (("occlusion", objects.occlusion), ("truncation", objects.truncation)):
        of_objects[name] = np.where(column < 0, np.nan, column)
    of_found = _of_boxes(found.boxes_xyxy, found.label, found.image, table)
    number = np.arange(len(objects)) - np.searchsorted(objects.image, objects.image)
    for expression in expressions:
        inside = ~expression.truth(pictures, len(dataset)).no
        mine = expression.truth({**_spread(pictures, objects.image), **of_objects}, len(objects))
        theirs = expression.truth({**_spread(pictures, found.image), **of_found}, len(found))
        counting = table.counts & mine.yes
        image, order = objects.image[counting], number[counting]
        yield Slice(
            expression.name,
            expression.text,
            inside,
            part(table, mine.yes, ~theirs.no),
            _members(dataset, inside, image, order),
            digest(_alone(dataset, inside, image, order), contents),
        )


def _members(dataset: Dataset, inside: Bools, image: Ints, number: Ints) -> list[str]:
    lines = [f"{dataset.images[i].path}\t{n}" for i, n in zip(image, number, strict=True)]
    empty = np.setdiff1d(np.flatnonzero(inside), image)
    return sorted([*lines, *(dataset.images[i].path for i in empty.tolist())])


def _alone(dataset: Dataset, inside: Bools, image: Ints, number: Ints) -> Iterator[Image]:
    """The pictures of the slice with its objects alone."""
    for i in np.flatnonzero(inside).tolist():
        whole, (first, end) = dataset.images[i], np.searchsorted(image, [i, i + 1])
        yield replace(whole, boxes=tuple(whole.boxes[n] for n in number[first:end].tolist()))


def _of_images(dataset: Dataset, table: Table, brightness: Floats | None) -> dict[str, Column]:
    sizes = table.objects.sizes_wh
    counts = np.bincount(table.objects.image[table.counts], minlength=len(dataset))
    columns: dict[str, Column] = {
        "source": np.asarray([image.source for image in dataset], np.str_),
        "path": np.asarray([image.path for image in dataset], np.str_),
        "image_width": sizes[:, 0],
        "image_height": sizes[:, 1],
        "objects": counts.astype(np.float64),
    }
    return columns if brightness is None else {**columns, "brightness": brightness}


def _of_boxes(boxes_xyxy: Floats, label: Ints, image: Ints, table: Table) -> dict[str, Column]:
    w, h = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).T
    area, picture_wh = areas(boxes_xyxy), table.objects.sizes_wh[image]
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2 / picture_wh
    names = np.asarray([*table.objects.classes, ""], np.str_)  # -1: a region for any class
    return {
        "label": names[label],
        "width": w,
        "height": h,
        "area": area,
        "side": np.sqrt(area),
        "relative_side": np.sqrt(area / picture_wh.prod(axis=1)),
        "aspect": np.divide(w, h, out=np.full(len(w), np.nan), where=h > 0),
        "x": centres[:, 0],
        "y": centres[:, 1],
    }


def _spread(columns: Mapping[str, Column], image: Ints) -> dict[str, Column]:
    """The pictures' attributes, of each of their boxes."""
    return {name: column[image] for name, column in columns.items()}
