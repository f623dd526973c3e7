"""Draws a head: hair, face and hat, from every side."""

import math
from typing import Protocol

from pocketdet.sample.layer import Layer, Point
from pocketdet.sample.palette import mix, shade
from pocketdet.sample.people import Person


class Placed(Protocol):
    """What the head has to know of the body's view."""

    def joint(self, name: str) -> Point:
        """A joint on the canvas, metres."""
        ...


def draw_head(layer: Layer, view: Placed, person: Person) -> None:
    """Draw a person's head on its joint."""
    size = person.stature * person.head
    x, y = view.joint("head")
    facing, turned = math.cos(person.yaw), math.sin(person.yaw)
    rx, ry = (0.36 + 0.07 * abs(turned)) * size, 0.5 * size
    bald = person.haircut == "bald"
    hair = person.skin if bald else person.hair
    if person.hat == "hood":
        hair = person.top
    loose = person.haircut in ("long", "bob", "tail") and person.hat != "hood"
    if loose and facing >= -0.2:
        _loose_hair(layer, person, (x - 0.16 * turned * size, y), rx, size)
    layer.ball((x, y), rx * 1.04, ry * 1.02, hair)
    if facing > -0.75:
        _face(layer, person, (x, y), rx, ry)
    if loose and facing < -0.2:
        _loose_hair(layer, person, (x - 0.16 * turned * size, y), rx, size)
    if person.haircut == "bun" and person.hat == "none":
        bun = (x - 0.36 * turned * size, y + (0.5 - 0.3 * abs(turned)) * size)
        layer.ball(bun, 0.17 * size, 0.17 * size, hair)
    _hat(layer, person, (x, y), rx, ry, turned)


def _loose_hair(layer: Layer, person: Person, centre: Point, rx: float, size: float) -> None:
    x, y = centre
    length = {"bob": 0.55, "long": 1.0, "tail": 1.15}[person.haircut] * size
    wide = rx * (0.4 if person.haircut == "tail" else 1.0)
    path = ((x, y + 0.1 * size), (x, y - 0.4 * length), (x, y - length))
    layer.tube(path, (wide, wide * 1.05, wide * 0.7), person.hair)


def _face(layer: Layer, person: Person, centre: Point, rx: float, ry: float) -> None:
    """Skin over the side that faces; the rest of the head keeps the colour of the hair."""
    (x, y), turned, facing = centre, math.sin(person.yaw), math.cos(person.yaw)
    seen = max(0.0, min(1.0, (facing + 0.75) / 1.2))  # 0 from behind, 1 from the front
    fx, fy = x + turned * rx * 0.34, y - ry * 0.14
    wide, high = rx * (0.5 + 0.36 * seen), ry * 0.82
    layer.ball((fx, fy), wide, high, person.skin)
    if abs(turned) > 0.5:  # in profile: nose and ear
        nose = (x + math.copysign(rx * 0.98, turned), y - ry * 0.12)
        layer.ellipse(nose, rx * 0.16, ry * 0.13, person.skin)
        layer.ellipse(
            (x - turned * rx * 0.1, y - ry * 0.1), rx * 0.15, ry * 0.17, shade(person.skin, 0.8)
        )
    if layer.scale * 2 * rx < 9 or facing < -0.1:  # px; features are lost in smaller heads
        return
    dark = mix(shade(person.skin, 0.4), (25, 20, 20), 0.5)
    for side in (-1, 1):
        sx = fx + (side * 0.36 * max(facing, 0.15) + 0.34 * turned) * rx
        if abs(sx - x) < rx * 0.92:
            layer.ellipse((sx, y - ry * 0.02), rx * 0.12, ry * 0.06, dark)
            layer.ellipse((sx, y + ry * 0.13), rx * 0.18, ry * 0.035, shade(person.hair, 0.8))
    middle = fx + 0.3 * turned * rx
    layer.ellipse((middle, y - ry * 0.28), rx * 0.1, ry * 0.09, shade(person.skin, 0.8))
    layer.ellipse(
        (middle, y - ry * 0.52), rx * 0.24, ry * 0.06, mix(person.skin, (150, 50, 50), 0.5)
    )


def _hat(layer: Layer, person: Person, centre: Point, rx: float, ry: float, turned: float) -> None:
    x, y = centre
    colour, facing = person.accent, math.cos(person.yaw)
    if person.hat in ("none", "hood"):
        return
    crown = [(x + c * rx * 1.12, y + ry * 0.25 + s * ry * 0.88) for c, s in _arch()]
    layer.polygon(crown, shade(colour, 0.85))
    inner = [(x + c * rx * 0.8, y + ry * 0.28 + s * ry * 0.78) for c, s in _arch()]
    layer.polygon(inner, colour)
    if person.hat == "cap":
        ahead = x + turned * rx * 1.25
        layer.ellipse(
            (ahead, y + ry * (0.26 - 0.1 * max(facing, 0))),
            rx * (0.5 + 0.5 * max(facing, 0)),
            ry * 0.14,
            shade(colour, 0.7),
        )
    if person.hat == "brim":
        layer.ellipse((x, y + ry * 0.3), rx * 1.9, ry * 0.2, shade(colour, 0.75))
    if person.hat == "helmet":
        for shift in (-0.45, 0.0, 0.45):
            ends = ((x + shift * rx, y + ry * 0.4), (x + shift * rx * 0.9, y + ry * 0.95))
            layer.line(ends, rx * 0.14, shade(colour, 0.5))
    if person.hat == "beanie":
        layer.rectangle(
            x - rx * 1.1, y + ry * 0.15, x + rx * 1.1, y + ry * 0.4, shade(colour, 0.75)
        )


def _arch() -> list[Point]:
    """The upper half of a circle."""
    return [(math.cos(math.pi * i / 12), math.sin(math.pi * i / 12)) for i in range(13)]
