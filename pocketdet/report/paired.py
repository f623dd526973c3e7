"""Two runs on the same test pictures: which is better, and whether that is more than luck."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.boxes import xywh_to_xyxy
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError, PocketdetError
from pocketdet.report import facts as facts_
from pocketdet.report.facts import Facts
from pocketdet.scoring import bootstrap, columns, detections, ground_truth
from pocketdet.scoring.bootstrap import Intervals, Plan
from pocketdet.scoring.columns import Ints
from pocketdet.scoring.table import Table, match

TRUTH, FOUND = "reports/evaluate/ground_truth_test.json", "reports/evaluate/detections_test.json"
LIMIT = 100  # detections of a class in a picture, as COCO's AP


@dataclass(frozen=True)
class Run:
    """One of two runs.

    Attributes:
        name: For people: a revision or a folder.
        folder: Holds `reports` and, if known, params.yaml.
        facts: What its stages wrote down.
    """

    name: str
    folder: Path
    facts: Facts


@dataclass(frozen=True)
class Difference:
    """Between two runs.

    Attributes:
        intervals: New minus old; None where they cannot be compared.
        why: Then a sentence that says so.
    """

    intervals: Intervals | None
    why: str


def read(name: str, folder: Path) -> Run:
    """A run from its folder.

    Raises:
        PocketdetError: It holds no evaluation, or a file is broken.
    """
    reports = folder / "reports"
    if not (reports / "evaluate/per_class.csv").is_file():
        raise PocketdetError(
            f"{folder}: expected reports/evaluate with an evaluation's files, found none; "
            "run: dvc repro evaluate"
        )
    models = folder / "models"
    found = facts_.read(
        reports, folder / "data/subsets", models / "design", models / "operating_point.json"
    )
    return Run(name, folder, found)


def paired(old: Run, new: Run, plan: Plan) -> Difference:
    """Differences of AP, new minus old, on the same resamples of the test pictures.

    Raises:
        DatasetError: A file of an evaluation is broken.
    """
    (truth, groups), (other, _) = _truth(old), _truth(new)
    if truth != other:
        return Difference(
            None,
            "The two runs were tested on different pictures or objects, so that the luck of the "
            "pictures is in every difference: no intervals",
        )
    before, after = _matched(old, truth), _matched(new, truth)
    return Difference(bootstrap.compare(before, after, plan, groups), "")


def verdict(found: Intervals | None, old: str, new: str) -> tuple[str, str]:
    """A word, and what is to be said of the difference in AP, in a sentence."""
    interval = found.overall["AP"] if found else None
    if interval is None or interval.value is None:
        return "OPEN", f"Whether {new} is better than {old} cannot be said."
    difference = f"AP differs by {100 * interval.value:+.2f} points"
    if interval.low is None or interval.high is None or interval.below_zero is None:
        return "OPEN", f"{difference}; without an interval no one knows what that means."
    ends = f"{difference} (95 %: {100 * interval.low:+.2f} to {100 * interval.high:+.2f})"
    chance = f"the probability that {new} is worse is {100 * interval.below_zero:.0f} %"
    if interval.low > 0:
        return "BETTER", f"{ends}; {chance}."
    if interval.high < 0:
        return "WORSE", f"{ends}; {chance}."
    return "UNDECIDED", f"{ends}, which may be the luck of the pictures; {chance}."


def _truth(run: Run) -> tuple[Dataset, Ints | None]:
    """The test subset as its evaluation wrote it down, and the groups of its pictures."""
    path = run.folder / TRUTH
    raw = ground_truth.coco(path)
    names = {row["id"]: row["name"] for row in raw["categories"]}
    boxes: dict[Any, list[Box]] = {row["id"]: [] for row in raw["images"]}
    for row in raw["annotations"]:
        x1, y1, x2, y2 = xywh_to_xyxy(np.asarray(row["bbox"], np.float64)).tolist()
        why = "iscrowd" if row["iscrowd"] else ""
        boxes[row["image_id"]].append(Box(names[row["category_id"]], (x1, y1, x2, y2), why))
    try:
        images = tuple(
            Image(row["file_name"], (row["width"], row["height"]), tuple(boxes[row["id"]]))
            for row in raw["images"]
        )
    except (KeyError, TypeError) as error:
        raise DatasetError(
            f"{path}: images: expected file_name, width and height ({error!r}); evaluate again"
        ) from error
    groups = [row["group"] for row in raw["images"] if "group" in row]
    numbers = np.unique(groups, return_inverse=True)[1] if len(groups) == len(images) else None
    return Dataset(tuple(names.values()), images), numbers


def _matched(run: Run, truth: Dataset) -> Table:
    raw = ground_truth.coco(run.folder / TRUTH)
    label = {row["id"]: k for k, row in enumerate(raw["categories"])}
    by_image: dict[Any, list[dict[str, Any]]] = {row["id"]: [] for row in raw["images"]}
    for row in detections.coco(run.folder / FOUND, raw):
        by_image[row["image_id"]].append(row)
    found = {
        image.path: Detections(
            xywh_to_xyxy(np.asarray([r["bbox"] for r in some], np.float64).reshape(-1, 4)),
            np.asarray([r["score"] for r in some], np.float32),
            np.asarray([label[r["category_id"]] for r in some], np.int64),
        )
        for image, some in zip(truth, by_image.values(), strict=True)
    }
    return match(columns.objects_of(truth), columns.found_of(truth, found), LIMIT)
