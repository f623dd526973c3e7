"""How alike the subsets are: which share of each kind of object, by class and size, each has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import Box, Dataset

Floats = npt.NDArray[np.float64]
Rows = list[tuple[Any, ...]]  # of a table; the first holds the names of its columns

SIZES = (("small", 0.1), ("medium", 0.25), ("large", float("inf")))
"""By the square root of the box's share of the picture, below which it is of this size."""
FEW = 20  # objects of a kind, below which its shares are chance


def count(dataset: Dataset) -> tuple[tuple[str, ...], Floats]:
    """Objects that count in each image, by kind: names like "person small", and (N, kinds)."""
    kinds = {
        (label, size): column
        for column, (label, size) in enumerate(
            (label, size) for label in dataset.classes for size, _ in SIZES
        )
    }
    counts = np.zeros((len(dataset), len(kinds)))
    for i, image in enumerate(dataset):
        for box in image.boxes:
            if not box.ignore:
                counts[i, kinds[box.label, _size(box, image.size_wh)]] += 1
    return tuple(f"{label} {size}" for label, size in kinds), counts


def shares(counts: Floats, members: Sequence[npt.NDArray[np.intp]]) -> Floats:
    """Share of each kind's objects in each subset, (kinds, subsets); NaN for a kind without any.

    Args:
        counts: (N, kinds) as `count` gives them.
        members: Indices of the images of each subset.
    """
    sums = np.stack([counts[rows].sum(axis=0) for rows in members], axis=1)
    total = counts.sum(axis=0)[:, None]
    found: Floats = np.divide(sums, total, out=np.full(sums.shape, np.nan), where=total > 0)
    return found


def imbalance(counts: Floats, members: Sequence[npt.NDArray[np.intp]]) -> float:
    """Root mean square of how far a kind's share in a subset is from the subset's share of images.

    Relative to that share; over kinds of at least `FEW` objects and subsets that are not empty.
    """
    wanted = np.array([len(rows) for rows in members]) / max(len(counts), 1)
    many = counts.sum(axis=0) >= FEW
    used = wanted > 0
    if not many.any() or not used.any():
        return 0.0
    off = shares(counts, members)[many][:, used] / wanted[used] - 1
    return float(np.sqrt((off**2).mean()))


def absent(dataset: Dataset, subsets: Mapping[str, list[str]]) -> list[tuple[str, str]]:
    """Subset and class wherever a subset that has pictures lacks a class that another has."""
    shown = {image.path: {box.label for box in image.boxes if not box.ignore} for image in dataset}
    has = {name: set().union(*(shown[p] for p in paths)) for name, paths in subsets.items()}
    known = set().union(*has.values())
    lacks = {name: known - labels for name, labels in has.items() if subsets[name]}
    return [(name, label) for name in lacks for label in dataset.classes if label in lacks[name]]


def best_salt(
    dataset: Dataset, split: Callable[[int], Mapping[str, list[str]]], salts: int
) -> tuple[int, float]:
    """The salt, of the first so many, whose subsets are most alike; and their imbalance.

    Classes that a subset lacks weigh more than any imbalance, most of all those that train lacks.

    Args:
        dataset: All images.
        split: Salt -> image paths of each subset.
        salts: How many to try.
    """
    _, counts = count(dataset)
    index = {image.path: i for i, image in enumerate(dataset)}
    found = []
    for salt in range(salts):
        subsets = split(salt)
        members = [np.array([index[path] for path in paths], np.intp) for paths in subsets.values()]
        lacking = [name for name, _ in absent(dataset, subsets)]
        found.append(([*map(lacking.count, subsets)], imbalance(counts, members), salt))
    _, value, salt = min(found)
    return salt, value


def rows(dataset: Dataset, subsets: Mapping[str, list[str]]) -> Rows:
    """Kind, objects, and its share in each subset, as a table; the first row is of the images."""
    names, counts = count(dataset)
    index = {image.path: i for i, image in enumerate(dataset)}
    members = [np.array([index[path] for path in paths], np.intp) for paths in subsets.values()]
    images = [f"{len(m) / max(len(dataset), 1):.4f}" for m in members]
    table: Rows = [("kind", "objects", *subsets), ("(pictures)", len(dataset), *images)]
    for name, total, row in zip(names, counts.sum(axis=0), shares(counts, members), strict=True):
        if total:
            table.append((name, int(total), *(f"{share:.4f}" for share in row)))
    return table


def _size(box: Box, size_wh: tuple[int, int]) -> str:
    side = (box.area / (size_wh[0] * size_wh[1])) ** 0.5
    return next(size for size, below in SIZES if side < below)
