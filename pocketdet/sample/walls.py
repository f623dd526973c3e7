"""Rows of buildings in perspective, column by column of the picture."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.sample import facades
from pocketdet.sample.sights import FAR, Sight

Field = npt.NDArray[np.float32]
NEAR = 1.2  # metres; a nearer wall would fill the picture


@dataclass(frozen=True, slots=True)
class Wall:
    """A row of buildings in the plane u = at (along the street) or v = at (across it)."""

    along: bool
    at: float
    strip: facades.Strip


def erect(sight: Sight, wall: Wall, colour: Field, room: Field) -> None:
    """Draw a wall wherever it is nearer than what is drawn already.

    Args:
        sight: Who looks.
        wall: What stands.
        colour: (h, w, 3), changed.
        room: (w,), metres to the nearest wall, changed.
    """
    camera = sight.camera
    slope_u, slope_v = sight.slopes()
    slope, start = (slope_u, sight.shift) if wall.along else (slope_v, 0.0)
    with np.errstate(divide="ignore"):
        depth = np.where(slope != 0, (wall.at - start) / slope, -1)
    columns = np.flatnonzero((depth > NEAR) & (depth < FAR) & (depth < room))
    if not len(columns):
        return
    z = depth[columns].astype(np.float32)
    room[columns] = z
    scale = camera.focal / z
    place = z * (slope_v if wall.along else slope_u)[columns]  # metres along the wall
    # There and back along the strip, so that its ends fit: 0 1 2 3 3 2 1 0 0 1 ...
    along = facades.LENGTH - np.abs(place % (2 * facades.LENGTH) - facades.LENGTH)
    last = len(wall.strip.heights) - 1
    heights = wall.strip.heights[(along * facades.PX).astype(np.int32).clip(0, last)]
    top = camera.horizon - (heights.max() - camera.height) * scale.max() - 1
    bottom = camera.horizon + camera.height * scale.max() + 1
    band = slice(max(int(top), 0), max(min(math.ceil(bottom), camera.size_wh[1]), 0))
    rows = np.arange(band.start, band.stop, dtype=np.float32)[:, None] + 0.5
    above = (camera.height + (camera.horizon - rows) / scale).astype(np.float32)  # m of the ground
    cover = ((heights - above) * scale + 0.5).clip(0, 1) * (above * scale + 0.5).clip(0, 1)
    picture = _sample(wall.strip, along, above, scale)
    turned = -math.cos(sight.yaw) if wall.along else math.sin(sight.yaw)
    picture *= np.float32(1 + 0.22 * sight.light * turned * math.copysign(1, wall.at))
    picture = sight.through_air(picture, z[None])
    seen = colour[band, columns]
    colour[band, columns] = seen + cover.astype(np.float32)[..., None] * (picture - seen)


def _sample(strip: facades.Strip, along: Field, above: Field, scale: Field) -> Field:
    """The strip's colour at places `along` it (w,) and `above` the ground (h, w), (h, w, 3).

    Between pixels it is interpolated. Far columns read a smaller picture of the strip, so that
    it does not flicker.
    """
    last = len(strip.levels) - 1
    level = np.log2(np.maximum(facades.PX / scale, 1)).round().astype(int).clip(0, last)
    picture = np.empty((*above.shape, 3), np.float32)
    for i in np.unique(level):
        these = np.flatnonzero(level == i)
        texture, px = strip.levels[i], facades.PX / 2**i
        x0, x1, right = _between(along[these] * px, texture.shape[1])
        columns = texture[:, x0] * (1 - right)[:, None] + texture[:, x1] * right[:, None]
        y0, y1, up = _between(above[:, these] * px, len(texture))
        order = np.arange(len(these))
        low = columns[y0, order]
        picture[:, these] = low + up[..., None] * (columns[y1, order] - low)
    return picture


def _between(
    place: Field, count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Field]:
    """The two pixels of `count` between whose middles a place lies, and how far it is on."""
    middle = (place - np.float32(0.5)).clip(0, count - 1).astype(np.float32)
    first = middle.astype(np.int32)
    return first, np.minimum(first + 1, count - 1), middle - first
