"""Subsets: a seeded hash places each group of pictures, so that old pictures stay put.

A group is what must not be parted: a named one (a video, a place), a cluster of near-duplicates,
or what they join. Its place depends on nothing but the seed, the salt, and its name or else the
content of its first picture (by path), so pictures that are added move no old one. Classes and box
sizes are balanced by choosing among salts, see `pocketdet.curation.strata`: a salt is a number in
params.yaml, which new pictures do not change. Balancing by counting would move old pictures with
every new one. Two exceptions: in a tiny set, a subset that is empty takes the group whose place is
nearest to its range. And a copy of an old picture joins that picture's group, and moves it if its
own path sorts first.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from pocketdet.dataset import SUBSETS, Box, Dataset, Image
from pocketdet.errors import DatasetError

SHOWN = 10  # leaking groups that the error names
TRAINVAL = "trainval"  # what an official list says that leaves train or val open


@dataclass(slots=True)
class _Group:
    """Pictures that stay together.

    Attributes:
        images: Its members, by path.
        place: Its hash, 0 to 1.
        allowed: Subsets that official lists leave to it.
        subset: Where it goes.
    """

    images: list[Image]
    place: float
    allowed: tuple[str, ...]
    subset: str


def assign(
    dataset: Dataset,
    groups: Sequence[Sequence[int]],
    contents: Sequence[str],
    shares: Mapping[str, float],
    seed: int,
    official: bool,
    salt: int = 0,
) -> dict[str, list[str]]:
    """Image paths of train, val and test, sorted.

    Args:
        dataset: All images.
        groups: Indices of images that must not be parted, each image once.
        contents: Content hash of each image.
        shares: Wanted share of train, val and test; together 1.
        seed: Another seed gives another split.
        salt: As `seed`, of this alone.
        official: Honour `Image.subset`: those images go where it says, whatever their group. The
            others of the group follow the strictest of them (test, then val, then train).

    Raises:
        DatasetError: A subset stays empty, or an official list has another name.
    """
    ranges = _ranges(SUBSETS, shares)
    made = [
        group
        for indices in groups
        for group in _groups(
            sorted(((dataset.images[i], contents[i]) for i in indices), key=lambda m: m[0].path),
            shares,
            f"{seed}:{salt}" if salt else f"{seed}",
            official,
        )
    ]
    made.sort(key=lambda group: group.images[0].path)
    for name in SUBSETS:
        if shares[name] > 0:
            _fill(made, name, ranges[name])
    subsets: dict[str, list[str]] = {name: [] for name in SUBSETS}
    for group in made:
        subsets[group.subset] += [image.path for image in group.images]
    empty = [name for name, paths in subsets.items() if not paths]
    if empty:
        counts = ", ".join(f"{name} {len(paths)}" for name, paths in subsets.items())
        raise DatasetError(
            f"no pictures for {' and '.join(empty)} ({counts}, in {len(made)} groups of unlike "
            "pictures); add pictures, raise split."
            f"{empty[0]}, or set split.official: false if the sources' own lists leave none"
        )
    return {name: sorted(paths) for name, paths in subsets.items()}


def leaks(
    dataset: Dataset, groups: Sequence[Sequence[int]], subset_of: Mapping[str, str]
) -> list[list[str]]:
    """Image paths of the groups that are in more than one subset, sorted.

    Args:
        dataset: All images.
        groups: Indices of images that must not be parted.
        subset_of: Subset of each image path.
    """
    paths = (sorted(dataset.images[i].path for i in group) for group in groups)
    return sorted(group for group in paths if len({subset_of[path] for path in group}) > 1)


def refuse_leaks(leaking: Sequence[Sequence[str]], subset_of: Mapping[str, str]) -> None:
    """Fail when groups straddle subsets.

    Raises:
        DatasetError: There are some; a pair of each is named.
    """
    if not leaking:
        return
    lines = []
    for group in leaking[:SHOWN]:
        other = next(path for path in group if subset_of[path] != subset_of[group[0]])
        lines.append(f"  {group[0]} ({subset_of[group[0]]}) and {other} ({subset_of[other]})")
    if len(leaking) > SHOWN:
        lines.append(f"  and {len(leaking) - SHOWN} more")
    raise DatasetError(
        f"{len(leaking)} groups of pictures (copies, near-duplicates, or one group of "
        "groups.csv) straddle subsets, so that scores on test would be flattered:\n"
        + "\n".join(lines)
        + "\nthe sources' own lists part them: take one of each out, set split.official: false to "
        "split anew, or split.leakage: allow to go on all the same"
    )


def group_rows(dataset: Dataset, groups: Sequence[Sequence[int]]) -> Iterator[tuple[str, str]]:
    """Image path and group of every image, in the data set's order.

    A group is called by the path of its first member, so that a name says where to look.
    """
    group_of = {}
    for group in groups:
        first = min(dataset.images[i].path for i in group)
        group_of.update({i: first for i in group})
    for i, image in enumerate(dataset):
        yield image.path, group_of[i]


def digest(images: Iterable[Image], contents: Mapping[str, str]) -> str:
    """Identity of a subset: sha256 over membership, picture contents and annotations.

    Args:
        images: Its members.
        contents: Content hash by image path.
    """
    total = hashlib.sha256()
    names = [field.name for field in fields(Box)]  # asdict copies deeply, at ten times the cost
    for image in sorted(images, key=lambda image: image.path):
        boxes = [{name: getattr(box, name) for name in names} for box in image.boxes]
        row = [image.path, contents[image.path], boxes]
        total.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def _groups(
    members: Sequence[tuple[Image, str]], shares: Mapping[str, float], seed: str, official: bool
) -> Iterator[_Group]:
    """One group, parted only where official lists part it."""
    listed: dict[str, list[Image]] = {}
    free: list[tuple[Image, str]] = []
    for image, content in members:
        if not official or image.subset in ("", TRAINVAL):
            free.append((image, content))
        elif image.subset in SUBSETS:
            listed.setdefault(image.subset, []).append(image)
        else:
            raise DatasetError(
                f"{image.path}: its source's list is {image.subset!r}, expected one of "
                f"{', '.join(SUBSETS)}, {TRAINVAL}; rename it or set split.official: false"
            )
    for name, images in listed.items():
        yield _Group(images, 0.0, (name,), name)
    if not free:
        return
    allowed: tuple[str, ...] = SUBSETS
    if listed:
        allowed = (max(listed, key=SUBSETS.index),)
    elif official and any(image.subset == TRAINVAL for image, _ in free):
        allowed = ("train", "val")
    names = sorted({image.group for image, _ in members} - {""})
    place = _place(seed, names[0] if names else free[0][1])
    ranges = _ranges(allowed, shares)
    subset = next((name for name, (_, end) in ranges.items() if place < end), allowed[-1])
    yield _Group([image for image, _ in free], place, allowed, subset)


def _place(seed: str, content: str) -> float:
    """A number in [0, 1) that depends on seed and content (or name) alone."""
    digits = hashlib.sha256(f"{seed} {content}".encode()).digest()[:8]
    return int.from_bytes(digits, "big") / 2**64


def _ranges(names: tuple[str, ...], shares: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Where in [0, 1) each subset begins and ends."""
    total = sum(shares[name] for name in names) or 1.0
    ranges: dict[str, tuple[float, float]] = {}
    start = 0.0
    for name in names:
        end = start + shares[name] / total
        ranges[name] = (start, end)
        start = end
    return ranges


def _fill(groups: Sequence[_Group], name: str, wanted: tuple[float, float]) -> None:
    """Move one group into a subset that has none: the one nearest to its range.

    No other subset loses its last for it.
    """
    left = {other: sum(group.subset == other for group in groups) for other in SUBSETS}
    if left[name]:
        return
    movable = [group for group in groups if name in group.allowed and left[group.subset] > 1]
    if movable:
        start, end = wanted
        nearest = min(movable, key=lambda g: max(start - g.place, g.place - end))
        nearest.subset = name
