"""How far a converted file's results are from those of the trained net, picture by picture."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pocketdet.boxes import areas, ious
from pocketdet.detector.decode import Detections, Floats
from pocketdet.errors import ExportError

IOU_SAME = 0.5  # two boxes of a class that overlap this much are taken for the same detection


@dataclass(frozen=True)
class Agreement:
    """A file's differences from the net over some pictures.

    A detection counts if its score reaches the operating point in one of the two; its counterpart
    may have any score, so that one that slips just below the threshold is a difference in score and
    not a lost box.

    Attributes:
        images: How many pictures.
        tensor_max: Largest absolute difference of an output value; None where the file gives
            boxes only.
        tensor_mean: Mean absolute difference.
        boxes: Detections of the net.
        missing: Those without a counterpart in the file.
        extra: Detections of the file without a counterpart in the net.
        iou_min: Smallest overlap of a pair, or None without a pair.
        iou_mean: Mean overlap.
        score_max: Largest difference in score of a pair.
    """

    images: int
    tensor_max: float | None
    tensor_mean: float | None
    boxes: int
    missing: int
    extra: int
    iou_min: float | None
    iou_mean: float | None
    score_max: float | None

    @property
    def lost(self) -> float:
        """Missing and extra boxes as a share of the net's."""
        return (self.missing + self.extra) / max(self.boxes, 1)


class Comparison:
    """Adds up the differences of one file from the net."""

    def __init__(self, score_min: float) -> None:
        """Start with no picture.

        Args:
            score_min: Of the operating point, 0..1.
        """
        self.score_min = score_min
        self._images = self._boxes = self._missing = self._extra = self._values = 0
        self._largest, self._sum = 0.0, 0.0
        self._overlaps: list[float] = []
        self._scores: list[float] = []

    def add(
        self,
        net: Mapping[str, Floats] | None,
        file: Mapping[str, Floats],
        net_found: Detections,
        file_found: Detections,
    ) -> None:
        """Add one picture.

        Args:
            net: Outputs of the net, by name; None where tensors cannot be compared.
            file: Outputs of the file, of the same names and shapes.
            net_found: Detections of the net, from a score well below the operating point on.
            file_found: Detections of the file, likewise.

        Raises:
            ExportError: Names or shapes differ.
        """
        if net is None:
            net = file = {}
        shapes = [{name: value.shape for name, value in outputs.items()} for outputs in (net, file)]
        if shapes[0] != shapes[1]:
            raise ExportError(f"outputs differ: the net gives {shapes[0]}, the file {shapes[1]}")
        self._images += 1
        for name, value in net.items():
            difference = np.abs(value.astype(np.float64) - file[name])
            self._values += difference.size
            self._sum += float(difference.sum())
            # maximum, unlike max, lets a NaN through.
            self._largest = float(np.maximum(self._largest, difference.max(initial=0)))
        for n, f in _pairs(net_found, file_found):
            a = n is not None and bool(net_found.scores[n] >= self.score_min)
            b = f is not None and bool(file_found.scores[f] >= self.score_min)
            self._boxes += a
            if n is None:
                self._extra += b
            elif f is None:
                self._missing += a
            elif a or b:
                pair = net_found.boxes_xyxy[[n]], file_found.boxes_xyxy[[f]]
                self._overlaps.append(float(ious(*pair)[0, 0]))
                self._scores.append(abs(float(net_found.scores[n] - file_found.scores[f])))

    def agreement(self) -> Agreement:
        """The differences so far."""
        return Agreement(
            self._images,
            self._largest if self._values else None,
            self._sum / self._values if self._values else None,
            self._boxes,
            self._missing,
            self._extra,
            min(self._overlaps, default=None),
            float(np.mean(self._overlaps)) if self._overlaps else None,
            max(self._scores, default=None),
        )


def _pairs(a: Detections, b: Detections) -> list[tuple[int | None, int | None]]:
    """Indices of the same detection in both, largest overlap first; None where it has no match.

    A box that lies outside of the picture is cut to nothing; it overlaps nothing and is left out.
    """
    overlap = ious(a.boxes_xyxy, b.boxes_xyxy)
    overlap[a.labels[:, None] != b.labels[None, :]] = 0
    free_a, free_b = (set(np.flatnonzero(areas(d.boxes_xyxy) > 0).tolist()) for d in (a, b))
    pairs: list[tuple[int | None, int | None]] = []
    for flat in np.argsort(-overlap, axis=None, kind="stable").tolist():
        i, j = divmod(flat, overlap.shape[1])
        if overlap[i, j] < IOU_SAME:
            break
        if i in free_a and j in free_b:
            pairs.append((i, j))
            free_a.discard(i)
            free_b.discard(j)
    return [*pairs, *((i, None) for i in sorted(free_a)), *((None, j) for j in sorted(free_b))]
