"""Average precision by COCO's protocol, through pycocotools: twelve numbers, in all and per class.

What is ignored (a box whose `ignore` is not empty) enters as COCO's iscrowd: detections that lie
in it by the IoU threshold or more, measured as intersection over the detection's own area, count
neither as hits nor as false alarms, and it may absorb any number of them. "DontCare" absorbs
detections of every class.

pycocotools writes -1 where a number has no object to be about. Here such a number is None, with its
reason in `Scores.undefined`; a class that has objects but no detection scores 0, which is true.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.boxes import xyxy_to_xywh
from pocketdet.dataset import DONT_CARE, Dataset
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError

# Number -> (array, IoU threshold or all, size of objects, detections an image): COCOeval.summarize.
NUMBERS: dict[str, tuple[str, float | None, str, int]] = {
    "AP": ("precision", None, "all", 100),
    "AP50": ("precision", 0.5, "all", 100),
    "AP75": ("precision", 0.75, "all", 100),
    "AP_small": ("precision", None, "small", 100),
    "AP_medium": ("precision", None, "medium", 100),
    "AP_large": ("precision", None, "large", 100),
    "AR1": ("recall", None, "all", 1),
    "AR10": ("recall", None, "all", 10),
    "AR100": ("recall", None, "all", 100),
    "AR_small": ("recall", None, "small", 100),
    "AR_medium": ("recall", None, "medium", 100),
    "AR_large": ("recall", None, "large", 100),
}


@dataclass(frozen=True)
class Scores:
    """The twelve numbers, 0..1 each, or None where they have nothing to be about.

    Attributes:
        overall: Number -> value, mean over the classes that have objects.
        per_class: Class -> number -> value.
        undefined: Number, or "class number" -> why it is None.
    """

    overall: Mapping[str, float | None]
    per_class: Mapping[str, Mapping[str, float | None]]
    undefined: Mapping[str, str]


def score(dataset: Dataset, found: Mapping[str, Detections]) -> Scores:
    """Score detections against a data set.

    Args:
        dataset: Ground truth; boxes of other labels than its classes must be ignored ones.
        found: Image path -> its detections, for every image of the data set; labels are numbers
            of `dataset.classes`.

    Raises:
        DatasetError: There is no image, detections are missing for one or given for an unknown one,
            or a detection has an unknown class, a score that is no number or a reversed box.
    """
    check(dataset, found)
    return score_coco(ground_truth(dataset), results(dataset, found))


def check(dataset: Dataset, found: Mapping[str, Detections]) -> None:
    """Refuse detections that do not belong to the data set or are no detections.

    Raises:
        DatasetError: As `score` says; names the first image and what is wrong.
    """
    if not dataset.images:
        raise DatasetError("nothing to score: the subset holds no image")
    known = {image.path for image in dataset}
    for path in sorted(found.keys() - known):
        raise DatasetError(f"{path}: has detections but is not in the subset scored")
    for path in sorted(known - found.keys()):
        raise DatasetError(
            f"{path}: no detections given; for a picture without any give an empty list"
        )
    for path, detections in found.items():
        boxes, scores, labels = detections.boxes_xyxy, detections.scores, detections.labels
        if not np.isfinite(scores).all() or not np.isfinite(boxes).all():
            raise DatasetError(f"{path}: a detection's score or box is not a finite number")
        if (boxes[:, 2:] < boxes[:, :2]).any():
            raise DatasetError(f"{path}: a detection's box is reversed: x1 > x2 or y1 > y2")
        if ((labels < 0) | (labels >= len(dataset.classes))).any():
            raise DatasetError(
                f"{path}: a detection of class {labels.max()}, "
                f"expected numbers 0 to {len(dataset.classes) - 1}"
            )


def ground_truth(dataset: Dataset) -> dict[str, Any]:
    """The data set as COCO's ground truth; category and image numbers start at 1.

    Raises:
        DatasetError: A box that counts is of no class of the data set.
    """
    numbers = {name: k + 1 for k, name in enumerate(dataset.classes)}
    annotations: list[dict[str, Any]] = []
    for image_id, image in enumerate(dataset, start=1):
        for box in image.boxes:
            if box.label not in numbers and not (box.label == DONT_CARE and box.ignore):
                raise DatasetError(
                    f"{image.path}: a box of class {box.label!r}, expected one of "
                    f"{', '.join(dataset.classes)}, or an ignored {DONT_CARE}"
                )
            for category in [numbers[box.label]] if box.label in numbers else numbers.values():
                annotations.append(
                    {
                        "id": len(annotations) + 1,  # 0 would read as "no match" in pycocotools
                        "image_id": image_id,
                        "category_id": category,
                        "bbox": xyxy_to_xywh(np.asarray(box.xyxy)).tolist(),
                        "area": box.area,
                        "iscrowd": int(bool(box.ignore)),
                    }
                )
    return {
        "images": [
            {
                "id": i,
                "file_name": image.path,
                "width": image.size_wh[0],
                "height": image.size_wh[1],
            }
            for i, image in enumerate(dataset, start=1)
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        "annotations": annotations,
    }


def results(dataset: Dataset, found: Mapping[str, Detections]) -> list[dict[str, Any]]:
    """Detections in COCO's result format, numbered as in `ground_truth`, with the image's path."""
    rows = []
    for image_id, image in enumerate(dataset, start=1):
        detections = found[image.path]
        boxes_xywh = xyxy_to_xywh(detections.boxes_xyxy.astype(np.float64)).tolist()
        for box, value, label in zip(
            boxes_xywh, detections.scores.tolist(), detections.labels.tolist(), strict=True
        ):
            rows.append(
                {
                    "image_id": image_id,
                    "file_name": image.path,
                    "category_id": label + 1,
                    "bbox": box,
                    "score": value,
                }
            )
    return rows


def score_coco(truth: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Scores:
    """Score COCO results against COCO ground truth, as its files hold them.

    Args:
        truth: "images", "annotations" and "categories".
        found: Rows of image_id, category_id, bbox (x, y, width, height) and score.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress and its table
        reference = COCO()
        reference.dataset = dict(truth)
        reference.createIndex()
        guess = COCO()
        guess.dataset = {
            "images": truth["images"],
            "categories": truth["categories"],
            # What COCO.loadRes adds; done here because it refuses an empty list.
            "annotations": [
                {**row, "id": i, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
                for i, row in enumerate(found, start=1)
            ],
        }
        guess.createIndex()
        run = COCOeval(reference, guess, "bbox")
        run.evaluate()
        run.accumulate()

    names = {c["id"]: c["name"] for c in truth["categories"]}
    classes = [names[number] for number in run.params.catIds]
    undefined: dict[str, str] = {}
    overall = _numbers(run, slice(None), "", undefined)
    per_class = {
        name: _numbers(run, slice(k, k + 1), f"{name} ", undefined)
        for k, name in enumerate(classes)
    }
    return Scores(overall, per_class, undefined)


def _numbers(
    run: Any, classes: slice, prefix: str, undefined: dict[str, str]
) -> dict[str, float | None]:
    """The twelve numbers over some classes; notes in `undefined` why one is None."""
    values: dict[str, float | None] = {}
    for number, (kind, iou, size, limit) in NUMBERS.items():
        # precision: (IoU, recall, class, size, limit); recall: (IoU, class, size, limit)
        cells: npt.NDArray[np.float64] = run.eval[kind][
            ..., classes, run.params.areaRngLbl.index(size), run.params.maxDets.index(limit)
        ]
        if iou is not None:
            cells = cells[np.isclose(run.params.iouThrs, iou)]
        cells = cells[cells > -1]
        values[number] = float(cells.mean()) if cells.size else None
        if not cells.size:
            what = "object" if size == "all" else f"{size} object"
            undefined[prefix + number] = f"no {what} in the ground truth"
    return values
