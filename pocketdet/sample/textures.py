"""Noise and cloth: the grain that keeps a generated picture from looking flat."""

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageDraw

from pocketdet.sample.palette import CLOTH, Colour, ink, mix, pick, shade

Field = npt.NDArray[np.float32]
NOISE_SIDE = 512  # px of the noise tile, a power of two: indices wrap with a bit mask
# Cells across the tile, and weight, of every octave of the noise.
OCTAVES = ((4, 1.0), (8, 0.8), (16, 0.7), (32, 0.6), (64, 0.5), (128, 0.45), (512, 0.5))
PATTERNS = ("plain", "stripes", "bars", "checks", "dots", "blotches", "block", "print")


@cache
def noise() -> Field:
    """A tile (512, 512) of fractal noise that wraps, mean 0, standard deviation 1.

    One tile serves all pictures, read at other offsets and scales: it is grain, not content.
    """
    rng = np.random.default_rng(20)
    total = np.zeros((NOISE_SIDE, NOISE_SIDE), np.float32)
    for cells, weight in OCTAVES:
        grid = rng.normal(size=(cells, cells)).astype(np.float32)
        total += np.float32(weight) * _enlarge(grid)
    tile: Field = (total - total.mean()) / total.std()
    return tile


def _enlarge(grid: Field) -> Field:
    """A grid (n, n) as the noise tile, interpolated and still wrapping."""
    padded = np.pad(grid, 2, mode="wrap")
    step = NOISE_SIDE // len(grid)
    big = PIL.fromarray(padded).resize((len(padded) * step,) * 2, PIL.Resampling.BICUBIC)
    tile: Field = np.asarray(big)[2 * step : -2 * step, 2 * step : -2 * step]
    return tile


def patch(rng: np.random.Generator, size_wh: tuple[int, int], zoom: float = 1.0) -> Field:
    """Noise (h, w) from a random place; `zoom` > 1 makes coarser grain."""
    x0, y0 = (int(v) for v in rng.integers(NOISE_SIDE, size=2))
    w, h = (math.ceil(side / max(zoom, 1)) for side in size_wh)
    step = 1 / min(zoom, 1)
    columns = (x0 + np.arange(w) * step).astype(np.int32) & (NOISE_SIDE - 1)
    rows = (y0 + np.arange(h) * step).astype(np.int32) & (NOISE_SIDE - 1)
    grain: Field = noise()[rows][:, columns]
    if (w, h) == size_wh:
        return grain
    return np.asarray(PIL.fromarray(grain).resize(size_wh, PIL.Resampling.BILINEAR))


def cloth(
    rng: np.random.Generator, pattern: str, colour: Colour, size_wh: tuple[int, int], metre: float
) -> PIL.Image:
    """A piece of patterned cloth.

    Args:
        rng: Draws the second colour and the scale of the pattern.
        pattern: One of PATTERNS.
        colour: Its ground.
        size_wh: px.
        metre: px a metre, so that a stripe keeps its width whatever the distance.
    """
    w, h = size_wh
    other = pick(rng, CLOTH) if rng.random() < 0.7 else shade(colour, 0.6)
    piece = PIL.new("RGB", size_wh, ink(colour))
    draw = ImageDraw.Draw(piece)
    period = max(float(rng.uniform(0.05, 0.13)) * metre, 2.0)
    steps = range(int(max(w, h) / period) + 2)
    if pattern in ("stripes", "checks"):
        for i in steps:
            draw.rectangle((0, i * period, w, (i + 0.45) * period), fill=ink(other))
    if pattern in ("bars", "checks"):
        crossed = mix(colour, other, 0.6) if pattern == "checks" else other
        for i in steps:
            draw.rectangle((i * period, 0, (i + 0.4) * period, h), fill=ink(crossed))
    if pattern == "dots":
        r = period * 0.28
        for i in steps:
            for j in steps:
                x, y = (j + 0.5 * (i % 2)) * period, i * period
                draw.ellipse((x - r, y - r, x + r, y + r), fill=ink(other))
    if pattern == "blotches":
        blots = patch(rng, size_wh, zoom=period / 8) > 0.2
        piece.paste(ink(other), (0, 0), PIL.fromarray(blots))
    if pattern == "block":
        draw.rectangle((0, h * rng.uniform(0.3, 0.6), w, h), fill=ink(other))
    if pattern == "print":
        draw.ellipse((w * 0.3, h * 0.2, w * 0.7, h * 0.5), fill=ink(other))
    return piece
