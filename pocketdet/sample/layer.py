"""One thing, drawn alone: a supersampled canvas in metres that becomes a picture with coverage.

A thing is drawn whole, also where it leaves the picture or hides behind another: that is what
truncation and occlusion are measured against.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageDraw, ImageFilter

from pocketdet.sample.palette import Colour, ink, shade
from pocketdet.sample.textures import cloth, patch

Point = tuple[float, float]
Field = npt.NDArray[np.float32]
# Brightness, relative width and shift to the light of the strips that make a tube look round.
_STRIPS = ((0.70, 1.0, 0.0), (0.86, 0.86, 0.08), (0.98, 0.66, 0.18), (1.08, 0.32, 0.34))
_THIN = ((0.8, 1.0, 0.0), (1.0, 0.6, 0.2))
_CIRCLE = tuple((math.cos(i * math.pi / 8), math.sin(i * math.pi / 8)) for i in range(17))


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn thing at the picture's resolution.

    Attributes:
        colour: (h, w, 3) float32, 0..255, already multiplied by the coverage.
        alpha: (h, w) float32, covered share of each pixel, 0..1.
        left: Column of the picture where the sprite begins; may be negative.
        top: Row of the picture where it begins.
    """

    colour: Field
    alpha: Field
    left: int
    top: int


class Layer:
    """A canvas in metres: x to the right, y up, origin where the thing stands on the ground."""

    def __init__(
        self,
        foot_px: Point,
        scale: float,
        extent: tuple[float, float, float, float],
        light: float,
        within: tuple[int, int] | None = None,
    ) -> None:
        """Open a canvas.

        Args:
            foot_px: The origin in the picture, px.
            scale: px a metre.
            extent: (left, bottom, right, top) in metres; what is drawn outside is lost.
            light: Where the light comes from, -1 left to 1 right.
            within: Width and height of the picture, px, if nothing outside it is of interest.
        """
        self.scale = scale
        self.light = light
        left, bottom, right, top = extent
        x, y = foot_px
        edges = [
            x + left * scale - 1,
            y - top * scale - 1,
            x + right * scale + 1,
            y - bottom * scale + 1,
        ]
        if within:
            edges = [min(max(e, -2), within[i % 2] + 2) for i, e in enumerate(edges)]
        self._left, self._top = math.floor(edges[0]), math.floor(edges[1])
        self._w = max(math.ceil(edges[2]) - self._left, 2)
        self._h = max(math.ceil(edges[3]) - self._top, 2)
        self.finer = 3 if max(self._w, self._h) < 140 else 2
        self._x0, self._y0 = (x - self._left) * self.finer, (y - self._top) * self.finer
        self._unit = scale * self.finer  # canvas px a metre
        self._image = PIL.new("RGBA", (self._w * self.finer, self._h * self.finer))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._px(points), fill=ink(colour))

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line of `width` metres, at least 1.3 px of the picture so that it stays whole."""
        thick = max(width * self._unit, 1.3 * self.finer)
        self._draw.line(self._px(points), fill=ink(colour), width=round(thick), joint="curve")

    def rectangle(self, left: float, bottom: float, right: float, top: float, c: Colour) -> None:
        """Fill an upright rectangle."""
        self.polygon(((left, bottom), (right, bottom), (right, top), (left, top)), c)

    def ellipse(self, centre: Point, rx: float, ry: float, colour: Colour) -> None:
        """Fill an upright ellipse."""
        (x, y), rx, ry = self._px([centre])[0], rx * self._unit, ry * self._unit
        self._draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=ink(colour))

    def ball(self, centre: Point, rx: float, ry: float, colour: Colour) -> None:
        """An ellipse with the light on it."""
        for bright, width, shift in _STRIPS:
            x, y = centre[0] + self.light * shift * rx, centre[1] + 0.4 * shift * ry
            self.ellipse((x, y), rx * width, ry * width, shade(colour, bright))

    def tube(
        self, path: Sequence[Point], radii: Sequence[float], colour: Colour, bulge: float = 1.0
    ) -> None:
        """A round body along a path of at least two points; `bulge` as in `outline`."""
        thin = max(radii) * self.scale < 2  # px of the picture: the strips would not be told apart
        for bright, width, shift in _THIN if thin else _STRIPS:
            moved = [
                (x + self.light * shift * r, y + 0.3 * shift * r)
                for (x, y), r in zip(path, radii, strict=True)
            ]
            self.polygon(outline(moved, [r * width for r in radii], bulge), shade(colour, bright))

    def cloth(
        self, points: Sequence[Point], pattern: str, colour: Colour, rng: np.random.Generator
    ) -> None:
        """Fill a polygon with patterned cloth."""
        pixels = self._px(points)
        xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
        left, top = math.floor(min(xs)), math.floor(min(ys))
        size = (math.ceil(max(xs)) - left + 1, math.ceil(max(ys)) - top + 1)
        stencil = PIL.new("L", size)
        ImageDraw.Draw(stencil).polygon([(x - left, y - top) for x, y in pixels], fill=255)
        piece = cloth(rng, pattern, colour, size, self._unit)
        self._image.paste(piece, (left, top), stencil)

    def paste(
        self, picture: PIL.Image, left: float, bottom: float, right: float, top: float
    ) -> None:
        """Put a flat picture (a poster's print) into an upright rectangle."""
        (x1, y1), (x2, y2) = self._px(((left, top), (right, bottom)))
        size = (max(round(x2 - x1), 1), max(round(y2 - y1), 1))
        self._image.paste(picture.resize(size, PIL.Resampling.BILINEAR), (round(x1), round(y1)))

    def finish(self, rng: np.random.Generator, grain: float = 0.05, relief: float = 0.35) -> Sprite:
        """Scale down to the picture's resolution, with grain and the light on the whole shape.

        Args:
            rng: Places the grain.
            grain: Contrast of the grain, of 1.
            relief: How much brighter the side towards the light is, of 1.
        """
        small = np.asarray(self._image.convert("RGBa").reduce(self.finer))
        reach = max(0.06 * self.scale, 0.8)
        soft = np.asarray(PIL.fromarray(small[..., 3]).filter(ImageFilter.BoxBlur(reach)))
        away = np.gradient(soft.astype(np.float32), axis=1) * (2 * reach / 255 * self.light)
        grains = patch(rng, (self._w, self._h), zoom=max(self.scale / 40, 0.5))
        gain = (1 - relief * away + grain * grains).astype(np.float32)
        pixels = small.astype(np.float32)
        alpha: Field = pixels[..., 3] / np.float32(255)
        return Sprite(pixels[..., :3] * gain[..., None], alpha, self._left, self._top)

    def flat(self) -> PIL.Image:
        """What has been drawn, as RGBA at the canvas' own resolution."""
        return self._image

    def _px(self, points: Sequence[Point]) -> list[Point]:
        return [(self._x0 + x * self._unit, self._y0 - y * self._unit) for x, y in points]


def outline(path: Sequence[Point], radii: Sequence[float], bulge: float = 1.0) -> list[Point]:
    """The polygon around a path whose half-width is given at every point.

    Args:
        path: At least two points.
        radii: Half-width at each point.
        bulge: How far the ends stand out, in half-widths: 1 is round, 0 cut off.
    """
    normals = []
    for i in range(len(path)):
        (ax, ay), (bx, by) = path[max(i - 1, 0)], path[min(i + 1, len(path) - 1)]
        length = math.hypot(bx - ax, by - ay)
        normals.append(((ay - by) / length, (bx - ax) / length) if length > 1e-6 else (1.0, 0.0))
    ways = list(zip(path, radii, normals, strict=True))
    left = [(x + r * nx, y + r * ny) for (x, y), r, (nx, ny) in ways]
    right = [(x - r * nx, y - r * ny) for (x, y), r, (nx, ny) in reversed(ways)]
    return left + _cap(*ways[-1], 1, bulge) + right + _cap(*ways[0], -1, bulge)


def _cap(centre: Point, r: float, normal: Point, side: int, bulge: float) -> list[Point]:
    """Half an ellipse from the path's left (side 1) or right (side -1) to its other side."""
    (x, y), (nx, ny) = centre, (normal[0] * side * r, normal[1] * side * r)
    return [(x + c * nx + s * bulge * ny, y + c * ny - s * bulge * nx) for c, s in _CIRCLE[1:8]]
