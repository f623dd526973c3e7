"""Flat pictures of what stands along a street: houses, shops, garden walls, hedges, tree lines."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageDraw

from pocketdet.sample.houses import Elevation, house, plots
from pocketdet.sample.palette import HAIR, LEAF, SKIN, STONE, ink, material, pick, shade, tint
from pocketdet.sample.textures import patch

Field = npt.NDArray[np.float32]
PX = 16  # px a metre of a strip
LENGTH = 48  # metres of a strip, which is repeated there and back along the street
SMALLER = (2, 4, 8)  # further pictures of it, for the distance
# What else than houses and shops there is, with its height in metres.
HEIGHTS = {"wall": (1.6, 3.5), "panels": (3.0, 8.0), "hedge": (1.2, 3.0), "trees": (5.0, 12.0)}
RAGGED = {"hedge": 0.25, "trees": 2.5}  # metres that the upper edge of leaves goes up and down


@dataclass(frozen=True, slots=True)
class Strip:
    """A row of buildings, seen straight on.

    Attributes:
        levels: Pictures (h, w, 3) uint8 of PX, PX/2, PX/4 ... px a metre; row 0 is the ground.
        heights: Metres, of each column of the first picture.
    """

    levels: tuple[npt.NDArray[np.uint8], ...]
    heights: Field


def strip(rng: np.random.Generator, kind: str) -> Strip:
    """A random strip: "houses", "shops" or one of HEIGHTS."""
    picture, heights = _row(rng, kind == "shops") if kind not in HEIGHTS else _screen(rng, kind)
    grain = 1 + 0.09 * patch(rng, picture.size, zoom=1.5)
    pixels = (np.asarray(picture, np.float32) * grain[..., None]).clip(0, 255).astype(np.uint8)
    whole = PIL.fromarray(pixels[::-1].copy())
    return Strip((np.asarray(whole), *(np.asarray(whole.reduce(n)) for n in SMALLER)), heights)


def _row(rng: np.random.Generator, shops: bool) -> tuple[PIL.Image, Field]:
    """Houses beside each other, and their heights."""
    row = plots(rng, LENGTH)
    picture = PIL.new("RGB", (LENGTH * PX, round(max(plot.height for plot in row) * PX)))
    heights = np.zeros(LENGTH * PX, np.float32)
    elevation = Elevation(picture, PX)
    for plot in row:
        house(elevation, rng, plot, shops)
        heights[round(plot.left * PX) : round(plot.right * PX)] = plot.height
    return picture, heights


def _screen(rng: np.random.Generator, kind: str) -> tuple[PIL.Image, Field]:
    """A wall or leaves, all along."""
    tall = float(rng.uniform(*HEIGHTS[kind]))
    size = (LENGTH * PX, round(tall * PX))
    heights = np.full(size[0], tall, np.float32)
    if kind in RAGGED:
        picture, ragged = _leaves(rng, size, tall=kind == "trees")
        return picture, heights - ragged * np.float32(RAGGED[kind])
    picture = PIL.new("RGB", size)
    _wall(ImageDraw.Draw(picture), rng, size, panels=kind == "panels")
    return picture, heights


def _wall(
    draw: ImageDraw.ImageDraw, rng: np.random.Generator, size: tuple[int, int], panels: bool
) -> None:
    """Bricks with paint on them, or large panels in the colours of cloth."""
    w, h = size
    base = material(rng) if panels else pick(rng, STONE, 14)
    draw.rectangle((0, 0, w, h), fill=ink(shade(base, 0.8)))
    paints = [tint(base, rng, 12) for _ in range(11)]
    wide, high, shift = 0.5 * PX, 0.24 * PX, 0.5
    if panels:
        paints += [pick(rng, STONE) for _ in range(4)]
        wide, high, shift = rng.uniform(1, 4) * PX, rng.uniform(0.8, 3) * PX, 0.0
    for row in range(int(h / high) + 1):
        for i in range(-1, int(w / wide) + 1):
            x, y = (i + shift * (row % 2)) * wide, row * high
            colour = paints[(7 * i + 5 * row + i * row) % len(paints)]
            draw.rectangle((x + 1, y + 1, x + wide - 1, y + high - 1), fill=ink(colour))
    for _ in range(int(rng.integers(0, 14))):  # paint, as tall as people are
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        rx, ry = rng.uniform(0.15, 1.2) * PX, rng.uniform(0.3, 1.0) * PX
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=ink(material(rng)))


def _leaves(
    rng: np.random.Generator, size: tuple[int, int], tall: bool
) -> tuple[PIL.Image, npt.NDArray[np.float32]]:
    """Foliage, and how ragged its upper edge is (0..1) along the columns."""
    dark, light = shade(pick(rng, LEAF), 0.5), pick(rng, LEAF)
    share = patch(rng, size, zoom=2.0) * 0.3 + 0.45
    if tall:  # gloom between the trunks
        share *= np.linspace(1.2, 0.3, size[1], dtype=np.float32)[:, None]
    ground = np.asarray(dark, np.float32)
    pixels = ground + share.clip(0, 1.3)[..., None] * (np.asarray(light, np.float32) - ground)
    picture = PIL.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if tall:
        draw = ImageDraw.Draw(picture)
        for _ in range(14):
            x, top = rng.uniform(0, size[0]), size[1] - rng.uniform(2, 4) * PX
            trunk = shade(pick(rng, SKIN + HAIR), 0.6)
            draw.rectangle((x, top, x + rng.uniform(0.12, 0.35) * PX, size[1]), fill=ink(trunk))
    edge = patch(rng, (size[0], 1), zoom=2.5)[0]
    return picture, (0.4 + 0.3 * edge).clip(0, 1).astype(np.float32)
