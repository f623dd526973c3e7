"""Augmentation: pictures move and change colour, and their boxes go with them.

A geometric change is one axis-aligned `View` (zoom, stretch, shift, flip), applied to the pixels
and to the boxes from the same numbers. `render` draws it from the original photo, with the
antialiased interpolation of `pocketdet.preprocess`, whatever the photo itself is resized with;
`render_fast` draws it from a picture of about the right size.

A colour change (brightness, contrast, saturation, hue, grey) is one 3 x 4 matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.boxes import areas, clip
from pocketdet.config import Augment
from pocketdet.preprocess import View

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601, as in JPEG
TO_GREY = np.tile(GREY_WEIGHTS, (3, 1))
# Of rotations about the grey axis (Rodrigues' formula): v -> axis x v, and v -> axis (axis . v).
GREY_AXIS = np.full(3, 1 / np.sqrt(3))
AXIS_CROSS = GREY_AXIS[0] * np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
AXIS_OUTER = np.outer(GREY_AXIS, GREY_AXIS)
IDENTITY = np.eye(3)
TILE_ZOOM = 0.5  # smallest, of a picture in its tile: less would need antialiasing
MIN_SIDE_PX = 2.0  # of the frame; of anything thinner a net sees no shape to learn
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
        whole = view.boxes(self.boxes_xyxy, picture_wh)
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


def draw_view(
    recipe: Augment, plain: View, frame_wh: tuple[int, int], rng: np.random.Generator
) -> View:
    """A random view about the plain one, for the shards, on whole pixels."""
    zoom = np.exp(rng.uniform(*np.log(recipe.scale)))
    aspect = np.sqrt(1 + rng.uniform(-recipe.aspect, recipe.aspect))
    sides = np.maximum(np.rint(np.array(plain.size_wh) * zoom * [aspect, 1 / aspect]), 1)
    shift = rng.uniform(-recipe.translate, recipe.translate, 2)
    corner = np.rint((np.array(frame_wh) - sides) / 2 + shift * frame_wh)
    return View(_pair(corner), _pair(sides), *_draw_flips(recipe, rng))


def mean_colour(rgb: Picture) -> Floats:
    """Mean of all pixels, (H, W, 3) -> (3,), 0..255."""
    import cv2

    return np.array(cv2.mean(rgb)[:3], np.float32)  # 7 times as fast as numpy's


def draw_fill(rgb: Picture, rng: np.random.Generator) -> Colour:
    """A colour for where a picture is not: its mean, or any, so that no colour means "outside"."""
    colour = mean_colour(rgb) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    r, g, b = (round(float(value)) for value in colour)
    return r, g, b


def render(rgb: Picture, view: View, frame_wh: tuple[int, int], fill: Colour) -> Picture:
    """Draw a photo in a frame by a view on whole pixels: (h, w, 3) -> (frame_h, frame_w, 3).

    Only the part in view is resampled, with Pillow's antialiasing; what shrinks to less than a
    quarter is brought near its size by plain averages first, in a third of the time.
    """
    h, w = rgb.shape[:2]
    (x, y), (width, height) = view.corner_xy, view.size_wh
    left, right = max(x, 0), min(x + width, frame_wh[0])
    top, bottom = max(y, 0), min(y + height, frame_wh[1])
    frame = PIL.new("RGB", frame_wh, fill)
    if left < right and top < bottom:
        # The part in view, in the photo's px; a mirrored view counts from the far edge.
        x1, x2 = (left - x) * w / width, (right - x) * w / width
        y1, y2 = (top - y) * h / height, (bottom - y) * h / height
        if view.flip:
            x1, x2 = w - x2, w - x1
        if view.upside_down:
            y1, y2 = h - y2, h - y1
        part = PIL.fromarray(rgb).resize(
            (int(right - left), int(bottom - top)),
            PIL.Resampling.BILINEAR,
            box=(max(x1, 0.0), max(y1, 0.0), min(x2, float(w)), min(y2, float(h))),
            reducing_gap=2.0,
        )
        if view.flip:
            part = part.transpose(PIL.Transpose.FLIP_LEFT_RIGHT)
        if view.upside_down:
            part = part.transpose(PIL.Transpose.FLIP_TOP_BOTTOM)
        frame.paste(part, (int(left), int(top)))
    return np.asarray(frame, dtype=np.uint8)


def render_fast(rgb: Picture, view: View, frame_wh: tuple[int, int], fill: Colour) -> Picture:
    """As `render`, without antialiasing, for views of about the picture's own size."""
    import cv2

    h, w = rgb.shape[:2]
    (x, y), (width, height) = view.corner_xy, view.size_wh
    sx, sy = width / w, height / h
    if view.flip:
        x, sx = x + width, -sx
    if view.upside_down:
        y, sy = y + height, -sy
    # OpenCV's coordinates are of pixel centres, ours of edges: half a pixel in, half a pixel out.
    matrix = np.array([[sx, 0, x + (sx - 1) / 2], [0, sy, y + (sy - 1) / 2]])
    drawn = cv2.warpAffine(rgb, matrix, frame_wh, flags=cv2.INTER_LINEAR, borderValue=fill)
    return np.asarray(drawn, dtype=np.uint8)


def draw_colour(recipe: Augment, mean: Floats, rng: np.random.Generator) -> Floats:
    """A random colour change as one matrix (3, 4): rgb' = M rgb + offset.

    Saturation blends with the grey picture, hue turns about the grey axis, contrast stretches
    about the mean grey of the picture, brightness multiplies; a grey picture has saturation 0.

    Args:
        recipe: The ranges.
        mean: Mean colour of the picture (3,), 0..255.
        rng: Drawn from six times, whatever the recipe.
    """
    brightness, contrast, saturation = 1 + rng.uniform(-1, 1, 3) * [
        recipe.brightness,
        recipe.contrast,
        recipe.saturation,
    ]
    angle = 2 * np.pi * recipe.hue * rng.uniform(-1, 1)
    if rng.random() < recipe.grey:
        saturation = 0.0
    matrix = saturation * _turn(angle) + (1 - saturation) * TO_GREY
    # (1 - contrast) of the mean grey, so that the picture stays as bright as it was
    offset = (1 - contrast) * (GREY_WEIGHTS @ mean) * np.ones((3, 1))
    change: Floats = np.concatenate([contrast * matrix, offset], 1).astype(np.float32)
    return change * np.float32(brightness)


def _turn(angle: float) -> npt.NDArray[np.float64]:
    """Rotation of RGB space about the grey axis: greys stay as they are."""
    turned: npt.NDArray[np.float64] = (
        np.cos(angle) * IDENTITY + np.sin(angle) * AXIS_CROSS + (1 - np.cos(angle)) * AXIS_OUTER
    )
    return turned


def recolour(rgb: Picture, matrix: Floats) -> Picture:
    """Apply a colour matrix (3, 4) to every pixel; values are rounded and saturate at 0 and 255."""
    import cv2

    return np.asarray(cv2.transform(rgb, matrix), dtype=np.uint8)


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
        sides = frame * rng.uniform(max(TILE_ZOOM, *(tile / frame)), 1)
        corner = (tile - sides) * rng.random(2)
        tiles.append((place, View(_pair(corner), _pair(sides), *_draw_flips(recipe, rng))))
    return tiles


def draw_jitter(recipe: Augment, frame_wh: tuple[int, int], rng: np.random.Generator) -> View:
    """A small random view for training: flip, zoom and shift by up to `recipe.jitter`."""
    zoom, *shift = rng.uniform(-recipe.jitter, recipe.jitter, 3)
    sides = np.array(frame_wh) * (1 + zoom)
    corner = (frame_wh - sides) / 2 + np.array(shift) * frame_wh
    return View(_pair(corner), _pair(sides), *_draw_flips(recipe, rng))


def _draw_flips(recipe: Augment, rng: np.random.Generator) -> tuple[bool, bool]:
    """Left to right, and top to bottom."""
    return bool(rng.random() < recipe.flip), bool(rng.random() < recipe.flip_vertical)


def _pair(values: npt.NDArray[np.floating]) -> tuple[float, float]:
    x, y = values.tolist()
    return x, y
