"""What a prop is, and the poles of a street: posts, bollards, lamps, signs, meters, hydrants."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pocketdet.sample.layer import Layer
from pocketdet.sample.palette import SKIN, Colour, material, pick, shade

Rng = np.random.Generator
Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Prop:
    """Something that is no object of a class, but may hide one or be taken for one.

    Attributes:
        extent: (left, bottom, right, top), metres around the point where it stands.
        draw: Draws it on a layer that holds the extent.
        grain: Contrast of its material, of 1.
    """

    extent: Extent
    draw: Callable[[Layer], None]
    grain: float = 0.05


def post(rng: Rng) -> Prop:
    """A post as tall as people, often with a knob of the size of a head."""
    height, r = float(rng.uniform(1.0, 2.1)), float(rng.uniform(0.05, 0.2))
    body, knob, band = material(rng), material(rng), material(rng)
    knobbed, banded = rng.random() < 0.6, rng.random() < 0.6
    split = float(rng.uniform(0.4, 0.65))

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (r, r * 0.9), body, 0.3)
        if banded:  # as a shirt and trousers part a body
            layer.tube(((0, height * split), (0, height * 0.97)), (r * 1.04, r), band, 0.2)
        if knobbed:
            layer.ball((0, height + 0.1), 0.1, 0.125, knob)

    return Prop((-0.3, -0.1, 0.3, height + 0.35), draw)


def bollard(rng: Rng) -> Prop:
    """A short thick post."""
    height, r = float(rng.uniform(0.6, 1.1)), float(rng.uniform(0.08, 0.16))
    body, ring = material(rng), material(rng)

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (r, r), body, 0.4)
        layer.tube(((0, height * 0.7), (0, height * 0.82)), (r * 1.02, r * 1.02), ring, 0.2)

    return Prop((-0.25, -0.1, 0.25, height + 0.2), draw)


def lamp(rng: Rng) -> Prop:
    """A street lamp."""
    height, paint = float(rng.uniform(3, 5.5)), material(rng)
    arm = float(rng.choice([-1, 0, 1])) * 0.9

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, 0.9)), (0.11, 0.08), paint, 0.1)
        layer.tube(((0, 0.8), (0, height)), (0.06, 0.045), paint)
        if arm:
            layer.line(((0, height), (arm, height + 0.15)), 0.06, shade(paint, 0.8))
            layer.ellipse((arm, height + 0.1), 0.3, 0.07, (225, 222, 205))
        else:
            layer.ball((0, height + 0.2), 0.2, 0.25, (228, 224, 206))

    return Prop((-1.3, -0.1, 1.3, height + 0.6), draw)


def sign(rng: Rng) -> Prop:
    """A traffic sign: round, triangular or square, some with a pictogram of a person."""
    height, r = float(rng.uniform(1.7, 2.6)), float(rng.uniform(0.25, 0.38))
    paint = pick(rng, ((190, 40, 44), (40, 86, 170), (236, 230, 222), (230, 180, 50)), 12)
    inner = (236, 234, 228) if rng.random() < 0.5 else shade(paint, 0.9)
    corners = int(rng.choice([3, 4, 20]))
    man = rng.random() < 0.5

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (0.035, 0.035), (140, 142, 145))
        for size, colour in ((r, paint), (r * 0.76, inner)):
            turn = {3: math.pi / 2, 4: math.pi / 4, 20: 0.0}[corners]
            layer.polygon(
                [
                    (size * math.cos(turn + a), height + size * math.sin(turn + a))
                    for a in np.linspace(0, 2 * math.pi, corners, endpoint=False)
                ],
                colour,
            )
        if man:
            _pictogram(layer, (0, height - 0.1 * r), r * 0.9, (25, 25, 28))

    return Prop((-0.5, -0.1, 0.5, height + 0.5), draw)


def traffic_light(rng: Rng) -> Prop:
    """A light for pedestrians: a red or a green man in a box on a pole."""
    height, paint = float(rng.uniform(2.0, 2.8)), material(rng)
    red = rng.random() < 0.5

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (0.06, 0.06), paint)
        layer.rectangle(-0.16, height - 0.1, 0.16, height + 0.6, (30, 32, 34))
        for middle, colour, on in (
            (height + 0.43, (235, 50, 40), red),
            (height + 0.1, (60, 220, 120), not red),
        ):
            _pictogram(layer, (0, middle), 0.13, colour if on else shade(colour, 0.2))

    return Prop((-0.3, -0.1, 0.3, height + 0.8), draw)


def hydrant(rng: Rng) -> Prop:
    """A hydrant: a body, two arms and a round head."""
    paint, size = material(rng), float(rng.uniform(0.8, 1.3))

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, 0.55 * size)), (0.13 * size, 0.12 * size), paint, 0.2)
        arms = ((-0.22 * size, 0.42 * size), (0.22 * size, 0.42 * size))
        layer.tube(arms, (0.05 * size, 0.05 * size), shade(paint, 0.9))
        layer.ball((0, 0.62 * size), 0.12 * size, 0.13 * size, paint)

    return Prop((-0.45, -0.1, 0.45, 1.1), draw)


def meter(rng: Rng) -> Prop:
    """A parking meter or letter box: a box the colour of a shirt on one leg."""
    leg, box, slot = material(rng), material(rng), pick(rng, SKIN)
    low, high, half = (float(rng.uniform(a, b)) for a, b in ((0.7, 1), (1.2, 1.7), (0.12, 0.26)))

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, low + 0.1)), (0.07, 0.07), leg)
        layer.rectangle(-half, low, half, high, box)
        layer.rectangle(-half, low, -half * 0.5, high, shade(box, 0.75))
        layer.rectangle(-half * 0.6, high - 0.2, half * 0.6, high - 0.08, slot)
        layer.ellipse((0, high), half, 0.1, shade(box, 1.1))

    return Prop((-0.35, -0.1, 0.35, high + 0.2), draw)


def _pictogram(layer: Layer, centre: tuple[float, float], size: float, colour: Colour) -> None:
    """A walking man as printed on signs."""
    x, y = centre
    layer.ellipse((x, y + 0.62 * size), 0.14 * size, 0.14 * size, colour)
    for path, width in (
        (((0, 0.4), (0, -0.1)), 0.26),
        (((0, -0.1), (-0.28, -0.65)), 0.14),
        (((0, -0.1), (0.26, -0.65)), 0.14),
        (((0, 0.36), (-0.32, 0.02)), 0.1),
        (((0, 0.36), (0.32, 0.05)), 0.1),
    ):
        ends = [(x + a * size, y + b * size) for a, b in path]
        layer.polygon(_bar(ends, width * size), colour)


def _bar(ends: list[tuple[float, float]], width: float) -> list[tuple[float, float]]:
    (ax, ay), (bx, by) = ends
    length = math.hypot(bx - ax, by - ay)
    nx, ny = (ay - by) / length * width / 2, (bx - ax) / length * width / 2
    return [(ax + nx, ay + ny), (bx + nx, by + ny), (bx - nx, by - ny), (ax - nx, ay - ny)]
