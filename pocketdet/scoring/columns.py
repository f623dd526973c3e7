"""A subset's objects and detections in columns: what the scorers of every protocol work on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import DONT_CARE, Dataset
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring.coco import check

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ANY_CLASS = -1
"""Label of a region to ignore for every class."""


@dataclass(frozen=True)
class Objects:
    """Ground truth, the objects of one picture beside each other and pictures in order.

    Attributes:
        images: Names of the pictures, also of those without objects.
        classes: Names of the class numbers.
        image: (G,) number of each object's picture, not falling.
        label: (G,) class number, or ANY_CLASS.
        boxes_xyxy: (G, 4) pixel edges.
        ignored: (G,) neither rewards nor punishes.
        sizes_wh: (I, 2) px, of the pictures; NaN where the format does not say.
        truncation: (G,) share outside the picture, -1 where unknown; used by KITTI's protocol.
        occlusion: (G,) KITTI's level, -1 where unknown; used by KITTI's protocol.
    """

    images: tuple[str, ...]
    classes: tuple[str, ...]
    image: Ints
    label: Ints
    boxes_xyxy: Floats
    ignored: Bools
    sizes_wh: Floats
    truncation: Floats
    occlusion: Ints

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.image)


@dataclass(frozen=True)
class Found:
    """Detections, by picture and, within one, best score first; equals as they were given.

    Attributes:
        image: (D,) number of each detection's picture in `Objects.images`, not falling.
        label: (D,) class number.
        boxes_xyxy: (D, 4) pixel edges.
        scores: (D,).
        given: (D,) place in which each was given: KITTI's protocol lets it decide.
    """

    image: Ints
    label: Ints
    boxes_xyxy: Floats
    scores: Floats
    given: Ints

    def __len__(self) -> int:
        """Number of detections."""
        return len(self.image)

    def take(self, which: Ints | Bools) -> "Found":
        """Some of the detections; their order must be kept."""
        return Found(
            self.image[which],
            self.label[which],
            self.boxes_xyxy[which],
            self.scores[which],
            self.given[which],
        )

    def best(self, limit: int) -> "Found":
        """The best `limit` detections of each class in each picture, as COCO's protocol counts."""
        order = np.lexsort((self.label, self.image))  # stable: best first within a group
        image, label = self.image[order], self.label[order]
        first = np.flatnonzero(np.diff(image, prepend=-1) | np.diff(label, prepend=-1))
        rank = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
        return self.take(np.sort(order[rank < limit]))


def sorted_found(image: Ints, label: Ints, boxes_xyxy: Floats, scores: Floats) -> Found:
    """Detections given in any order."""
    order = np.lexsort((-scores, image))
    given = np.arange(len(image))
    return Found(image, label, boxes_xyxy.reshape(-1, 4), scores, given).take(order)


def objects_of(dataset: Dataset) -> Objects:
    """The boxes of a data set.

    Raises:
        DatasetError: A box that counts is of no class of the data set.
    """
    numbers = {name: k for k, name in enumerate(dataset.classes)}
    rows = [(i, box) for i, image in enumerate(dataset) for box in image.boxes]
    for i, box in rows:
        if box.label not in numbers and not (box.label == DONT_CARE and box.ignore):
            raise DatasetError(
                f"{dataset.images[i].path}: a box of class {box.label!r}, expected one of "
                f"{', '.join(dataset.classes)}, or an ignored {DONT_CARE}"
            )
    return Objects(
        images=tuple(image.path for image in dataset),
        classes=dataset.classes,
        image=np.asarray([i for i, _ in rows], np.int64),
        label=np.asarray([numbers.get(box.label, ANY_CLASS) for _, box in rows], np.int64),
        boxes_xyxy=np.asarray([box.xyxy for _, box in rows], np.float64).reshape(-1, 4),
        ignored=np.asarray([bool(box.ignore) for _, box in rows], np.bool_),
        sizes_wh=np.asarray([image.size_wh for image in dataset], np.float64).reshape(-1, 2),
        truncation=np.asarray(
            [-1.0 if box.truncation is None else box.truncation for _, box in rows], np.float64
        ),
        occlusion=np.asarray(
            [-1 if box.occlusion is None else box.occlusion for _, box in rows], np.int64
        ),
    )


def found_of(dataset: Dataset, found: Mapping[str, Detections]) -> Found:
    """The detections of every image of a data set.

    Raises:
        DatasetError: As `pocketdet.scoring.coco.check` says.
    """
    check(dataset, found)
    given = [found[image.path] for image in dataset]
    return sorted_found(
        np.repeat(np.arange(len(given)), [len(d.scores) for d in given]),
        np.concatenate([d.labels for d in given]).astype(np.int64),
        np.concatenate([d.boxes_xyxy for d in given]).astype(np.float64),
        np.concatenate([d.scores for d in given]).astype(np.float64),
    )
