"""Paints a scene far to near, and measures what can be seen of every thing.

A pixel belongs to the last painted thing that covers at least half of it. Boxes, truncation and
occlusion all follow from that one rule.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageFilter

from pocketdet.sample.layer import Layer, Sprite
from pocketdet.sample.scene import Kind, Scene, Thing

Mask = npt.NDArray[np.bool_]
COVERED = 0.5  # share of a pixel, from which it belongs to a thing


@dataclass(frozen=True, slots=True)
class Shape:
    """The whole of a thing, as if nothing hid it and the picture were larger.

    Attributes:
        mask: (h, w), the pixels that it covers.
        left: Column of the picture where the mask begins; may be negative.
        top: Row of the picture where it begins.
    """

    mask: Mask
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A thing of a painted scene.

    Attributes:
        kind: What it is to the annotator.
        unit: See `scene.Thing`.
        activity: See `scene.Thing`.
        number: Its pixels in `Painting.owner`.
        shape: The whole of it; None of a prop, which is drawn only inside the picture.
    """

    kind: Kind
    unit: int
    activity: str
    number: int
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Painting:
    """A scene as pixels.

    Attributes:
        colour: (h, w, 3) float32, 0..255.
        owner: (h, w) int32, number of the thing that a pixel belongs to; 0 is the backdrop.
        things: All things, far ones first.
    """

    colour: npt.NDArray[np.float32]
    owner: npt.NDArray[np.int32]
    things: tuple[Seen, ...]


def paint(scene: Scene, rng: np.random.Generator) -> Painting:
    """Paint a scene; `rng` places the grain of the materials."""
    w, h = scene.camera.size_wh
    colour = scene.backdrop.colour.copy()
    owner = np.zeros((h, w), np.int32)
    seen = []
    for number, thing in enumerate(scene.things, 1):
        sprite = _draw(scene, thing, rng)
        _shadow(scene, colour, sprite, thing)
        picture, part = _overlap(sprite.alpha.shape, sprite.left, sprite.top, (h, w))
        alpha = sprite.alpha[part]
        sight = scene.backdrop.sight
        clear = np.float32(math.exp(-thing.z / sight.haze_m))
        haze = np.asarray(sight.haze, np.float32) * (1 - clear)
        colour[picture] *= (1 - alpha)[..., None]
        colour[picture] += sprite.colour[part] * clear + alpha[..., None] * haze
        owner[picture][alpha >= COVERED] = number
        whole = None
        if thing.kind != "prop":
            whole = Shape(sprite.alpha >= COVERED, sprite.left, sprite.top)
        seen.append(Seen(thing.kind, thing.unit, thing.activity, number, whole))
    return Painting(colour, owner, tuple(seen))


def union(shapes: Sequence[Shape]) -> Shape:
    """Several shapes as one."""
    left, top = min(s.left for s in shapes), min(s.top for s in shapes)
    right = max(s.left + s.mask.shape[1] for s in shapes)
    bottom = max(s.top + s.mask.shape[0] for s in shapes)
    mask = np.zeros((bottom - top, right - left), np.bool_)
    for s in shapes:
        h, w = s.mask.shape
        mask[s.top - top : s.top - top + h, s.left - left : s.left - left + w] |= s.mask
    return Shape(mask, left, top)


def inside(shape: Shape, size_wh: tuple[int, int]) -> int:
    """How many pixels of a shape lie in the picture."""
    _, part = _overlap(shape.mask.shape, shape.left, shape.top, (size_wh[1], size_wh[0]))
    return int(shape.mask[part].sum())


def _draw(scene: Scene, thing: Thing, rng: np.random.Generator) -> Sprite:
    foot, scale = scene.camera.foot(thing.x, thing.z), scene.camera.scale(thing.z)
    within = scene.camera.size_wh if thing.kind == "prop" else None
    layer = Layer(foot, scale, thing.extent, scene.backdrop.sight.light, within)
    thing.draw(layer)
    return layer.finish(rng, grain=thing.grain)


def _shadow(scene: Scene, colour: npt.NDArray[np.float32], sprite: Sprite, thing: Thing) -> None:
    """Darken the ground where the thing stands and where it keeps the sun off, in place."""
    backdrop, (w, h) = scene.backdrop, scene.camera.size_wh
    foot, scale = scene.camera.foot(thing.x, thing.z), scene.camera.scale(thing.z)
    tall, wide = sprite.alpha.shape
    long = max(int(tall * 0.3), 2)  # the shadow on the ground is seen at a low angle
    lean = -backdrop.sight.light * 0.9  # columns a row of the thing's height
    reach = int(abs(lean) * tall) + 2
    source = PIL.fromarray((sprite.alpha * 255).astype(np.uint8))
    base = foot[1] - sprite.top  # row of the sprite that touches the ground
    # Row r of the shadow, upwards from the foot, is the row of the thing at height r / 0.3.
    shrink = tall / long
    shadow = source.transform(
        (wide + 2 * reach, long),
        PIL.Transform.AFFINE,
        (1, lean * shrink, -reach - lean * base, 0, shrink, 0),
        PIL.Resampling.BILINEAR,
    ).filter(ImageFilter.BoxBlur(max(0.04 * scale, 1.0)))
    top = round(foot[1] - base / shrink)
    picture, part = _overlap((long, wide + 2 * reach), sprite.left - reach, top, (h, w))
    dark = np.asarray(shadow, np.float32)[part] * np.float32(backdrop.sun / 255)
    colour[picture] *= (1 - dark)[..., None]


def _overlap(
    shape: tuple[int, ...], left: int, top: int, size_hw: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a patch lies in the picture: slices of the picture, and the same of the patch."""
    y1, x1 = max(top, 0), max(left, 0)
    y2, x2 = max(min(top + shape[0], size_hw[0]), y1), max(min(left + shape[1], size_hw[1]), x1)
    picture = (slice(y1, y2), slice(x1, x2))
    return picture, (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
