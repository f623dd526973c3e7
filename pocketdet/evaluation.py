"""From pictures to scores, with any runtime."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet import inference
from pocketdet.config import Evaluate
from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.errors import DatasetError
from pocketdet.files import sha256
from pocketdet.inference import Candidates
from pocketdet.preprocess import Preprocessing
from pocketdet.scoring import results
from pocketdet.scoring.bootstrap import LEVEL, Plan
from pocketdet.scoring.columns import Floats, Ints
from pocketdet.scoring.results import Assessment, SubsetResult
from pocketdet.scoring.table import Table
from pocketdet.slices import Expression, by_source, parse

PROGRESS_EVERY = 50  # pictures
SMALL_WH = (64, 64)  # px, at least: enough for a mean


@dataclass(frozen=True)
class Detected:
    """A subset with what was found in it.

    Attributes:
        dataset: The subset.
        found: NMS IoU -> image path -> detections from the lowest score on.
        tables: NMS IoU -> they, matched.
    """

    dataset: Dataset
    found: Mapping[float, Mapping[str, Detections]]
    tables: Mapping[float, Table]


@dataclass(frozen=True)
class Evaluator:
    """Scores subsets with one net, whatever runs it: for the stage and for `pocketdet evaluate`.

    Attributes:
        runtime: Runs the net on one input.
        rule: From a photo to the input.
        raw: Folder that the images' paths are below.
        groups_file: See `groups`.
        section: Of params.yaml.
        seed: Of the bootstrap.
        progress: Called with a line of text now and then.
    """

    runtime: Candidates
    rule: Preprocessing
    raw: Path
    groups_file: Path
    section: Evaluate
    seed: int
    progress: Callable[[str], None]

    @property
    def scoring(self) -> OperatingPoint:
        """Lowest score, NMS and limit of the detections that AP is about."""
        section = self.section
        return OperatingPoint(section.score_min, section.nms_iou, section.max_detections)

    def detect(self, name: str, dataset: Dataset, nms_ious: Iterable[float]) -> Detected:
        """Find what is in a subset.

        Args:
            name: Of the subset.
            dataset: The subset.
            nms_ious: NMS thresholds to try on the same candidates, besides that of AP.

        Raises:
            DatasetError: A photo is missing, broken or of another size than the data set says.
        """
        scoring = self.scoring
        points = [replace(scoring, nms_iou=v) for v in sorted({scoring.nms_iou, *nms_ious})]
        found: dict[float, dict[str, Detections]] = {point.nms_iou: {} for point in points}
        images = inference.find_all(dataset, self.raw, self.runtime, self.rule, points)
        for number, (path, sets) in enumerate(images, start=1):
            for point, detections in zip(points, sets, strict=True):
                found[point.nms_iou][path] = detections
            if number % PROGRESS_EVERY == 0 or number == len(dataset):
                self.progress(f"{name}: {number} of {len(dataset)} pictures")
        return Detected(dataset, found, results.matched(dataset, found, scoring.max_detections))

    def score(
        self, detected: Detected, point: OperatingPoint, slices: Sequence[Expression]
    ) -> tuple[SubsetResult, Assessment]:
        """Score what was found.

        Args:
            detected: By `detect`, with the point's NMS among the others.
            point: The operating point.
            slices: Parts of the subset.

        Raises:
            DatasetError: A picture has no group.
        """
        dataset = detected.dataset
        result = results.evaluate(dataset, detected.found, detected.tables, self.scoring, point)
        asked = any("brightness" in each.names for each in slices)
        light = brightness(dataset, self.raw) if asked else None
        plan = Plan(self.section.resamples, LEVEL, self.seed)
        of_group = groups(self.groups_file, dataset)
        contents = {i.path: sha256(self.raw / i.path) for i in dataset} if slices else {}
        return result, results.assess(result, plan, of_group, slices, light, contents)


def expressions(section: Evaluate, dataset: Dataset) -> list[Expression]:
    """The slices of params.yaml, and one for each source where there are several.

    Raises:
        ParamsError: One is wrong.
    """
    return [*parse(section.slices), *by_source([image.source for image in dataset])]


def groups(file: Path, dataset: Dataset) -> Ints | None:
    """Group number of each picture, (I,), from a CSV of image,group; None without the file.

    Raises:
        DatasetError: A picture is not in the file.
    """
    if not file.exists():
        return None
    with file.open(newline="", encoding="utf-8") as stream:
        group_of: Mapping[str, str] = {r["image"]: r["group"] for r in csv.DictReader(stream)}
    lost = [image.path for image in dataset if image.path not in group_of]
    if lost:
        raise DatasetError(f"{file}: {lost[0]} has no group; run the split stage again")
    _, numbers = np.unique([group_of[image.path] for image in dataset], return_inverse=True)
    return numbers.astype(np.int64)


def brightness(dataset: Dataset, raw: Path) -> Floats:
    """Mean luma of each picture, (I,), 0..1 (ITU-R 601-2, as Pillow's "L")."""
    values = []
    for image in dataset:
        with PIL.open(raw / image.path) as photo:
            photo.draft("L", SMALL_WH)  # JPEG decodes an eighth of it
            values.append(float(np.asarray(photo.convert("L"), np.float64).mean()) / 255)
    return np.asarray(values)
