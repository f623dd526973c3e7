"""Pictures that were annotated twice: how far two annotators agree, class by class.

The pairs come from a list, or are near-duplicates of two sources (or two names of one photo in one
source). Boxes are compared as shares of their pictures, which may have been scaled.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pocketdet.analysis.stats import Floats, Rows
from pocketdet.boxes import intersections, ious
from pocketdet.dataset import DONT_CARE, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_rows

FILE = "pairs.csv"  # in data/raw, with the header image,other
SAME_IOU = 0.5  # from which two boxes mean one object
COVERED = 0.5  # share of a box in an ignored region, from which nobody has to have drawn it

COLUMNS = (
    "class", "source", "other source", "pairs", "objects of both", "mean IoU",
    "only in source", "only in other", "another class", "height ratio",
)  # fmt: skip


@dataclass(slots=True)
class _Tally:
    overlaps: list[float] = field(default_factory=list)
    height_ratios: list[float] = field(default_factory=list)
    only_first: int = 0
    only_second: int = 0
    other_class: int = 0


def pairs(dataset: Dataset, clusters: Sequence[Sequence[int]], raw: Path) -> list[tuple[str, str]]:
    """Image paths of the pictures that were annotated twice.

    Args:
        dataset: All images.
        clusters: Indices of near-duplicates; each is paired with the first of its cluster.
        raw: Folder that may hold the list, which then is all there is.

    Raises:
        DatasetError: The list is broken or names a picture that is not in the data set.
    """
    if (raw / FILE).is_file():
        return _listed(raw / FILE, {image.path for image in dataset})
    found = []
    for cluster in clusters:
        first, *others = sorted(dataset.images[i].path for i in cluster)
        found += [(first, other) for other in others]
    return found


def agree(dataset: Dataset, twice: Sequence[tuple[str, str]]) -> Rows:
    """Agreement by class and pair of sources, as a table.

    Args:
        dataset: All images.
        twice: Image paths of the pictures that were annotated twice.
    """
    by_path = {image.path: image for image in dataset}
    tallies: dict[tuple[str, str, str], _Tally] = defaultdict(_Tally)
    count: dict[tuple[str, str], int] = defaultdict(int)
    for a, b in twice:
        first, second = sorted((by_path[a], by_path[b]), key=lambda i: (i.source, i.path))
        names = first.source, second.source
        count[names] += 1
        for kind, label, overlap, ratio in _compare(first, second):
            tally = tallies[(label, *names)]
            if kind == "both":
                tally.overlaps.append(overlap)
                tally.height_ratios.append(ratio)
            elif kind == "first":
                tally.only_first += 1
            elif kind == "second":
                tally.only_second += 1
            else:
                tally.other_class += 1
    rows: Rows = [COLUMNS]
    for (label, *sources), t in sorted(tallies.items()):
        both = len(t.overlaps)
        mean = f"{np.mean(t.overlaps):.3f}" if both else ""
        ratio_ = f"{np.median(t.height_ratios):.3f}" if both else ""
        alone = (t.only_first, t.only_second, t.other_class)
        rows.append((label, *sources, count[sources[0], sources[1]], both, mean, *alone, ratio_))
    return rows


def _listed(file: Path, paths: set[str]) -> list[tuple[str, str]]:
    found = []
    for line, (image, other) in read_rows(file, ["image", "other"]):
        for path in (image, other):
            if path not in paths:
                raise DatasetError(
                    f"{file}: line {line}: no picture {path!r} in the data set; write SOURCE/PATH"
                )
        found.append((image, other))
    return found


def _compare(a: Image, b: Image) -> Iterator[tuple[str, str, float, float]]:
    """("both", "first", "second" or "other class"; label; IoU; height ratio) of each object."""
    from scipy.optimize import linear_sum_assignment

    mine, theirs = _shares(a), _shares(b)
    counting = [[i for i, box in enumerate(image.boxes) if not box.ignore] for image in (a, b)]
    left, right = mine[counting[0]], theirs[counting[1]]
    labels = [[image.boxes[i].label for i in rows] for image, rows in zip((a, b), counting,
              strict=True)]  # fmt: skip
    overlap = ious(left, right)
    same = np.array([[x == y for y in labels[1]] for x in labels[0]], bool).reshape(overlap.shape)
    near = overlap >= SAME_IOU
    # One of the same class is always the better partner.
    rows, columns = linear_sum_assignment(-(overlap + same) * near)
    taken = [(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if near[i, j]]
    for i, j in taken:
        ratio = (left[i, 3] - left[i, 1]) / (right[j, 3] - right[j, 1])
        kind = "both" if same[i, j] else "other class"
        yield kind, labels[0][i], float(overlap[i, j]), float(ratio)
    for side, kind, boxes, other, regions in (
        (0, "first", left, b, theirs),
        (1, "second", right, a, mine),
    ):
        alone = set(range(len(boxes))) - {pair[side] for pair in taken}
        for i in sorted(alone):
            if not _excused(boxes[i], labels[side][i], other, regions):
                yield kind, labels[side][i], 0.0, 0.0


def _shares(image: Image) -> Floats:
    boxes = np.array([box.xyxy for box in image.boxes], np.float64).reshape(-1, 4)
    shares: Floats = boxes / (image.size_wh * 2)
    return shares


def _excused(box: Floats, label: str, other: Image, regions: Floats) -> bool:
    """Whether the other annotator had excluded the place."""
    excluding = [b.ignore != "" and b.label in (label, DONT_CARE) for b in other.boxes]
    inside = intersections(box[None], regions[excluding])[0]
    area = (box[2] - box[0]) * (box[3] - box[1])
    return bool((inside >= COVERED * area).any())
