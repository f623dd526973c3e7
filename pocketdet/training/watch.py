"""Scores and shows the net while it trains, on a fixed part of the validation subset."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.detector.decode import Detections, OperatingPoint, candidates, detections
from pocketdet.detector.spec import NetSpec
from pocketdet.inputs.batches import Batch, Batches
from pocketdet.preprocess import Preprocessing
from pocketdet.report.pictures import class_marks, contact_sheet, draw
from pocketdet.scoring import coco

SCORING = OperatingPoint(score_min=0.01, nms_iou=0.6, max_detections=100)
SHOWN = 8  # pictures of the sheet
SHOWN_MIN = 0.3  # score of the boxes on it
CELL_WH = (400, 400)  # px, at most, of one picture there

Outputs = Mapping[str, npt.NDArray[np.floating]]


class Watch:
    """What the net finds in some pictures of the validation subset, the same every time."""

    def __init__(self, spec: NetSpec, val: Batches, images: int) -> None:
        """Choose the pictures.

        Args:
            spec: The net.
            val: The subset, plain.
            images: How many, spread evenly over the subset; all if it has no more.
        """
        count = min(images, len(val))
        self._spec = spec
        self._rule = Preprocessing(spec.input_wh, "stretch")  # the shards are at the input's size
        self._chosen = frozenset(np.linspace(0, len(val) - 1, count).round().astype(int).tolist())
        self._pictures: dict[str, npt.NDArray[np.uint8]] = {}
        self._truth: dict[str, Image] = {}
        self._found: dict[str, Detections] = {}

    def add(self, first: int, batch: Batch, outputs: Outputs) -> None:
        """Look at those pictures of a batch that are chosen.

        Args:
            first: Number of its first picture in the subset.
            batch: As `Batches` makes them.
            outputs: The net's maps for it, (B, h, w, channels) by name.
        """
        for i in range(len(batch.images)):
            if first + i not in self._chosen:
                continue
            name = f"{first + i:06}"
            boxes, scores = candidates({n: maps[i] for n, maps in outputs.items()}, self._spec)
            size = self._spec.input_wh
            self._found[name] = detections(boxes, scores, self._rule, size, SCORING)
            if name not in self._truth:
                self._truth[name] = Image(name, size, self._boxes(batch, i))
                if len(self._pictures) < SHOWN:
                    self._pictures[name] = batch.images[i]

    def ap(self) -> tuple[float | None, float | None]:
        """AP and AP50, 0..1, of what was last added; None without an object."""
        images = tuple(image for name, image in sorted(self._truth.items()))
        overall = coco.score(Dataset(self._spec.classes, images), self._found).overall
        return overall["AP"], overall["AP50"]

    def sheet(self) -> PIL.Image:
        """The first pictures with what was last found in them."""
        cells = []
        for name, rgb in self._pictures.items():
            found = self._found[name]
            sure = found.scores >= SHOWN_MIN
            shown = Detections(found.boxes_xyxy[sure], found.scores[sure], found.labels[sure])
            cells.append((draw(rgb, class_marks(shown, self._spec.classes), CELL_WH), name))
        return contact_sheet(cells, SHOWN // 2, cells[0][0].size)

    def _boxes(self, batch: Batch, i: int) -> tuple[Box, ...]:
        rows = zip(batch.boxes_xyxy[i], batch.labels[i], batch.ignore[i], strict=True)
        return tuple(
            Box(
                DONT_CARE if label < 0 else self._spec.classes[label],
                tuple(xyxy.tolist()),
                "ignored in training" if ignore else "",
            )
            for xyxy, label, ignore in rows
            if label >= 0 or ignore
        )
