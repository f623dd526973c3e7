"""The score threshold that goes to the phone, chosen on the validation subset and frozen there.

One threshold for all classes: the one with the highest recall among those whose precision reaches
the target; precision and recall are pooled over the classes, at IoU 0.5. Where no threshold
reaches the target, the one with the best F1 is taken and the choice says so; where no object was
found at all, the lowest one.

Thresholds are whole thousandths: readable, and robust against the last bits in which the trained
net and its converted files differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring.matching import Matches, match

IOU_MIN = 0.5
ALL = "(all)"
COLUMNS = (
    "threshold",
    "precision",
    "recall",
    "f1",
    "false_alarms_per_image",
    "hits",
    "false_alarms",
    "objects",
)


@dataclass(frozen=True)
class Curve:
    """Counts above each threshold, of one class or of all.

    Attributes:
        thresholds: (T,) rising, thousandths from score_min to 1.
        hits: (T,) detections that took an object.
        false_alarms: (T,) detections that took none and are not ignored.
        objects: Objects that count.
        images: Pictures looked at.
    """

    thresholds: npt.NDArray[np.float64]
    hits: npt.NDArray[np.int64]
    false_alarms: npt.NDArray[np.int64]
    objects: int
    images: int

    @property
    def precision(self) -> npt.NDArray[np.float64]:
        """Share of the detections that are hits, (T,); NaN where there is no detection."""
        shown = self.hits + self.false_alarms
        return _share(self.hits, shown)

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Share of the objects that are hit, (T,); NaN where there is no object."""
        return _share(self.hits, np.full_like(self.hits, self.objects))

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """Harmonic mean of precision and recall, (T,); NaN where there is nothing at all."""
        return _share(2 * self.hits, self.hits + self.false_alarms + self.objects)

    def at(self, threshold: float) -> dict[str, float | None]:
        """Precision, recall and false alarms a picture at a threshold; None where undefined."""
        i = min(int(np.searchsorted(self.thresholds, threshold - 1e-9)), len(self.thresholds) - 1)
        values = {
            "precision": self.precision[i],
            "recall": self.recall[i],
            "false_alarms_per_image": self.false_alarms[i] / self.images,
        }
        return {name: None if np.isnan(v) else float(v) for name, v in values.items()}


@dataclass(frozen=True)
class Choice:
    """A threshold and why it was taken.

    Attributes:
        threshold: Detections below it are not reported.
        reached: Whether the target precision is kept.
        reason: One sentence for the report.
    """

    threshold: float
    reached: bool
    reason: str


def match_all(dataset: Dataset, found: Mapping[str, Detections]) -> list[Matches]:
    """The matches of every picture, in the data set's order."""
    return [match(image, found[image.path], dataset.classes, IOU_MIN) for image in dataset]


def curves(
    dataset: Dataset,
    found: Mapping[str, Detections],
    matches: Sequence[Matches],
    score_min: float,
) -> dict[str, Curve]:
    """Precision and recall over the threshold, of all classes pooled ("(all)") and of each.

    Args:
        dataset: Ground truth.
        found: Image path -> detections.
        matches: As `match_all` gives them.
        score_min: Lowest score that was detected, 0..1.

    Raises:
        DatasetError: There is no image.
    """
    if not dataset.images:
        raise DatasetError("no precision and recall: the subset holds no image")
    scores = np.concatenate([found[image.path].scores for image in dataset]).astype(np.float64)
    labels = np.concatenate([found[image.path].labels for image in dataset])
    verdicts = np.asarray([v for m in matches for v in m.verdicts], dtype=object)
    objects = [box.label for image in dataset for box in image.boxes if not box.ignore]
    thresholds = np.arange(int(np.ceil(score_min * 1000 - 1e-9)), 1001) / 1000

    def curve(of_class: npt.NDArray[np.bool_], n: int) -> Curve:
        return Curve(
            thresholds,
            _reaching(scores[of_class & (verdicts == "hit")], thresholds),
            _reaching(scores[of_class & (verdicts == "false alarm")], thresholds),
            n,
            len(dataset),
        )

    every = np.ones(len(labels), dtype=bool)
    named = {
        name: curve(labels == k, objects.count(name)) for k, name in enumerate(dataset.classes)
    }
    return {ALL: curve(every, len(objects)), **named}


def choose(curve: Curve, target_precision: float) -> Choice:
    """The operating point on a curve; the module's docstring has the rule.

    Raises:
        DatasetError: There is no object, so that any threshold would be as good.
    """
    if not curve.objects:
        raise DatasetError(
            "cannot choose the operating point: the validation subset holds no object that counts; "
            "check validate.classes and the split"
        )
    good = np.flatnonzero(curve.precision >= target_precision)  # NaN >= x is False
    if good.size:
        best = good[np.argmax(curve.recall[good])]
        # Of equal recalls the highest threshold: as many hits, fewest false alarms.
        best = good[curve.recall[good] == curve.recall[best]].max()
        text = f"highest recall on val with precision >= {target_precision:g}"
        return Choice(float(curve.thresholds[best]), True, text)
    text = f"no threshold reaches precision {target_precision:g} on val"
    if not curve.hits.any():
        return Choice(float(curve.thresholds[0]), False, f"{text}: no object was found; the lowest")
    best = np.flatnonzero(curve.f1 == np.nanmax(curve.f1)).max()
    return Choice(float(curve.thresholds[best]), False, f"{text}; the one with the best F1")


def rows(curve: Curve) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV under `COLUMNS`, one per hundredth of threshold; empty where undefined."""
    for i in np.flatnonzero(np.round(curve.thresholds * 1000) % 10 == 0):
        alarms = curve.false_alarms[i] / curve.images
        shares = (curve.precision[i], curve.recall[i], curve.f1[i], alarms)
        yield (
            f"{curve.thresholds[i]:.2f}",
            *("" if np.isnan(share) else f"{share:.6f}" for share in shares),
            *map(str, (curve.hits[i], curve.false_alarms[i], curve.objects)),
        )


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _reaching(
    scores: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """How many scores are >= each threshold, compared as float32 like the runtimes' scores."""
    rising = np.sort(scores).astype(np.float32)
    return len(rising) - np.searchsorted(rising, thresholds.astype(np.float32), side="left")
