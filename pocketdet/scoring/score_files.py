"""Scores files of ground truth and detections by one of the protocols: `pocketdet score`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pocketdet.boxes import areas
from pocketdet.files import write_text
from pocketdet.scoring import coco, detections, ground_truth, kitti, voc
from pocketdet.scoring.columns import Found, Objects

Protocol = Literal["coco", "voc07", "voc10", "kitti"]
Numbers = Mapping[str, float | None]

NOT_PER_CLASS = frozenset({"AR1", "AR10", "AR_small", "AR_medium", "AR_large"})
"""Numbers left out of the printed table of classes, which would not fit 80 columns otherwise."""

VOC_RULES: dict[str, voc.Rule] = {"voc07": "11 points", "voc10": "all points"}


@dataclass(frozen=True)
class Report:
    """What a protocol says of a detection file.

    Attributes:
        protocol: Which.
        images: Pictures in the ground truth.
        objects: Objects that count; for KITTI those of its classes at the hard level.
        detections: Detections given, of any score.
        overall: Number -> mean over the classes, 0..1; None where it is undefined.
        per_class: Class -> number -> value.
        undefined: Number, or "class number" -> why it is None.
        notes: What a reader of the numbers should know of these files.
        curves: Class -> difficulty -> 41 precisions; KITTI only.
    """

    protocol: Protocol
    images: int
    objects: int
    detections: int
    overall: Numbers
    per_class: Mapping[str, Numbers]
    undefined: Mapping[str, str]
    notes: Sequence[str]
    curves: Mapping[str, Mapping[str, Sequence[float]]]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        write_text(path, text + "\n")

    @property
    def title(self) -> str:
        """What was scored, in a line."""
        return f"{self.images} pictures, {self.objects} objects, {self.detections} detections"

    def tables(self) -> Iterator[list[tuple[str, ...]]]:
        """Tables to print, their first row being headings; these wrap at spaces."""
        rows = [(number.replace("_", " "), _shown(v)) for number, v in self.overall.items()]
        yield [("number", "mean over classes"), *rows]
        columns = tuple(number for number in self.overall if number not in NOT_PER_CLASS)
        yield [
            ("class", *(column.replace("_", " ") for column in columns)),
            *(
                (name, *(_shown(numbers[column]) for column in columns))
                for name, numbers in sorted(self.per_class.items())
            ),
        ]


def score(protocol: Protocol, truth: Path, found: Path, classes: Sequence[str] = ()) -> Report:
    """Score a detection file, or a folder of them.

    Args:
        protocol: Its rules are in the docstring of the module that scores it.
        truth: Ground truth, see `pocketdet.scoring.ground_truth`.
        found: Detections, see `pocketdet.scoring.detections`.
        classes: For VOC: classes of which the ground truth may hold no object.

    Raises:
        DatasetError: A file is missing or a record of it is wrong.
    """
    if protocol == "coco":
        return _coco(truth, found)
    if protocol == "kitti":
        return _kitti(truth, found)
    return _voc(protocol, truth, found, classes)


def _coco(truth_path: Path, found_path: Path) -> Report:
    truth = ground_truth.coco(truth_path)
    found = detections.coco(found_path, truth)
    counting = [row for row in truth["annotations"] if not row["iscrowd"]]
    flat = [sum(row["bbox"][2] * row["bbox"][3] == 0 for row in r) for r in (counting, found)]
    notes = _notes(len(counting), len(found), *flat)
    flagged = sum(bool(row.get("ignore")) for row in counting)  # pycocotools overwrites the flag
    if flagged:
        notes.append(
            f"{flagged} objects are marked ignore, which COCO's protocol does not know: they count"
        )
    scores = coco.score_coco(truth, found)
    return Report(
        protocol="coco",
        images=len(truth["images"]),
        objects=len(counting),
        detections=len(found),
        overall=scores.overall,
        per_class=scores.per_class,
        undefined=scores.undefined,
        notes=notes,
        curves={},
    )


def _voc(protocol: Protocol, truth: Path, found_path: Path, classes: Sequence[str]) -> Report:
    objects = ground_truth.voc(truth, classes)
    found = detections.voc(found_path, objects)
    values = voc.average_precision(objects, found, voc.IOU_MIN, VOC_RULES[protocol])
    per_class = {name: {"AP50": value} for name, value in values.items()}
    counting = int(np.sum(~objects.ignored))
    return _report(protocol, objects, found, counting, ("AP50",), per_class)


def _kitti(truth: Path, found_path: Path) -> Report:
    objects = ground_truth.kitti(truth)
    found = detections.kitti(found_path, objects)
    curves = kitti.curves(objects, found)
    per_class = {
        name: {f"AP11_{level}": curve.ap11 for level, curve in levels.items()}
        | {f"AP40_{level}": curve.ap40 for level, curve in levels.items()}
        for name, levels in curves.items()
    }
    numbers = [f"{ap}_{level}" for ap in ("AP11", "AP40") for level in kitti.LEVELS]
    counting = sum(levels["hard"].objects for levels in curves.values())
    report = _report("kitti", objects, found, counting, numbers, per_class)
    return replace(
        report,
        notes=[*report.notes, *_kitti_notes(objects, found, curves)],
        curves={
            name: {level: curve.precision.tolist() for level, curve in levels.items()}
            for name, levels in curves.items()
        },
    )


def _report(
    protocol: Protocol,
    objects: Objects,
    found: Found,
    counting: int,
    numbers: Sequence[str],
    per_class: Mapping[str, Numbers],
) -> Report:
    """A report with the means over the classes, and why a number is undefined."""
    overall: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    for number in numbers:
        defined = []
        for name, values in per_class.items():
            if (value := values[number]) is None:
                undefined[f"{name} {number}"] = "no object in the ground truth"
            else:
                defined.append(value)
        overall[number] = float(np.mean(defined)) if defined else None
        if not defined:
            undefined[number] = "no object in the ground truth"
    flat = [
        int(np.sum(areas(boxes) == 0))
        for boxes in (objects.boxes_xyxy[~objects.ignored], found.boxes_xyxy)
    ]
    return Report(
        protocol=protocol,
        images=len(objects.images),
        objects=counting,
        detections=len(found),
        overall=overall,
        per_class=per_class,
        undefined=undefined,
        notes=_notes(counting, len(found), *flat),
        curves={},
    )


def _kitti_notes(
    objects: Objects, found: Found, curves: Mapping[str, Mapping[str, kitti.Curve]]
) -> Iterator[str]:
    scored = [objects.classes.index(name) for name in curves]
    others = int(np.sum(~np.isin(found.label, scored)))
    if others:
        yield (
            f"{others} detections are of classes that KITTI does not score; those too low for a "
            "level can still take an object away there, as in the devkit"
        )
    few = [
        f"{name} {level} ({curve.objects})"
        for name, levels in curves.items()
        for level, curve in levels.items()
        if 0 < curve.objects < kitti.POINTS
    ]
    if few:
        yield (
            f"fewer than {kitti.POINTS} objects, where KITTI's precision stays 0 at the points "
            f"that have no hit of their own, so that AP cannot reach 1: {', '.join(few)}"
        )


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _notes(objects: int, found: int, flat_objects: int, flat_found: int) -> list[str]:
    notes = []
    if not objects:
        notes.append("no object counts in the ground truth: there is nothing to score")
    if not found:
        notes.append("there is no detection")
    if flat_objects:
        notes.append(f"{flat_objects} objects without area count, and cannot be found")
    if flat_found:
        notes.append(f"{flat_found} detections without area are false alarms")
    return notes
