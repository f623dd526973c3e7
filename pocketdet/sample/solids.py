"""Simple bodies in three dimensions: a side view pulled out to a width, and discs on its sides.

Frame as in `camera.Turn`, metres: x across, y up, z ahead.
"""

import math
from collections.abc import Sequence

from pocketdet.sample.camera import TILT, Turn
from pocketdet.sample.layer import Layer, Point
from pocketdet.sample.palette import Colour, shade

Profile = Sequence[tuple[float, float]]  # (z, y) of the side view, counter-clockwise with z right


def prism(
    layer: Layer,
    turn: Turn,
    profile: Profile,
    half: float,
    colours: Sequence[Colour],
    centre: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Draw a body with the same side view at every place across it.

    Args:
        layer: Canvas.
        turn: Where it faces.
        profile: Its convex side view, counter-clockwise.
        half: Half its width, metres.
        colours: Of the strip from each profile point to the next one, and last of the sides; or
            one, of the whole.
        centre: (x, z) of the profile's origin in the frame.
    """
    count = len(profile)
    paints = colours if len(colours) > 1 else [*colours] * (count + 1)
    cx, cz = centre
    faces: list[tuple[float, list[Point], Colour]] = []
    for i, (z1, y1) in enumerate(profile):
        z2, y2 = profile[(i + 1) % count]
        length = math.hypot(z2 - z1, y2 - y1) or 1.0
        ahead, up = (y2 - y1) / length, (z1 - z2) / length  # the outward normal
        corners = [
            (cx - half, y1, cz + z1),
            (cx - half, y2, cz + z2),
            (cx + half, y2, cz + z2),
            (cx + half, y1, cz + z1),
        ]
        facing = ahead * math.cos(turn.yaw) + up * TILT
        if facing > 0:
            right = ahead * math.sin(turn.yaw)
            bright = 0.8 + 0.3 * max(up, 0) + 0.14 * right * layer.light
            nearest = sum(turn.nearness(corner) for corner in corners)
            faces.append((nearest, [turn.place(c) for c in corners], shade(paints[i], bright)))
    for side in (-1, 1):
        if -side * math.sin(turn.yaw) > 0:
            flank = [(cx + side * half, y, cz + z) for z, y in profile]
            bright = 0.84 + 0.14 * side * math.cos(turn.yaw) * layer.light
            nearest = 4 * sum(turn.nearness(c) for c in flank) / count
            faces.append((nearest, [turn.place(c) for c in flank], shade(paints[-1], bright)))
    for _, points, colour in sorted(faces, key=lambda face: face[0]):
        layer.polygon(points, colour)


def cuboid(
    layer: Layer,
    turn: Turn,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    colour: Colour,
) -> None:
    """Draw a box between two opposite corners (x, y, z)."""
    profile = ((low[2], low[1]), (high[2], low[1]), (high[2], high[1]), (low[2], high[1]))
    prism(layer, turn, profile, (high[0] - low[0]) / 2, [colour], ((low[0] + high[0]) / 2, 0.0))


def decal(layer: Layer, turn: Turn, x: float, outline: Profile, colour: Colour) -> None:
    """Draw a flat shape on the side at `x`, if that side is seen."""
    if -x * math.sin(turn.yaw) > 0:
        layer.polygon([turn.place((x, y, z)) for z, y in outline], colour)


def disc(z: float, y: float, radius: float) -> list[tuple[float, float]]:
    """A circle in the side view, for `decal`."""
    angles = [i * math.pi / 10 for i in range(20)]
    return [(z + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]
