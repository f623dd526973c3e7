"""From photos to detections through any runtime: one way for evaluation, checks and `detect`."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections, Floats, OperatingPoint, detections
from pocketdet.errors import DatasetError
from pocketdet.preprocess import Preprocessing, load_rgb, to_input

# An input (H, W, 3) uint8 -> candidates: boxes_xyxy (A, 4) in input pixels, scores (A, classes).
Candidates = Callable[[npt.NDArray[np.uint8]], tuple[Floats, Floats]]


def find(
    rgb: npt.NDArray[np.uint8],
    runtime: Candidates,
    rule: Preprocessing,
    point: OperatingPoint,
) -> Detections:
    """The detections in one photo, in its own pixels.

    Args:
        rgb: The photo, (H, W, 3).
        runtime: Runs the net on one input.
        rule: From a photo to the input.
        point: What to report.
    """
    boxes, scores = runtime(to_input(rgb, rule))
    return detections(boxes, scores, rule, (rgb.shape[1], rgb.shape[0]), point)


def find_all(
    dataset: Dataset,
    root: Path,
    runtime: Candidates,
    rule: Preprocessing,
    points: Sequence[OperatingPoint],
) -> Iterator[tuple[str, tuple[Detections, ...]]]:
    """The detections in every image of a data set, in its order: (image path, one set a point).

    The net runs once a picture, however many points there are.

    Args:
        dataset: Images; their boxes are not looked at.
        root: Folder that the images' paths are below.
        runtime: Runs the net on one input.
        rule: From a photo to the input.
        points: What to report.

    Raises:
        DatasetError: A photo is missing, broken or of another size than the data set says.
    """
    for image in dataset:
        rgb = load_rgb(root / image.path)
        if (found_wh := (rgb.shape[1], rgb.shape[0])) != image.size_wh:
            raise DatasetError(
                f"{root / image.path}: expected {image.size_wh} px as its annotation says, "
                f"found {found_wh}; annotate the picture anew or restore it"
            )
        boxes, scores = runtime(to_input(rgb, rule))
        yield (
            image.path,
            tuple(detections(boxes, scores, rule, image.size_wh, point) for point in points),
        )
