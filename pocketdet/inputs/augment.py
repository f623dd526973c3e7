"""Augmentation: pictures move and change colour, and their boxes go with them.

albumentations does both. Ours is what is drawn, one axis-aligned `View` (zoom, stretch, shift,
flip) on whole pixels from a generator of its own; and what becomes of an object that leaves: mostly
gone, it is ignored, where libraries drop it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.boxes import areas, clip
from pocketdet.config import Augment
from pocketdet.preprocess import View

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

TILE_ZOOM = 0.5  # smallest, of a picture in its tile: objects stay large enough to learn
MIN_SIDE_PX = 2.0  # of the frame; of anything thinner a net sees no shape to learn
ALIASES = 0.7  # a picture that shrinks to less of its sides is averaged
TILE_CENTRE = (0.3, 0.7)  # where a mosaic's four tiles may meet, share of each side


@dataclass(frozen=True)
class Objects:
    """What is in a picture, N objects.

    Attributes:
        boxes_xyxy: (N, 4) float32, px of the picture.
        labels: (N,) int32, class numbers; -2 = any class (always ignored).
        ignore: (N,) bool, neither rewarded nor punished.
        visible: (N,) float32, share of the object's area in the photo that is still in view.
    """

    boxes_xyxy: Floats
    labels: npt.NDArray[np.int32]
    ignore: npt.NDArray[np.bool_]
    visible: Floats

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.labels)

    def seen(
        self, view: View, picture_wh: tuple[int, int], frame_wh: tuple[int, int], share: float
    ) -> "Objects":
        """The objects in a frame into which their picture goes by a view.

        Boxes are clipped to the frame. An object of whose area in the photo less than `share` is
        still in view, or that is thinner than MIN_SIDE_PX there, becomes ignore; one with nothing
        in view goes.
        """
        geometry, _ = _albumentations()
        matrix = view.matrix(picture_wh)
        whole = geometry.bboxes_affine_largest_box(self.boxes_xyxy, matrix)
        inside = clip(whole, frame_wh).astype(np.float32)
        visible = (self.visible * areas(inside) / np.maximum(areas(whole), 1e-9)).astype(np.float32)
        here = visible > 0
        thin = (inside[:, 2:] - inside[:, :2]).min(1, initial=MIN_SIDE_PX) < MIN_SIDE_PX
        ignore = self.ignore | (visible < share) | thin
        return Objects(inside[here], self.labels[here], ignore[here], visible[here])

    def shifted(self, x: float, y: float) -> "Objects":
        """The objects in a larger frame, of which theirs begins at (x, y)."""
        return replace(self, boxes_xyxy=self.boxes_xyxy + np.array([x, y, x, y], np.float32))

    @staticmethod
    def joined(parts: Sequence["Objects"]) -> "Objects":
        """All objects of several parts of one frame."""
        columns = zip(*((p.boxes_xyxy, p.labels, p.ignore, p.visible) for p in parts), strict=True)
        return Objects(*map(np.concatenate, columns))


def render(rgb: Picture, view: View, frame_wh: tuple[int, int], fill: Colour) -> Picture:
    """Draw a picture in a frame by a view on whole pixels: (h, w, 3) -> (frame_h, frame_w, 3).

    What shrinks much is averaged over areas, or it would alias.
    """
    import cv2

    geometry, _ = _albumentations()
    (x, y), (w, h) = (tuple(map(int, pair)) for pair in (view.corner_xy, view.size_wh))
    shrinks = min(w / rgb.shape[1], h / rgb.shape[0]) < ALIASES
    drawn = geometry.resize(rgb, (h, w), cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    if view.flip:
        drawn = geometry.hflip(drawn)
    if view.upside_down:
        drawn = geometry.vflip(drawn)
    right, bottom = frame_wh[0] - x - w, frame_wh[1] - y - h
    margins = (max(side, 0) for side in (y, bottom, x, right))
    drawn = geometry.pad_with_params(drawn, *margins, border_mode=cv2.BORDER_CONSTANT, value=fill)
    left, top = max(-x, 0), max(-y, 0)  # of the frame, in the padded picture
    return np.ascontiguousarray(drawn[top : top + frame_wh[1], left : left + frame_wh[0]])


def recolour(rgb: Picture, recipe: Augment, rng: np.random.Generator) -> Picture:
    """Another brightness, contrast, saturation and hue, sometimes grey.

    Args:
        rgb: (h, w, 3).
        recipe: The ranges.
        rng: Drawn from five times, whatever the recipe.
    """
    _, colour = _albumentations()
    ranges = [recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue]
    brightness, contrast, saturation, hue = rng.uniform(-1, 1, 4) * ranges
    if rng.random() < recipe.grey:
        saturation = -1.0
    changed: Picture = colour.adjust_hue_torchvision(rgb, hue)
    changed = colour.adjust_saturation_torchvision(changed, 1 + saturation)
    changed = colour.adjust_contrast_torchvision(changed, 1 + contrast)
    changed = colour.adjust_brightness_torchvision(changed, 1 + brightness)
    return changed


def _albumentations() -> tuple[Any, Any]:
    """The library's functions for geometry and for colour.

    Its transforms call these, and add 2 ms a picture of arguments, generators and checks.
    """
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or it asks the network for a newer one
    from albumentations.augmentations.geometric import functional as geometry
    from albumentations.augmentations.pixel import functional as colour

    return geometry, colour


def draw_fill(rgb: Picture, rng: np.random.Generator) -> Colour:
    """A colour for where a picture is not: its mean, or any, so that no colour means "outside"."""
    import cv2

    # 7 times as fast as numpy's mean
    colour = cv2.mean(rgb)[:3] if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    r, g, b = (round(float(value)) for value in colour)
    return r, g, b


def draw_view(
    recipe: Augment, plain: View, frame_wh: tuple[int, int], rng: np.random.Generator
) -> View:
    """A random view about the plain one, for the shards."""
    zoom = np.exp(rng.uniform(*np.log(recipe.scale)))
    aspect = np.sqrt(1 + rng.uniform(-recipe.aspect, recipe.aspect))
    sides = np.array(plain.size_wh) * zoom * [aspect, 1 / aspect]
    return _centred(sides, recipe.translate, frame_wh, recipe, rng)


def draw_jitter(recipe: Augment, frame_wh: tuple[int, int], rng: np.random.Generator) -> View:
    """A small random view for training: flip, zoom and shift by up to `recipe.jitter`."""
    sides = np.array(frame_wh) * (1 + rng.uniform(-recipe.jitter, recipe.jitter))
    return _centred(sides, recipe.jitter, frame_wh, recipe, rng)


def draw_tiles(
    frame_wh: tuple[int, int], recipe: Augment, rng: np.random.Generator
) -> list[tuple[tuple[int, int, int, int], View]]:
    """A random mosaic: four places in the frame, and the view of a picture within each.

    A picture is drawn at its own size or smaller, but large enough to cover its tile.

    Returns:
        Four times the place (left, top, right, bottom) in the frame, and the view in px of the
        place.
    """
    frame = np.array(frame_wh)
    cx, cy = np.rint(rng.uniform(*TILE_CENTRE, 2) * frame).astype(int).tolist()
    w, h = frame_wh
    tiles = []
    for place in ((0, 0, cx, cy), (cx, 0, w, cy), (0, cy, cx, h), (cx, cy, w, h)):
        tile = np.array([place[2] - place[0], place[3] - place[1]])
        sides = np.rint(frame * rng.uniform(max(TILE_ZOOM, *(tile / frame)), 1))
        corner = np.rint((tile - sides) * rng.random(2))
        tiles.append((place, View(_pair(corner), _pair(sides), *_draw_flips(recipe, rng))))
    return tiles


def _centred(
    sides: npt.NDArray[np.float64],
    translate: float,
    frame_wh: tuple[int, int],
    recipe: Augment,
    rng: np.random.Generator,
) -> View:
    """A picture with these sides, shifted from the middle, on whole pixels."""
    sides = np.maximum(np.rint(sides), 1)
    shift = rng.uniform(-translate, translate, 2) * frame_wh
    corner = np.rint((frame_wh - sides) / 2 + shift)
    return View(_pair(corner), _pair(sides), *_draw_flips(recipe, rng))


def _draw_flips(recipe: Augment, rng: np.random.Generator) -> tuple[bool, bool]:
    """Left to right, and top to bottom."""
    return bool(rng.random() < recipe.flip), bool(rng.random() < recipe.flip_vertical)


def _pair(values: npt.NDArray[np.floating]) -> tuple[float, float]:
    x, y = values.tolist()
    return x, y
