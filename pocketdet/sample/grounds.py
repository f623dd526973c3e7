"""The ground in perspective: asphalt, slabs, cobbles, grass, gravel, each by world coordinates."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.sample.palette import LEAF, STONE, Colour, pick, shade, tint
from pocketdet.sample.textures import NOISE_SIDE, noise

Field = npt.NDArray[np.float32]
KINDS = ("asphalt", "slabs", "cobbles", "grass", "gravel")


@dataclass(frozen=True, slots=True)
class Surface:
    """One covering of the ground.

    Attributes:
        colour: Its mean.
        grain: Contrast of its noise, of 1.
        tile_uv: Metres from joint to joint along u and v; 0 is without joints.
        joint: Brightness of a joint, of 1.
    """

    colour: Colour
    grain: float
    tile_uv: tuple[float, float]
    joint: float


def surface(rng: np.random.Generator, kind: str) -> Surface:
    """A random surface of one of KINDS."""
    if kind == "asphalt":
        grey = float(rng.uniform(58, 125))
        return Surface(tint((grey, grey, grey + 3), rng, 4), 0.07, (0, 0), 1)
    if kind == "grass":
        return Surface(shade(pick(rng, LEAF[:5], 14), 1.05), 0.16, (0, 0), 1)
    if kind == "gravel":
        return Surface(shade(pick(rng, STONE), 0.95), 0.14, (0, 0), 1)
    side = float(rng.uniform(0.12, 0.25) if kind == "cobbles" else rng.uniform(0.4, 1.2))
    shape = (side, side * float(rng.choice([1.0, 1.0, 1.5, 2.0])))
    return Surface(shade(pick(rng, STONE), 0.9), 0.07, shape, float(rng.uniform(0.72, 0.9)))


def paint(
    surfaces: list[tuple[float, Surface]], u: Field, v: Field, footprint: Field, offset: int
) -> Field:
    """The colour of every ground pixel.

    Args:
        surfaces: (limit, surface), rising: a surface reaches to |u| = limit metres.
        u: Metres across the street, of every pixel (h, w).
        v: Metres along it.
        footprint: Metres of ground that a pixel covers; finer detail fades away.
        offset: Where the noise begins.

    Returns:
        (h, w, 3), 0..255.
    """
    colour = np.empty((*u.shape, 3), np.float32)
    gain = np.ones_like(u)
    across = np.abs(u)
    fine = _grain(u, v, 18.0, offset)
    coarse = _grain(u, v, 2.2, offset + 99)
    inner = -1.0
    for limit, covering in surfaces:
        zone = (across >= inner) & (across < limit)
        inner = limit
        if not zone.any():
            continue
        colour[zone] = covering.colour
        strength = covering.grain / (1 + 12 * footprint[zone])
        gain[zone] = 1 + strength * fine[zone] + 0.6 * covering.grain * coarse[zone]
        for place, side in ((u[zone], covering.tile_uv[0]), (v[zone], covering.tile_uv[1])):
            if side:
                gain[zone] *= _joints(place, side, footprint[zone], covering.joint)
    return colour * gain[..., None]


def line(
    colour: Field, u: Field, v: Field, footprint: Field, at: float, wide: float, dash: float
) -> None:
    """Paint a white line along the street, in place.

    Args:
        colour: (h, w, 3), changed.
        u: Metres across, (h, w).
        v: Metres along, (h, w).
        footprint: Metres a pixel.
        at: Its middle, metres across.
        wide: Metres.
        dash: Metres of a dash and of a gap; 0 is without gaps.
    """
    cover = ((wide / 2 - np.abs(u - at)) / footprint + 0.5).clip(0, 1)
    if dash:
        cover = cover * ((v / dash) % 2 < 1)
    colour += cover[..., None] * 0.8 * (np.float32(225) - colour)


def _grain(u: Field, v: Field, density: float, offset: int) -> Field:
    columns = (u * density + offset).astype(np.int32) & (NOISE_SIDE - 1)
    rows = (v * density + 2 * offset).astype(np.int32) & (NOISE_SIDE - 1)
    grain: Field = noise()[rows, columns]
    return grain


def _joints(place: Field, side: float, footprint: Field, dark: float) -> Field:
    """Brightness between tiles: a thin dark line, gone where a pixel covers half a tile."""
    wide = np.maximum(footprint, 0.012)
    off = np.abs(place / side - np.round(place / side)) * side
    line = (1 - off / wide).clip(0, 1) * np.minimum(0.03 / wide, 1)
    bright: Field = 1 - (1 - dark) * line
    return bright
