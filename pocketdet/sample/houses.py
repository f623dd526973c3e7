"""Draws the fronts of houses and shops, in metres, on the flat picture of a row of them."""

from dataclasses import dataclass

import numpy as np
from PIL import Image as PIL
from PIL import ImageDraw

from pocketdet.sample.palette import STONE, Colour, ink, material, mix, pick, shade, tint

EAVES = 0.9  # metres of wall and cornice above the uppermost storey


@dataclass(frozen=True, slots=True)
class Plot:
    """Where a house stands.

    Attributes:
        left: Metres along the row.
        width: Metres.
        floors: Number of storeys.
        storey: Height of one, metres.
    """

    left: float
    width: float
    floors: int
    storey: float

    @property
    def right(self) -> float:
        """Where it ends, metres along the row."""
        return self.left + self.width

    @property
    def height(self) -> float:
        """Metres from the ground to the roof's edge."""
        return self.floors * self.storey + EAVES


class Elevation:
    """A picture that is drawn on in metres along the row and above the ground."""

    def __init__(self, picture: PIL.Image, px: float) -> None:
        """Draw on a picture of `px` px a metre, whose lower edge is the ground."""
        self._draw, self._bottom, self._px = ImageDraw.Draw(picture), picture.height, px

    def box(self, left: float, low: float, right: float, high: float, colour: Colour) -> None:
        """Fill a rectangle, if a pixel of it is left."""
        x1, x2 = left * self._px, right * self._px - 1
        y1, y2 = self._bottom - high * self._px, self._bottom - low * self._px - 1
        if x1 <= x2 and y1 <= y2:
            self._draw.rectangle((x1, y1, x2, y2), fill=ink(colour))


def plots(rng: np.random.Generator, length: float) -> list[Plot]:
    """A row of houses of about the same height."""
    floors = int(rng.integers(1, 6))
    found: list[Plot] = []
    at = 0.0
    while at < length:
        width = min(float(rng.uniform(5, 14)), length - at)
        count = max(1, floors + int(rng.integers(-1, 2)))
        found.append(Plot(at, width, count, float(rng.uniform(2.8, 3.6))))
        at += width
    return found


def house(on: Elevation, rng: np.random.Generator, plot: Plot, shop: bool) -> None:
    """Draw one house, with a shop on its ground floor or without."""
    left, right = plot.left, plot.right
    roof = plot.height
    stone = pick(rng, STONE, 14) if rng.random() < 0.8 else material(rng)
    on.box(left, 0, right, roof, stone)
    if rng.random() < 0.3:  # courses of bricks
        for i in range(round(roof / 0.3) - 3):
            on.box(left, i * 0.3, right, i * 0.3 + 0.06, shade(stone, 0.88))
    on.box(left, roof - 0.35, right, roof, shade(stone, 0.62))
    on.box(left, roof - 0.45, right, roof - 0.35, shade(stone, 1.15))
    on.box(left, 0, right, 0.5, shade(stone, 0.75))
    frame = tint((225, 222, 214), rng, 20) if rng.random() < 0.6 else material(rng)
    _windows(on, rng, plot, stone, frame, first=1 if shop else 0)
    if shop:
        _shopfront(on, rng, plot)
    door, leaf = left + float(rng.uniform(0.4, max(plot.width - 1.6, 0.5))), material(rng)
    on.box(door - 0.1, 0, door + 1.1, 2.25, frame)
    on.box(door, 0, door + 1.0, 2.15, leaf)
    on.box(door + 0.15, 1.2, door + 0.85, 1.95, shade(leaf, 0.6))


def _windows(
    on: Elevation, rng: np.random.Generator, plot: Plot, stone: Colour, frame: Colour, first: int
) -> None:
    """Windows of one kind on every floor from `first`."""
    wide, high = float(rng.uniform(0.8, 1.5)), float(rng.uniform(1.2, 1.9))
    count = max(1, int((plot.width - 0.6) / (wide + rng.uniform(0.6, 1.6))))
    blind, shutters = material(rng), rng.random() < 0.3
    for floor in range(first, plot.floors):
        sill = floor * plot.storey + 0.9
        top = sill + high
        for i in range(count):
            x1 = plot.left + (i + 0.5) * plot.width / count - wide / 2
            x2 = x1 + wide
            glass = tint((70, 84, 98) if rng.random() < 0.8 else (200, 180, 130), rng, 22)
            on.box(x1 - 0.1, sill - 0.1, x2 + 0.1, top + 0.1, frame)
            on.box(x1, sill, x2, top, glass)
            on.box(x1, sill + high / 2, x2, top, shade(glass, float(rng.uniform(1, 1.7))))
            if rng.random() < 0.35:
                on.box(x1, sill, x1 + wide * float(rng.uniform(0.2, 1)), top, blind)
            on.box(x1 + wide / 2 - 0.03, sill, x1 + wide / 2 + 0.03, top, frame)
            on.box(x1 - 0.15, sill - 0.18, x2 + 0.15, sill - 0.08, shade(stone, 0.6))
            if shutters:
                on.box(x1 - 0.5, sill - 0.05, x1 - 0.1, top, blind)
                on.box(x2 + 0.1, sill - 0.05, x2 + 0.5, top, blind)


def _shopfront(on: Elevation, rng: np.random.Generator, plot: Plot) -> None:
    """Panes with goods behind them, a sign with letters, perhaps an awning."""
    left, right, ceiling = plot.left, plot.right, plot.storey
    sign, glass = material(rng), tint((60, 70, 80), rng, 20)
    on.box(left + 0.2, 0.3, right - 0.2, ceiling - 0.7, shade(sign, 0.5))
    x = left + 0.3
    while x < right - 0.9:
        step, bright = float(rng.uniform(0.9, 2.2)), float(rng.uniform(0.8, 1.9))
        end = right - 0.3
        on.box(x, 0.45, min(x + step - 0.08, end), ceiling - 0.8, shade(glass, bright))
        goods = float(rng.uniform(0.7, 1.6))
        on.box(x + 0.2, 0.45, min(x + step * 0.6, end), goods, material(rng))
        x += step
    on.box(left + 0.1, ceiling - 0.7, right - 0.1, ceiling - 0.15, sign)
    letters, x = mix(sign, (245, 240, 225), 0.8), left + 0.5
    while x < right - 0.8:
        wide = float(rng.uniform(0.1, 0.26))
        on.box(x, ceiling - 0.56, x + wide, ceiling - 0.3, letters)
        x += 0.34
    if rng.random() < 0.5:
        awning = material(rng)
        for i in range(int(plot.width / 0.4)):
            x, stripe = left + i * 0.4, shade(awning, 1 if i % 2 else 0.7)
            on.box(x, ceiling - 1.1, x + 0.4, ceiling - 0.7, stripe)
