"""Batches for training as a pure function of (seed, epoch, step).

Nothing is remembered between batches, so a run that was killed carries on in the middle of an
epoch with the very pictures that the undisturbed run would have seen.

An epoch shows every photo once, or as often as `pocketdet.inputs.sampling` weighs it, in a new
order, each in a random variant of the shards. What is drawn anew each time: mosaic, a small zoom
and shift, flip, colour.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pocketdet.config import Augment, Balance
from pocketdet.dataset import PADDING
from pocketdet.inputs import sampling
from pocketdet.inputs.augment import (
    Floats,
    Objects,
    Picture,
    draw_fill,
    draw_jitter,
    draw_tiles,
    recolour,
    render,
)
from pocketdet.inputs.shards import Shards
from pocketdet.parallel import in_order

MOSAIC_BOXES = 64  # a fuller mosaic is not made, unless single pictures are as full
AHEAD = 4  # batches made before they are asked for

# Streams of random numbers that must not coincide: the first word of their seeds.
_ORDER, _PICTURES = 1, 2


class Batch(NamedTuple):
    """B pictures and their boxes, at most M each.

    Attributes:
        images: (B, H, W, 3) uint8 RGB.
        boxes_xyxy: (B, M, 4) float32, input px; 0 where there is no box.
        labels: (B, M) int32, class number; -1 = no box; -2 = ignore, whatever the class.
        ignore: (B, M) bool, neither rewarded nor punished.
    """

    images: Picture
    boxes_xyxy: Floats
    labels: npt.NDArray[np.int32]
    ignore: npt.NDArray[np.bool_]


class Batches:
    """The batches of one subset.

    With a recipe every batch is full and the last one of an epoch is filled up from its beginning;
    without, pictures come plain, in fixed order, and the last batch is as small as it is.
    """

    def __init__(
        self,
        shards: Path,
        subset: str,
        recipe: Augment | None,
        batch: int,
        seed: int,
        balance: Balance = "none",
    ) -> None:
        """Open the shards of a subset.

        Args:
            shards: Folder that `pocketdet.inputs.shards.write` filled.
            subset: Name of the subset.
            recipe: What is drawn anew in every epoch; None = plain pictures, for validation.
            batch: Pictures a batch.
            seed: Of the order and of everything drawn.
            balance: What is shown more often, see `pocketdet.inputs.sampling`.

        Raises:
            DatasetError: The shards are missing or damaged.
        """
        import cv2

        cv2.setNumThreads(1)  # one picture is too small to share; the threads are ours
        self._shards = Shards.open(shards / subset)
        self._recipe = recipe
        self._batch = batch
        self._seed = seed
        self._weights = None
        if balance != "none":
            sources = [path.partition("/")[0] for path in self._shards.images]
            self._weights = sampling.weights(self._shards.classes, sources, balance)
        rgb, _ = self._shards.picture(0, 0)
        self._size_wh = (rgb.shape[1], rgb.shape[0])

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._shards)

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self._shards) // self._batch)

    @property
    def objects(self) -> Counter[int]:
        """Objects of each class that count, in all variants of the pictures."""
        return self._shards.objects

    @property
    def max_boxes(self) -> int:
        """M, the same for every batch: the fullest picture's boxes, with room for mosaics."""
        room = MOSAIC_BOXES if self._recipe and self._recipe.mosaic else 1
        return max(self._shards.most_boxes, room)

    def names(self, epoch: int, step: int) -> list[str]:
        """Paths of the photos of a batch (of a mosaic: of its first)."""
        return [self._shards.images[i] for i in self._numbers(epoch, step)]

    def batch(self, epoch: int, step: int, mosaic: bool = True) -> Batch:
        """One batch.

        Args:
            epoch: From 0.
            step: From 0, below `steps`.
            mosaic: Whether to make mosaics at all; the last epochs are better without.
        """
        return self._stack(self._drawn(epoch, step, mosaic))

    def pairs(
        self, epoch: int, step: int
    ) -> list[tuple[str, tuple[Picture, Objects], tuple[Picture, Objects]]]:
        """A batch to look at: name, plain picture and drawn picture of each photo."""
        drawn = self._drawn(epoch, step, mosaic=True)
        names = self.names(epoch, step)
        plain = [self._shards.picture(i, 0) for i in self._numbers(epoch, step)]
        return list(zip(names, plain, drawn, strict=True))

    def prefetch(self, epoch: int, mosaic: bool = True) -> Iterator[Batch]:
        """The batches of an epoch, made ahead on a thread."""
        return in_order(lambda step: self.batch(epoch, step, mosaic), range(self.steps), 1, AHEAD)

    def _numbers(self, epoch: int, step: int) -> list[int]:
        n = len(self._shards)
        places = range(step * self._batch, (step + 1) * self._batch)
        if self._recipe is None:
            return [i for i in places if i < n]
        order = sampling.order(self._weights, n, np.random.default_rng((_ORDER, self._seed, epoch)))
        return [int(order[i % n]) for i in places]

    def _drawn(self, epoch: int, step: int, mosaic: bool) -> list[tuple[Picture, Objects]]:
        numbers = self._numbers(epoch, step)
        if self._recipe is None:
            return [self._shards.picture(i, 0) for i in numbers]
        rng = np.random.default_rng((_PICTURES, self._seed, epoch, step))
        return [self._draw(i, self._recipe, mosaic, rng) for i in numbers]

    def _draw(
        self, image: int, recipe: Augment, mosaic: bool, rng: np.random.Generator
    ) -> tuple[Picture, Objects]:
        """A photo as training sees it this time."""
        four = mosaic and rng.random() < recipe.mosaic
        drawn = self._mosaic(image, recipe, rng) if four else None
        rgb, objects = drawn or self._single(image, recipe, rng)
        return recolour(rgb, recipe, rng), objects

    def _single(
        self, image: int, recipe: Augment, rng: np.random.Generator
    ) -> tuple[Picture, Objects]:
        """One variant, slightly moved."""
        rgb, objects = self._variant(image, rng)
        size = self._size_wh
        view = draw_jitter(recipe, size, rng)
        fill = draw_fill(rgb, rng)
        moved = objects.seen(view, size, size, recipe.min_visible)
        return render(rgb, view, size, fill), moved

    def _mosaic(
        self, image: int, recipe: Augment, rng: np.random.Generator
    ) -> tuple[Picture, Objects] | None:
        """The photo and three others in one picture; None if that has too many boxes."""
        w, h = self._size_wh
        canvas = np.empty((h, w, 3), np.uint8)
        parts = []
        numbers = [image, *rng.integers(0, len(self), 3).tolist()]
        for number, (place, view) in zip(numbers, draw_tiles((w, h), recipe, rng), strict=True):
            rgb, objects = self._variant(number, rng)
            x1, y1, x2, y2 = place
            tile_wh = (x2 - x1, y2 - y1)
            canvas[y1:y2, x1:x2] = render(rgb, view, tile_wh, (0, 0, 0))
            parts.append(objects.seen(view, (w, h), tile_wh, recipe.min_visible).shifted(x1, y1))
        if sum(map(len, parts)) > self.max_boxes:
            return None
        return canvas, Objects.joined(parts)

    def _variant(self, image: int, rng: np.random.Generator) -> tuple[Picture, Objects]:
        return self._shards.picture(image, int(rng.integers(self._shards.variants)))

    def _stack(self, drawn: list[tuple[Picture, Objects]]) -> Batch:
        size = (len(drawn), self.max_boxes)
        boxes = np.zeros((*size, 4), np.float32)
        labels = np.full(size, PADDING, np.int32)
        ignore = np.zeros(size, bool)
        for i, (_, objects) in enumerate(drawn):
            n = len(objects)
            boxes[i, :n] = objects.boxes_xyxy
            labels[i, :n] = objects.labels
            ignore[i, :n] = objects.ignore
        return Batch(np.stack([rgb for rgb, _ in drawn]), boxes, labels, ignore)
