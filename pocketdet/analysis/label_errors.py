"""Annotations that are likely wrong, most suspicious first, by what a trained net finds.

Four kinds of error (ObjectLab, Tkachenko et al. 2023, has three of them): a box is missing where
the net finds something alone; a box is spurious where it finds nothing; it is shifted where the
net is sure of a box beside it; mislabelled where it is sure of another class. The scores of the
four do not compare (a net overlooks many right boxes and takes few persons for bicycles), so each
kind has its own order, and the list takes the first of each in turn, then the second of each.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pocketdet.boxes import areas, intersections, ious
from pocketdet.dataset import Dataset, Image
from pocketdet.detector.decode import Detections

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Rows = list[tuple[Any, ...]]  # of a table; the first holds the names of its columns
Kind = Literal["missing", "spurious", "shifted", "mislabelled"]
KINDS: tuple[Kind, ...] = ("mislabelled", "spurious", "shifted", "missing")

NEAR_IOU = 0.25  # from which a detection may be meant for a box
SAME_IOU = 0.5  # from which it surely is
# Suspicion that is worth a look: nearly every right box is found with a score below 1.
LEAST: dict[Kind, float] = {"mislabelled": 0.1, "spurious": 0.5, "shifted": 0.2, "missing": 0.2}
EXCUSED = 0.5  # share of a detection in an ignored region


@dataclass(frozen=True)
class Suspect:
    """An annotation that may be wrong.

    Attributes:
        image: Path of the picture.
        kind: What may be wrong.
        suspicion: 0 to 1, compares within a kind.
        label: Class of the annotation; of the detection where a box may be missing.
        suggested: Class of the detection; "" where the box may be spurious.
        xyxy: The annotated box, or the detection where a box may be missing.
    """

    image: str
    kind: Kind
    suspicion: float
    label: str
    suggested: str
    xyxy: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        """Of the box, px squared."""
        x1, y1, x2, y2 = self.xyxy
        return (x2 - x1) * (y2 - y1)


def rank(dataset: Dataset, found: Mapping[str, Detections]) -> list[Suspect]:
    """All suspects, the most suspicious of each kind in turn; of equal ones the larger box first.

    Many right boxes are not found at all, small ones above all: an unseen large one says more.

    Args:
        dataset: Annotations of all images, of whichever subset.
        found: Image path -> detections from a low score on, in the picture's px.
    """
    suspects = [s for image in dataset for s in _of(image, found[image.path], dataset.classes)]
    turns = []
    for turn, kind in enumerate(KINDS):
        mine = [s for s in suspects if s.kind == kind and s.suspicion >= LEAST[kind]]
        mine.sort(key=lambda s: (-s.suspicion, -s.area, s.image, s.xyxy))
        turns += [(place, turn, suspect) for place, suspect in enumerate(mine)]
    return [suspect for _, _, suspect in sorted(turns, key=lambda t: t[:2])]


def _of(image: Image, found: Detections, classes: tuple[str, ...]) -> Iterator[Suspect]:
    """The suspects of one picture: three of every box that counts, one of every lone detection."""
    numbers = {name: n for n, name in enumerate(classes)}
    truth = np.array([box.xyxy for box in image.boxes], np.float64).reshape(-1, 4)
    label = np.array([numbers.get(box.label, -1) for box in image.boxes], np.int64)
    counts = np.array([not box.ignore for box in image.boxes], np.bool_)
    boxes, scores = found.boxes_xyxy.astype(np.float64), found.scores.astype(np.float64)
    overlap = ious(boxes, truth)  # (D, B)
    same: Bools = found.labels[:, None] == label
    inside = intersections(boxes, truth) / np.maximum(areas(boxes), 1e-9)[:, None]
    excused = ((inside >= EXCUSED) & ~counts & (same | (label == -1))).any(axis=1)
    claim = overlap * (same & counts)  # how well a detection fits the boxes of its class
    for i in np.flatnonzero(counts).tolist():
        box, near = image.boxes[i], overlap[:, i]
        taken = np.delete(claim, i, axis=1).max(axis=1, initial=0) >= SAME_IOU
        free = ~taken & ~excused
        here = same[:, i] & (near >= NEAR_IOU)
        known = scores[here].max(initial=0)
        seen = max(known, scores[free & (near >= NEAR_IOU)].max(initial=0))
        yield Suspect(image.path, "spurious", float(1 - seen), box.label, "", box.xyxy)
        # A box beside this one weighs more the farther it is, unless another fits well.
        beside = scores * np.clip((0.8 - near) / 0.5, 0, 1) * (free & same[:, i] & (near > 0.1))
        fitting = scores * np.clip((near - 0.4) / 0.4, 0, 1) * same[:, i]
        off = float(beside.max(initial=0) - fitting.max(initial=0))
        yield Suspect(image.path, "shifted", off, box.label, box.label, box.xyxy)
        other = scores * (free & ~same[:, i] & (near >= SAME_IOU))
        if other.any():
            name = classes[int(found.labels[other.argmax()])]
            surer = float(other.max() * (1 - known))
            yield Suspect(image.path, "mislabelled", surer, box.label, name, box.xyxy)
    close = np.where(same, overlap / NEAR_IOU, overlap / SAME_IOU).max(axis=1, initial=0) >= 1
    for j in np.flatnonzero(~close & ~excused).tolist():
        name, xyxy = classes[int(found.labels[j])], tuple(boxes[j].tolist())
        yield Suspect(image.path, "missing", float(scores[j]), name, name, xyxy)


def rows(ranked: list[Suspect]) -> Rows:
    """The ranking as a table."""
    columns = ("rank", "image", "kind", "suspicion", "class", "suggested", "x1", "y1", "x2", "y2")
    table: Rows = [columns]
    for n, s in enumerate(ranked, 1):
        corners = (f"{value:.2f}" for value in s.xyxy)
        table.append((n, s.image, s.kind, f"{s.suspicion:.4f}", s.label, s.suggested, *corners))
    return table
