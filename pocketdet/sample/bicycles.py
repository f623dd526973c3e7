"""Bicycles, and how a rider sits on one. Frame as in `skeleton`, in metres: z is ahead."""

import math
from dataclasses import dataclass

import numpy as np

from pocketdet.sample.camera import Turn
from pocketdet.sample.layer import Layer, Point
from pocketdet.sample.palette import CLOTH, Colour, pick, shade
from pocketdet.sample.skeleton import (
    FOOT,
    FOREARM,
    HIP,
    NECK,
    SHANK,
    SHOULDER,
    SIDES,
    THIGH,
    TRUNK,
    UPPER_ARM,
    Joints,
    Vector,
    reach,
)  # fmt: skip

WHEEL = 0.34  # radius
CRANK = 0.17
BRACKET: Vector = (0.0, 0.29, 0.0)
REAR: Vector = (0.0, WHEEL, -0.45)
FRONT: Vector = (0.0, WHEEL, 0.62)
SEAT: Vector = (0.0, 0.93, -0.2)
HEAD: Vector = (0.0, 0.9, 0.44)
GRIP: Vector = (0.24, 1.04, 0.4)


@dataclass(frozen=True, slots=True)
class Bicycle:
    """A bicycle.

    Attributes:
        yaw: Where it heads, radians as in Turn.
        crank: Angle of the left pedal, radians, 0 ahead.
        basket: Whether it carries one on the handlebar.
    """

    yaw: float
    crank: float
    paint: Colour
    saddle: Colour
    basket: bool
    mudguards: bool


def bicycle(rng: np.random.Generator, yaw: float) -> Bicycle:
    """A random bicycle."""
    return Bicycle(
        yaw=yaw,
        crank=float(rng.uniform(0, 2 * math.pi)),
        paint=pick(rng, CLOTH),
        saddle=pick(rng, CLOTH[:4]),
        basket=rng.random() < 0.25,
        mudguards=rng.random() < 0.5,
    )


def extent(bike: Bicycle) -> tuple[float, float, float, float]:
    """A rectangle (left, bottom, right, top) in metres that holds the drawn bicycle."""
    along = abs(math.sin(bike.yaw)) * (abs(FRONT[2]) + WHEEL) + 0.45
    return (-along, -0.25, along, 1.35)


def draw(layer: Layer, bike: Bicycle) -> None:
    """Draw a bicycle."""
    turn = Turn(bike.yaw)
    dark: Colour = (34, 34, 36)
    wheels = sorted((REAR, FRONT), key=turn.nearness)
    _wheel(layer, turn, wheels[0], dark)
    pedals = [_pedal(bike, side) for _, side in SIDES]
    tubes = (
        (REAR, BRACKET, 0.022), (REAR, (0, 0.72, -0.14), 0.018), (BRACKET, SEAT, 0.032),
        (BRACKET, HEAD, 0.038), ((0, 0.78, -0.15), HEAD, 0.034), (HEAD, FRONT, 0.026),
    )  # fmt: skip
    for start, end, width in tubes:
        layer.line((turn.place(start), turn.place(end)), width * 1.5, shade(bike.paint, 0.7))
        layer.line((turn.place(start), turn.place(end)), width * 0.8, shade(bike.paint, 1.1))
    _wheel(layer, turn, wheels[1], dark)
    for pedal in pedals:
        layer.line((turn.place(BRACKET), turn.place(pedal)), 0.022, (120, 120, 124))
        layer.line((turn.place(pedal), _side(turn, pedal, 0.04)), 0.03, dark)
    if bike.mudguards:
        for hub in (REAR, FRONT):
            over = [_rim(turn, hub, a, WHEEL + 0.03) for a in np.linspace(0.4, 2.6, 9)]
            layer.line(over, 0.03, shade(bike.paint, 0.85))
    layer.line((turn.place(HEAD), turn.place((0, 1.03, 0.42))), 0.03, (120, 120, 124))
    bars = [turn.place((side * GRIP[0], GRIP[1], GRIP[2])) for _, side in SIDES]
    layer.line((bars[0], turn.place((0, 1.03, 0.46)), bars[1]), 0.03, dark)
    ends = turn.place((0, 0.95, -0.32)), turn.place((0, 0.95, -0.06))
    layer.line(ends, 0.07, bike.saddle)
    layer.ellipse(turn.place((0, 0.95, -0.28)), 0.09, 0.035, bike.saddle)
    if bike.basket:
        x, y = turn.place((0, 0.85, 0.64))
        layer.rectangle(x - 0.17, y - 0.1, x + 0.17, y + 0.14, shade(bike.saddle, 1.2))
        layer.rectangle(x - 0.14, y - 0.07, x + 0.14, y + 0.11, shade(bike.saddle, 0.8))


def rider(bike: Bicycle, stature: float, head: float, lean: float) -> Joints:
    """Joints, in statures, of someone who rides this bicycle.

    Args:
        bike: Its pedals decide the legs.
        stature: Metres.
        head: Height of the head, in statures.
        lean: Of the trunk, degrees.
    """
    tilt = math.radians(lean)
    pelvis: Vector = (0.0, (SEAT[1] + 0.08) / stature, SEAT[2] / stature)
    neck = (0.0, pelvis[1] + TRUNK * math.cos(tilt), pelvis[2] + TRUNK * math.sin(tilt))
    rise = NECK * 0.6 + head * 0.55
    found: Joints = {
        "pelvis": pelvis,
        "neck": neck,
        "head": (0.0, neck[1] + rise * 0.94, neck[2] + rise * math.sin(tilt) * 0.5),
    }
    for name, side in SIDES:
        x, y, z = (c / stature for c in _pedal(bike, side))
        hip, ankle = (side * HIP, pelvis[1], pelvis[2]), (x, y + 0.055, z - 0.05)
        shoulder = (side * SHOULDER, neck[1] - 0.02, neck[2])
        wrist = (side * GRIP[0] / stature, (GRIP[1] + 0.02) / stature, GRIP[2] / stature)
        found |= {
            f"hip_{name}": hip,
            f"ankle_{name}": ankle,
            f"toe_{name}": (ankle[0], ankle[1] - 0.02, ankle[2] + FOOT),
            f"knee_{name}": reach(hip, ankle, THIGH, SHANK, 1.0),
            f"shoulder_{name}": shoulder,
            f"wrist_{name}": wrist,
            f"elbow_{name}": reach(shoulder, wrist, UPPER_ARM, FOREARM, -1.0),
        }
    return found


def _pedal(bike: Bicycle, side: float) -> Vector:
    angle = bike.crank if side > 0 else bike.crank + math.pi
    y, z = BRACKET[1] + CRANK * math.sin(angle), BRACKET[2] + CRANK * math.cos(angle)
    return (side * 0.1, y, z)


def _wheel(layer: Layer, turn: Turn, hub: Vector, tyre: Colour) -> None:
    for i in range(7):
        spoke = _rim(turn, hub, i * math.pi / 7 * 2, WHEEL)
        if layer.scale > 60:  # px a metre; thinner spokes would be drawn too thick
            layer.line((turn.place(hub), spoke), 0.006, (150, 150, 152))
    around = [_rim(turn, hub, a, WHEEL - 0.018) for a in np.linspace(0, 2 * math.pi, 29)]
    layer.line(around, 0.042, tyre)
    layer.ellipse(turn.place(hub), 0.035, 0.035, (120, 120, 124))


def _rim(turn: Turn, hub: Vector, angle: float, radius: float) -> Point:
    return turn.place((0.0, hub[1] + radius * math.sin(angle), hub[2] + radius * math.cos(angle)))


def _side(turn: Turn, at: Vector, out: float) -> Point:
    return turn.place((at[0] + math.copysign(out, at[0]), at[1], at[2]))
