"""The thresholds that go to the phone, chosen on the validation subset and frozen there.

A constraint says what is wanted: precision of at least p, at most f false alarms a picture, or the
best F-beta. Under it each class (or all together) gets the score threshold with the highest recall;
precision and recall are at IoU 0.5. With thresholds per class each class keeps the precision by
itself, and has an equal share of the false alarms. Of several NMS thresholds the one with the
highest recall wins (mean over the classes, or pooled where they share a threshold), and of several
limits of detections the smallest that costs none of it.

Where no threshold keeps the constraint, the one with the best F1 is taken and the choice says so. A
class that val holds no object of, or no find, takes the threshold of all classes together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pocketdet.config import Operating
from pocketdet.dataset import ALL
from pocketdet.detector.decode import OperatingPoint
from pocketdet.errors import DatasetError
from pocketdet.scoring.columns import Bools, Floats, Ints
from pocketdet.scoring.curves import IOU_MIN, Curve, curves
from pocketdet.scoring.table import Table


@dataclass(frozen=True)
class Choice:
    """An operating point and why it was taken.

    Attributes:
        point: What goes to the phone.
        reached: Whether every class with objects keeps the constraint.
        reasons: "(all)" or class -> one sentence for the report.
    """

    point: OperatingPoint
    reached: bool
    reasons: Mapping[str, str]


@dataclass(frozen=True)
class Tally:
    """What an operating point gives, picture by picture: (I, K) each.

    Attributes:
        hits: Detections that took an object.
        false_alarms: Detections that took none and are not ignored.
        objects: Objects that count.
    """

    hits: Ints
    false_alarms: Ints
    objects: Ints

    def of(self, column: int | None) -> tuple[int, int, int]:
        """Hits, false alarms and objects of a class, or of all."""
        chosen = slice(None) if column is None else column
        counts = (self.hits, self.false_alarms, self.objects)
        hits, alarms, objects = (int(each[:, chosen].sum()) for each in counts)
        return hits, alarms, objects


def choose(tables: Mapping[float, Table], rule: Operating, score_min: float) -> Choice:
    """The operating point on val; the module's docstring has the rules.

    Args:
        tables: NMS IoU -> matched detections of val.
        rule: The constraint, and what may be chosen from.
        score_min: Lowest score that was detected, 0..1.

    Raises:
        DatasetError: There is no object, so that any threshold would be as good.
    """
    best: tuple[tuple[bool, float], Choice] | None = None
    for nms_iou in rule.nms_iou:
        choice = _thresholds(curves(tables[nms_iou], score_min), rule, nms_iou)
        worth = choice.reached, _worth(tally(tables[nms_iou], choice.point), rule)
        if best is None or worth > best[0]:
            best = worth, choice
    assert best is not None, "params.yaml names one NMS threshold at least"
    (_, worth_of_all), choice = best
    for limit in sorted(rule.max_detections):
        point = replace(choice.point, max_detections=limit)
        if _worth(tally(tables[point.nms_iou], point), rule) >= worth_of_all:
            return replace(choice, point=point)
    return choice


def shown(table: Table, point: OperatingPoint) -> Bools:
    """Which detections of a table a point reports, (D,); its NMS must be the table's."""
    found = table.found
    keep = (
        found.scores.astype(np.float32) >= point.score_mins(len(table.objects.classes))[found.label]
    )
    # Within a picture the best come first, so the limit cuts from behind.
    before: Ints = np.cumsum(keep) - keep
    first = np.searchsorted(found.image, found.image)
    result: Bools = keep & (before - before[first] < point.max_detections)
    return result


def tally(table: Table, point: OperatingPoint) -> Tally:
    """Hits, false alarms and objects of each picture and class at a point."""
    row, visible = table.row(IOU_MIN), shown(table, point)
    objects, found = table.objects, table.found
    shape = len(objects.images), len(objects.classes)

    def count(image: Ints, label: Ints, which: Bools) -> Ints:
        cells = np.bincount(image[which] * shape[1] + label[which], minlength=shape[0] * shape[1])
        return cells.reshape(shape)

    hit, ignored = table.hit[row], table.ignored[row]
    return Tally(
        count(found.image, found.label, visible & hit),
        count(found.image, found.label, visible & ~hit & ~ignored),
        count(objects.image, objects.label, table.counts),
    )


def _thresholds(by_class: Mapping[str, Curve], rule: Operating, nms_iou: float) -> Choice:
    pooled = by_class[ALL]
    if not pooled.objects:
        raise DatasetError(
            "cannot choose the operating point: the validation subset holds no object that counts; "
            "check validate.classes and the split"
        )
    most = max(rule.max_detections)
    together, reached, reason = _threshold(pooled, rule, 1)
    if rule.thresholds == "shared":
        return Choice(OperatingPoint(together, nms_iou, most), reached, {ALL: reason})
    classes = [name for name in by_class if name != ALL]
    chosen: list[float] = []
    reasons = {}
    kept = True
    for name in classes:
        curve = by_class[name]
        if not curve.hits.any():
            chosen.append(together)
            lack = "object is found" if curve.objects else "object"
            reasons[name] = f"no {lack} on val: the threshold of all classes together"
            kept = kept and not curve.objects
            continue
        threshold, reached, reasons[name] = _threshold(curve, rule, len(classes))
        chosen.append(threshold)
        kept = kept and reached
    return Choice(OperatingPoint(min(chosen), nms_iou, most, tuple(chosen)), kept, reasons)


def _threshold(curve: Curve, rule: Operating, sharing: int) -> tuple[float, bool, str]:
    """Threshold, whether it keeps the constraint, and why; `sharing` classes share the alarms."""
    if rule.rule == "f_beta":
        return _last_best(curve, curve.f(rule.target)), True, f"best F{rule.target:g} on val"
    if rule.rule == "precision":
        good = curve.precision >= rule.target  # NaN >= x is False
        wanted = f"precision >= {rule.target:g}"
    else:
        good = curve.false_alarms_per_image <= rule.target / sharing
        wanted = f"at most {rule.target / sharing:.3g} false alarms a picture"
    if good.any() and curve.hits[good].any():
        # Of equal recalls the highest threshold: as many hits, fewest false alarms.
        recall = np.where(good, curve.recall, -1)
        return _last_best(curve, recall), True, f"highest recall on val with {wanted}"
    text = f"no threshold keeps {wanted} on val"
    if not curve.hits.any():
        return float(curve.thresholds[0]), False, f"{text}: no object was found; the lowest"
    return _last_best(curve, curve.f(1)), False, f"{text}; the one with the best F1"


def _last_best(curve: Curve, values: Floats) -> float:
    return float(curve.thresholds[np.flatnonzero(values == np.nanmax(values)).max()])


def _worth(counts: Tally, rule: Operating) -> float:
    """Recall, or F-beta, at a point: mean over the classes with objects, or pooled."""
    columns: Sequence[int | None] = (
        [None] if rule.thresholds == "shared" else range(counts.hits.shape[1])
    )
    values = []
    for column in columns:
        hits, alarms, objects = counts.of(column)
        weight = rule.target**2 if rule.rule == "f_beta" else 0.0
        if objects and rule.rule == "f_beta":
            values.append((1 + weight) * hits / (weight * objects + hits + alarms))
        elif objects:
            values.append(hits / objects)
    return float(np.mean(values))
