"""The single errors worth looking at, worst first, by kind.

False alarms by score: the surest is the worst. Missed objects by area: the largest is the worst.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pocketdet.scoring.curves import IOU_MIN
from pocketdet.scoring.errors import KINDS, MISSED
from pocketdet.scoring.operating_point import shown
from pocketdet.scoring.results import Assessment, SubsetResult

ORDER = ("background", MISSED, "class", "localisation", "duplicate", "both")
COLUMNS = ("kind", "rank", "path", "found", "score", "object", "iou", "x1", "y1", "x2", "y2")


@dataclass(frozen=True)
class Case:
    """One error.

    Attributes:
        kind: One of `ORDER`.
        image: Number of its picture.
        found: Box of the detection, or None for a missed object.
        found_label: Its class.
        score: Its score; of a missed object that of the detection of its class that comes closest,
            which the operating point does not report, or 0.
        target: Box of the object, or None where there is none.
        target_label: Its class.
        iou: Of detection (or that closest one) and object; 0 if there is none.
    """

    kind: str
    image: int
    found: tuple[float, ...] | None
    found_label: str
    score: float
    target: tuple[float, ...] | None
    target_label: str
    iou: float

    @property
    def focus(self) -> tuple[float, float, float, float]:
        """The box around detection and object, (x1, y1, x2, y2)."""
        boxes = np.asarray([box for box in (self.found, self.target) if box is not None])
        x1, y1 = boxes[:, :2].min(axis=0).tolist()
        x2, y2 = boxes[:, 2:].max(axis=0).tolist()
        return x1, y1, x2, y2


def worst(result: SubsetResult, assessment: Assessment, most: int) -> dict[str, list[Case]]:
    """Kind -> at most so many cases, worst first; kinds without a case are left out.

    False alarms are those that the operating point would report.
    """
    table, anatomy = result.table, assessment.anatomy
    visible = shown(table, result.point)
    taken = table.partner[table.row(IOU_MIN)][visible & table.hit[table.row(IOU_MIN)]]
    missed = table.counts.copy()
    missed[taken] = False
    by_kind: dict[str, list[Case]] = {kind: [] for kind in ORDER}
    order = np.argsort(-table.found.scores, kind="stable")
    for d in order[visible[order] & (anatomy.kind[order] >= 0)].tolist():
        kind = KINDS[anatomy.kind[d]]
        if len(by_kind[kind]) < most:
            by_kind[kind].append(_false_alarm(result, assessment, d, kind))
    sides = table.objects.boxes_xyxy[:, 2:] - table.objects.boxes_xyxy[:, :2]
    largest = np.argsort(-sides.prod(axis=1), kind="stable")
    by_kind[MISSED] = [_miss(result, g) for g in largest[missed[largest]][:most].tolist()]
    return {kind: cases for kind, cases in by_kind.items() if cases}


def rows(by_kind: Mapping[str, Sequence[Case]], result: SubsetResult) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV under `COLUMNS`."""
    for kind, cases in by_kind.items():
        for rank, case in enumerate(cases, 1):
            yield (
                *(kind, str(rank), result.dataset.images[case.image].path, case.found_label),
                f"{case.score:.4f}",
                *(case.target_label, f"{case.iou:.4f}"),
                *(f"{edge:.1f}" for edge in case.focus),
            )


def _false_alarm(result: SubsetResult, assessment: Assessment, d: int, kind: str) -> Case:
    table, classes = result.table, result.dataset.classes
    g = int(assessment.anatomy.target[d])
    pair = (table.near.found == d) & (table.near.object == g)
    return Case(
        kind=kind,
        image=int(table.found.image[d]),
        found=tuple(table.found.boxes_xyxy[d].tolist()),
        found_label=classes[table.found.label[d]],
        score=float(table.found.scores[d]),
        target=tuple(table.objects.boxes_xyxy[g].tolist()) if g >= 0 else None,
        target_label=classes[table.objects.label[g]] if g >= 0 else "",
        iou=float(table.near.overlap[pair][0]) if g >= 0 and pair.any() else 0.0,
    )


def _miss(result: SubsetResult, g: int) -> Case:
    """A missed object, with score and IoU of the detection of its class that comes closest."""
    table, classes = result.table, result.dataset.classes
    label = table.objects.label[g]
    near = table.near.take(
        (table.near.object == g) & (table.found.label[table.near.found] == label)
    )
    closest = int(np.argmax(near.overlap)) if len(near.overlap) else None
    return Case(
        kind=MISSED,
        image=int(table.objects.image[g]),
        found=None,
        found_label="",
        score=0.0 if closest is None else float(table.found.scores[near.found[closest]]),
        target=tuple(table.objects.boxes_xyxy[g].tolist()),
        target_label=classes[label],
        iou=0.0 if closest is None else float(near.overlap[closest]),
    )
