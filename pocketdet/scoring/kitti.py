"""Average precision by KITTI's object protocol, 2D boxes: easy, moderate and hard; AP11 and AP40.

The rules of the devkit (evaluate_object.cpp, the version with 41 recalls; Geiger et al. 2012):

- Car needs IoU above 0.7, Pedestrian and Cyclist above 0.5. A side is right - left, without a "+1".
- An object counts at a difficulty if it is higher than 40 / 25 / 25 px, at most fully visible /
  partly / largely occluded (0 / 1 / 2), and at most 15 / 30 / 50 % truncated. Other objects of the
  class, and the neighbour classes Van (of Car) and Person_sitting (of Pedestrian), are ignored:
  they may take a detection, which then is neither a hit nor a false alarm.
- A detection lower than 40 / 25 / 25 px (of any class: the devkit asks for the height first) is
  ignored too, but can take an object away that would be a miss otherwise.
- A detection that took nothing and lies in a DontCare region, by more than the IoU threshold of its
  own area, is no false alarm. One region may hold any number of them.
- Objects choose, in the order of the file: first the best score, to find the 41 score thresholds at
  which recall is nearest to 0, 1/40 .. 1; then, at each of these, the highest overlap.
- AP11 is the mean of 11 of the 41 precisions, AP40 that of all but the first (Simonelli et al.
  2019); precision is made not to rise with falling recall, and 0 where recall is not reached.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pocketdet.scoring.columns import ANY_CLASS, Bools, Floats, Found, Objects
from pocketdet.scoring.overlaps import Pairs, pairs

IOU_MIN = {"Car": 0.7, "Pedestrian": 0.5, "Cyclist": 0.5}
NEIGHBOUR = {"Car": "Van", "Pedestrian": "Person_sitting"}
TYPES = ("Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc")
"""All that KITTI annotates, besides DontCare."""
POINTS = 41


@dataclass(frozen=True)
class Level:
    """What an object must be to count.

    Attributes:
        height_min: px; lower detections are ignored.
        occlusion_max: KITTI's level.
        truncation_max: Share outside the picture.
    """

    height_min: int
    occlusion_max: int
    truncation_max: float


LEVELS = {
    "easy": Level(40, 0, 0.15),
    "moderate": Level(25, 1, 0.3),
    "hard": Level(25, 2, 0.5),
}


@dataclass(frozen=True)
class Curve:
    """Of a class at a difficulty.

    Attributes:
        objects: How many count.
        precision: (41,) at recall 0, 1/40 .. 1.
    """

    objects: int
    precision: Floats

    @property
    def ap11(self) -> float | None:
        """Mean of every fourth precision, 0..1; None without objects."""
        return float(self.precision[::4].mean()) if self.objects else None

    @property
    def ap40(self) -> float | None:
        """Mean of all precisions but the first, 0..1; None without objects."""
        return float(self.precision[1:].mean()) if self.objects else None


def curves(objects: Objects, found: Found) -> dict[str, dict[str, Curve]]:
    """Class -> difficulty -> curve.

    Args:
        objects: Ground truth, its classes named as in `TYPES`; DontCare is an ignored ANY_CLASS,
            and nothing else is ignored.
        found: Detections.
    """
    near = pairs(objects, found, min(IOU_MIN.values()))
    return {
        name: {key: _curve(objects, found, near, name, level) for key, level in LEVELS.items()}
        for name in IOU_MIN
    }


def _curve(objects: Objects, found: Found, near: Pairs, name: str, level: Level) -> Curve:
    """One class at one difficulty."""
    number = objects.classes.index(name) if name in objects.classes else None
    neighbour = NEIGHBOUR.get(name)
    beside = objects.classes.index(neighbour) if neighbour in objects.classes else None
    of_class = objects.label == number
    counts = (
        of_class
        & (_heights(objects) > level.height_min)
        & (objects.occlusion <= level.occlusion_max)
        & (objects.truncation <= level.truncation_max)
    )
    low = _heights(found) < level.height_min
    right = (found.label == number) & ~low
    if not counts.any():
        return Curve(0, np.zeros(POINTS))

    near = near.take(near.overlap > IOU_MIN[name])
    region = objects.label[near.object] == ANY_CLASS
    excused = np.zeros(len(found), np.bool_)
    excused[near.found[region]] = True
    choosing = of_class | (objects.label == beside)
    near = near.take(choosing[near.object] & (low | right)[near.found])
    frames = _frames(near, counts, low, found)

    hits = [
        float(found.scores[d])
        for frame in frames
        for d, hit in _taken(frame, -np.inf, lambda candidate: candidate.score).items()
        if hit
    ]
    punished = right & ~excused
    alarms = np.sort(found.scores[punished])
    precision = np.zeros(POINTS)
    for i, threshold in enumerate(_thresholds(hits, int(counts.sum()))[:POINTS]):
        taken = [pair for f in frames for pair in _taken(f, threshold, _by_overlap).items()]
        correct = sum(hit for _, hit in taken)
        wrong = len(alarms) - int(np.searchsorted(alarms, threshold))
        wrong -= sum(bool(punished[d]) for d, _ in taken)
        precision[i] = correct / (correct + wrong) if correct else 0.0
    return Curve(int(counts.sum()), np.maximum.accumulate(precision[::-1])[::-1])


@dataclass(frozen=True)
class _Candidate:
    """A detection that an object may take."""

    detection: int
    score: float
    overlap: float
    low: bool


_Frame = list[tuple[bool, list[_Candidate]]]
"""Objects of a picture that may take something, in order: whether each counts, and what it may."""


def _frames(near: Pairs, counts: Bools, low: Bools, found: Found) -> list[_Frame]:
    """The pairs by picture and object; candidates in the order in which they were given."""
    frames: dict[int, dict[int, list[_Candidate]]] = {}
    order = np.lexsort((found.given[near.found], near.object))
    for d, g, overlap in zip(
        near.found[order].tolist(),
        near.object[order].tolist(),
        near.overlap[order].tolist(),
        strict=True,
    ):
        candidate = _Candidate(d, float(found.scores[d]), overlap, bool(low[d]))
        frames.setdefault(int(found.image[d]), {}).setdefault(g, []).append(candidate)
    return [
        [(bool(counts[g]), candidates) for g, candidates in frame.items()]
        for frame in frames.values()
    ]


def _taken(
    frame: _Frame, threshold: float, best: Callable[[_Candidate], float | tuple[bool, float]]
) -> dict[int, bool]:
    """Detections that are taken at a score threshold -> whether that is a hit."""
    taken: dict[int, bool] = {}
    for counts, candidates in frame:
        free = [c for c in candidates if c.score >= threshold and c.detection not in taken]
        if free:
            choice = max(free, key=best)  # the first of equals
            taken[choice.detection] = counts and not choice.low
    return taken


def _by_overlap(candidate: _Candidate) -> tuple[bool, float]:
    """A low detection is taken where there is no other, and then the first one."""
    return not candidate.low, 0.0 if candidate.low else candidate.overlap


def _thresholds(hits: list[float], objects: int) -> list[float]:
    """The scores at which recall is nearest to 0, 1/40 .. 1.

    The last hit is always one of them, and with fewer objects than points there is one a hit.
    """
    chosen = []
    recall = 0.0
    ranked = sorted(hits, reverse=True)
    for i, score in enumerate(ranked, 1):
        last = i == len(ranked)
        here, after = i / objects, (i if last else i + 1) / objects
        if not last and after - recall < recall - here:
            continue
        chosen.append(score)
        recall += 1 / (POINTS - 1)
    return chosen


def _heights(columns: Objects | Found) -> Floats:
    return columns.boxes_xyxy[:, 3] - columns.boxes_xyxy[:, 1]
