"""From params and the training data to the specification of a net."""

import numpy as np
import numpy.typing as npt

from pocketdet.config import Design
from pocketdet.dataset import Dataset
from pocketdet.detector.anchors import kmeans_anchors
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import DatasetError
from pocketdet.preprocess import Preprocessing


def specify(design: Design, training: Dataset, seed: int) -> NetSpec:
    """The net that params describe; with an SSDLite head anchor shapes fit the training boxes.

    Args:
        design: The section of params.yaml.
        training: The training subset; its classes become the net's.
        seed: Of k-means' first guess.

    Raises:
        DatasetError: The subset has no object that counts.
    """
    shapes = sizes_at_input(training, Preprocessing(design.input_wh, design.resize))
    if len(shapes) == 0:
        raise DatasetError(
            f"design: expected an object that counts in the training subset, found none in "
            f"{len(training)} pictures; look at reports/validate and reports/split"
        )
    if design.head == "ssdlite":
        levels = kmeans_anchors(shapes, design.strides, design.anchors_per_level, seed)
    else:
        levels = tuple(Level(stride, ()) for stride in design.strides)
    return NetSpec(
        backbone=design.backbone,
        width=design.width,
        weights=design.weights,
        neck_channels=design.neck_channels,
        head_blocks=design.head_blocks,
        input_wh=design.input_wh,
        classes=training.classes,
        levels=levels,
        head=design.head,
        truncate_after=design.truncate_after,
    )


def sizes_at_input(dataset: Dataset, rule: Preprocessing) -> npt.NDArray[np.float64]:
    """Sizes at the net's input of the objects that count, (N, 2) px."""
    rows = [
        (x2 - x1, y2 - y1, *image.size_wh)
        for image in dataset
        for x1, y1, x2, y2 in (box.xyxy for box in image.boxes if not box.ignore)
    ]
    sizes, photos = np.split(np.array(rows, np.float64).reshape(-1, 4), 2, axis=1)
    return sizes / photos * rule.sides(photos)
