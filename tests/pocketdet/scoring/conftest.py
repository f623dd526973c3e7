from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pocketdet.boxes import intersections
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections

Scene = tuple[Dataset, dict[str, Detections]]


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Scene]:
    """Random pictures on a coarse grid, where equal overlaps and IoUs of just 0.5 are common."""

    def make(
        seed: int, images: int = 40, ignored: float = 0.2, classes: int = 3, grid: int = 4
    ) -> Scene:
        rng = np.random.default_rng(seed)
        names = tuple("abcdefgh"[:classes])
        pictures, found = [], {}
        for number in range(images):
            n = int(rng.integers(0, 9))
            low = rng.integers(0, 12, (n, 2)) * grid
            boxes = np.concatenate([low, low + rng.integers(2, 30, (n, 2)) * grid], 1).astype(float)
            labels = rng.integers(0, classes, n)
            out = rng.random(n) < ignored
            reasons = np.where(out, np.where(rng.random(n) < 0.3, "DontCare", "iscrowd"), "")
            path = f"{number:03d}.jpg"
            objects = tuple(
                Box("DontCare" if reason == "DontCare" else names[k], tuple(box), str(reason))
                for box, k, reason in zip(boxes.tolist(), labels, reasons, strict=True)
            )
            pictures.append(Image(path, (200, 200), objects))

            again = rng.integers(0, max(n, 1), 2 * n)
            moved = boxes[again] + rng.integers(-2, 3, (len(again), 4)) * grid
            rest_low = rng.integers(0, 30, (4, 2)) * grid
            rest = np.concatenate([rest_low, rest_low + rng.integers(2, 12, (4, 2)) * grid], 1)
            corners = np.concatenate([moved, rest])
            corners[:, 2:] = np.maximum(corners[:, 2:], corners[:, :2])
            label = np.concatenate([labels[again], rng.integers(0, classes, 4)])
            mistaken = rng.random(len(label)) < 0.15
            label = np.where(mistaken, rng.integers(0, classes, len(label)), label)
            score = np.sort(rng.random(len(label)))[::-1]
            found[path] = Detections(
                corners.astype(np.float32), score.astype(np.float32), label.astype(np.int64)
            )
        return Dataset(names, tuple(pictures)), found

    return make


@pytest.fixture(scope="session")
def region_scene(make_scene) -> Callable[..., tuple[Dataset, Dataset, dict[str, Detections]]]:
    """A scene without and with one more ignored box, which lies near some detection."""

    def make(seed: int, label: str, reason: str, apart: bool = False, **scene: float):
        dataset, found = make_scene(seed, **scene)
        rng = np.random.default_rng(seed)
        first, *rest = dataset.images
        region = rng.choice(found[first.path].boxes_xyxy) + 4.0 * rng.integers(-2, 3, 4)
        region[2:] = np.maximum(region[2:], region[:2] + 4)
        boxes = first.boxes
        if apart:  # what it touches was not annotated
            boxes = [b for b in boxes if not intersections(np.array([b.xyxy]), region[None]).any()]
        boxes = tuple(boxes)
        there = (Box(label, tuple(region.tolist()), reason), *boxes)
        without, with_it = (
            replace(dataset, images=(replace(first, boxes=b), *rest)) for b in (boxes, there)
        )
        return without, with_it, found

    return make


@pytest.fixture(scope="session")
def repeated() -> Callable[..., Scene]:
    """A scene whose pictures appear as often as told, under new names."""

    def repeat(dataset: Dataset, found: dict[str, Detections], times: np.ndarray) -> Scene:
        pictures, given = [], {}
        for image, n in zip(dataset, times.tolist(), strict=True):
            for copy in range(n):
                path = f"{copy}_{image.path}"
                pictures.append(replace(image, path=path))
                given[path] = found[image.path]
        return Dataset(dataset.classes, tuple(pictures)), given

    return repeat
