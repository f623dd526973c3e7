"""A subset's detections, scored: what evaluation knows before it writes anything down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pocketdet.dataset import ALL, Dataset
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.scoring import bootstrap, calibration, coco, columns, confusion, errors, table
from pocketdet.scoring.bootstrap import Interval, Intervals, Plan
from pocketdet.scoring.calibration import Reliability
from pocketdet.scoring.coco import Scores
from pocketdet.scoring.columns import Floats, Ints
from pocketdet.scoring.confusion import Confusion
from pocketdet.scoring.curves import IOU_MIN, Curve, curves
from pocketdet.scoring.errors import Anatomy
from pocketdet.scoring.matching import Matches, match
from pocketdet.scoring.operating_point import Tally, shown, tally
from pocketdet.scoring.slicing import Slice, cut
from pocketdet.scoring.table import Table
from pocketdet.slices import Expression

BINS = 10  # of the reliability diagram

Found = Mapping[str, Detections]


@dataclass(frozen=True)
class SubsetResult:
    """A subset, what was found in it, and how good that is.

    Attributes:
        dataset: Its ground truth.
        found: Image path -> detections from the lowest score on, for AP.
        table: They, matched.
        scores: COCO's numbers.
        reliability: "(all)" or class -> diagram of the scores.
        point: The operating point.
        reported: Image path -> what the point reports.
        deployed: Detections from the lowest score on with the point's NMS, matched.
        curves: Of those: "(all)" or class -> precision and recall over the threshold.
        tally: What the point gives.
    """

    dataset: Dataset
    found: Found
    table: Table
    scores: Scores
    reliability: Mapping[str, Reliability]
    point: OperatingPoint
    reported: Found
    deployed: Table
    curves: Mapping[str, Curve]
    tally: Tally


@dataclass(frozen=True)
class Assessment:
    """What is behind a subset's numbers.

    Attributes:
        plan: Of the intervals.
        groups: (I,) group of each picture, drawn as a whole; None where pictures were drawn.
        intervals: "(all)" or class -> measure -> interval.
        slices: Each with its intervals, worst AP first; None for one without a picture.
        anatomy: The errors among the detections from the lowest score on.
        confusion: At the operating point.
    """

    plan: Plan
    groups: Ints | None
    intervals: Mapping[str, Mapping[str, Interval]]
    slices: Sequence[tuple[Slice, Intervals | None]]
    anatomy: Anatomy
    confusion: Confusion


@dataclass(frozen=True)
class Judged:
    """One picture at the operating point.

    Attributes:
        index: Of the image in the data set.
        found: What the point reports.
        matches: What became of them and of the objects.
        misses: Objects that nothing was found for.
        false_alarms: Detections of nothing.
        badness: Misses plus the scores of the false alarms: a confident error is worse.
    """

    index: int
    found: Detections
    matches: Matches
    misses: int
    false_alarms: int
    badness: float


def matched(dataset: Dataset, found: Mapping[float, Found], limit: int) -> dict[float, Table]:
    """NMS IoU -> the detections of a subset, matched with its objects.

    Raises:
        DatasetError: As `pocketdet.scoring.coco.check` says.
    """
    objects = columns.objects_of(dataset)
    return {
        nms_iou: table.match(objects, columns.found_of(dataset, each), limit)
        for nms_iou, each in found.items()
    }


def evaluate(
    dataset: Dataset,
    found: Mapping[float, Found],
    tables: Mapping[float, Table],
    scoring: OperatingPoint,
    point: OperatingPoint,
) -> SubsetResult:
    """Score a subset.

    Args:
        dataset: Ground truth.
        found: NMS IoU -> image path -> detections, for every image.
        tables: NMS IoU -> they, matched.
        scoring: Lowest score and NMS of the detections that AP is about.
        point: The operating point; its NMS and that of `scoring` must be among the others.

    Raises:
        DatasetError: As `coco.score` says.
    """
    mine, deployed = tables[scoring.nms_iou], tables[point.nms_iou]
    every, by_class = calibration.reliability(mine, BINS, IOU_MIN)
    classes = len(dataset.classes)
    return SubsetResult(
        dataset=dataset,
        found=found[scoring.nms_iou],
        table=mine,
        scores=coco.score(dataset, found[scoring.nms_iou]),
        reliability={ALL: every, **by_class},
        point=point,
        reported={
            path: point.reported(each, classes) for path, each in found[point.nms_iou].items()
        },
        deployed=deployed,
        curves=curves(deployed, scoring.score_min),
        tally=tally(deployed, point),
    )


def assess(
    result: SubsetResult,
    plan: Plan,
    groups: Ints | None,
    expressions: Sequence[Expression],
    brightness: Floats | None,
    contents: Mapping[str, str],
) -> Assessment:
    """Intervals, slices and errors of a scored subset.

    Args:
        result: The subset.
        plan: Of the bootstrap.
        groups: (I,) group number of each picture, drawn as a whole; None draws pictures.
        expressions: Slices.
        brightness: (I,) mean luma of the pictures; None if no slice asks.
        contents: Content hash by image path, of all pictures if there are slices.
    """
    classes = result.dataset.classes
    ap = bootstrap.intervals(result.table, plan, groups)
    share = bootstrap.shares(result.tally, classes, plan, groups)
    slices = [
        (
            each,
            bootstrap.intervals(each.table, plan, groups, each.pictures)
            if each.pictures.any()
            else None,
        )
        for each in cut(expressions, result.table, result.dataset, brightness, contents)
    ]

    def worst_first(row: tuple[Slice, Intervals | None]) -> tuple[bool, float]:
        value = row[1].overall["AP"].value if row[1] else None
        return value is None, value or 0.0

    return Assessment(
        plan=plan,
        groups=groups,
        intervals={ALL: {**ap.overall, **share[ALL]}}
        | {name: {**ap.per_class[name], **share[name]} for name in classes},
        slices=sorted(slices, key=worst_first),
        anatomy=errors.anatomy(result.table),
        confusion=confusion.confusion(
            result.deployed, shown(result.deployed, result.point), IOU_MIN
        ),
    )


def judge(result: SubsetResult) -> list[Judged]:
    """Every picture at the operating point, worst first; equals in the data set's order."""
    judged = []
    for index, image in enumerate(result.dataset):
        found = result.reported[image.path]
        matches = match(image, found, result.dataset.classes, IOU_MIN)
        misses = sum(
            taker < 0 and not box.ignore
            for taker, box in zip(matches.takers, image.boxes, strict=True)
        )
        alarms = [
            score
            for score, verdict in zip(found.scores.tolist(), matches.verdicts, strict=True)
            if verdict == "false alarm"
        ]
        badness = misses + sum(alarms)
        judged.append(Judged(index, found, matches, misses, len(alarms), badness))
    return sorted(judged, key=lambda j: (-j.badness, j.index))
