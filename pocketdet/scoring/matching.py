"""Which detection is which object: one picture, one IoU threshold, COCO's rule.

Best score first, each detection takes the free object of its class that it overlaps most, if that
is at least the threshold. One that finds none but lies in an ignored box (intersection over the
detection's own area) is ignored; every other is a false alarm. An object that nobody took is a
miss. As better scores choose first, raising the score threshold changes no verdict above it.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pocketdet.boxes import areas, intersections, ious
from pocketdet.dataset import DONT_CARE, Image
from pocketdet.detector.decode import Detections

Verdict = Literal["hit", "false alarm", "ignored"]


@dataclass(frozen=True)
class Matches:
    """What became of every detection and every object of one picture.

    Attributes:
        verdicts: Of each detection, in its order.
        overlaps: Of each detection, its IoU with the object that it took; for the others, with the
            counting object of its class that it overlaps most (0 if there is none).
        takers: Of each box of the image, the detection that took it; -1 for a miss or an ignored.
    """

    verdicts: tuple[Verdict, ...]
    overlaps: tuple[float, ...]
    takers: tuple[int, ...]


def match(image: Image, found: Detections, classes: tuple[str, ...], iou_min: float) -> Matches:
    """Match the detections of one picture, best score first as `Detections` orders them.

    Args:
        image: The ground truth.
        found: Detections in the same pixels.
        classes: Names of the class numbers.
        iou_min: Overlap from which a detection is a hit, 0..1.
    """
    truth = np.asarray([box.xyxy for box in image.boxes], dtype=np.float64).reshape(-1, 4)
    counts = np.asarray([not box.ignore for box in image.boxes], dtype=bool)
    boxes = found.boxes_xyxy.astype(np.float64)
    overlap = ious(boxes, truth)
    inside = intersections(boxes, truth) / np.maximum(areas(boxes), 1e-12)[:, None]
    iou_min = min(iou_min, 1 - 1e-10)

    verdicts: list[Verdict] = []
    overlaps: list[float] = []
    takers = np.full(len(image.boxes), -1)
    for d, label in enumerate(found.labels.tolist()):
        same = np.asarray([box.label == classes[label] for box in image.boxes], dtype=bool)
        anyone = np.asarray([box.label == DONT_CARE for box in image.boxes], dtype=bool)
        verdict: Verdict = "false alarm"
        reached = overlap[d][same & counts].max(initial=0)
        if (free := same & counts & (takers < 0) & (overlap[d] >= iou_min)).any():
            # Of equal overlaps the last, as in pycocotools.
            reached = overlap[d][free].max()
            takers[np.flatnonzero(free & (overlap[d] == reached))[-1]] = d
            verdict = "hit"
        elif ((same | anyone) & ~counts & (inside[d] >= iou_min)).any():
            verdict = "ignored"
        verdicts.append(verdict)
        overlaps.append(float(reached))
    return Matches(tuple(verdicts), tuple(overlaps), tuple(takers.tolist()))
