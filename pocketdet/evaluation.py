"""What evaluation needs from the disk: detections by any runtime, groups, brightness."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet import inference
from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.errors import DatasetError
from pocketdet.inference import Candidates
from pocketdet.preprocess import Preprocessing
from pocketdet.scoring.columns import Floats, Ints

PROGRESS_EVERY = 50  # pictures
SMALL_WH = (64, 64)  # px, at least: enough for a mean


def find(
    dataset: Dataset,
    raw: Path,
    runtime: Candidates,
    rule: Preprocessing,
    scoring: OperatingPoint,
    nms_ious: Iterable[float],
    progress: Callable[[str], None],
) -> dict[float, dict[str, Detections]]:
    """NMS IoU -> image path -> detections from the lowest score on.

    Args:
        dataset: The subset.
        raw: Folder that the images' paths are below.
        runtime: Runs the net on one input.
        rule: From a photo to the input.
        scoring: Lowest score and most detections a picture.
        nms_ious: NMS thresholds to try on the same candidates.
        progress: Called with a line of text now and then.

    Raises:
        DatasetError: A photo is missing, broken or of another size than the data set says.
    """
    points = [replace(scoring, nms_iou=each) for each in sorted(set(nms_ious))]
    found: dict[float, dict[str, Detections]] = {each.nms_iou: {} for each in points}
    for number, (path, sets) in enumerate(
        inference.find_all(dataset, raw, runtime, rule, points), start=1
    ):
        for point, detections in zip(points, sets, strict=True):
            found[point.nms_iou][path] = detections
        if number % PROGRESS_EVERY == 0 or number == len(dataset):
            progress(f"{number} of {len(dataset)} pictures")
    return found


def groups(file: Path, dataset: Dataset) -> Ints | None:
    """Group number of each picture, (I,), from a CSV of image,group; None without the file.

    Raises:
        DatasetError: A picture is not in the file.
    """
    if not file.exists():
        return None
    with file.open(newline="", encoding="utf-8") as stream:
        group_of: Mapping[str, str] = {r["image"]: r["group"] for r in csv.DictReader(stream)}
    lost = [image.path for image in dataset if image.path not in group_of]
    if lost:
        raise DatasetError(f"{file}: {lost[0]} has no group; run the split stage again")
    _, numbers = np.unique([group_of[image.path] for image in dataset], return_inverse=True)
    return numbers.astype(np.int64)


def brightness(dataset: Dataset, raw: Path) -> Floats:
    """Mean luma of each picture, (I,), 0..1 (ITU-R 601-2, as Pillow's "L")."""
    values = []
    for image in dataset:
        with PIL.open(raw / image.path) as photo:
            photo.draft("L", SMALL_WH)  # JPEG decodes an eighth of it
            values.append(float(np.asarray(photo.convert("L"), np.float64).mean()) / 255)
    return np.asarray(values)
