"""Trees, bushes and pots: trunks in the colours of skin and trousers, crowns like heads."""

import math

from pocketdet.sample.camera import Turn
from pocketdet.sample.layer import Layer, Point
from pocketdet.sample.palette import HAIR, LEAF, SKIN, Colour, material, pick, shade
from pocketdet.sample.props import Prop, Rng
from pocketdet.sample.solids import cuboid

LEAFY = 0.16  # grain of leaves


def tree(rng: Rng) -> Prop:
    """A tree with a trunk, some branches and a crown of leaves."""
    trunk = shade(pick(rng, SKIN + HAIR), 0.8)
    leaf = pick(rng, LEAF, 14)
    fork, r = float(rng.uniform(1.2, 2.6)), float(rng.uniform(0.08, 0.24))
    wide, high = float(rng.uniform(0.8, 2.0)), float(rng.uniform(0.9, 1.8))
    middle = fork + high * 0.8
    bare = rng.random() < 0.15
    bend = float(rng.normal(0, 0.12))
    branches = [(float(a), float(b)) for a, b in rng.uniform((-1, 0.1), (1, 0.9), size=(5, 2))]
    blobs = _blobs(rng, (bend, middle), wide, high, leaf, 0 if bare else 150)

    def draw(layer: Layer) -> None:
        layer.tube(
            ((0, 0), (bend * 0.4, fork * 0.5), (bend, fork + 0.4)), (r * 1.3, r, r * 0.8), trunk
        )
        for out, up in branches:
            tip = (bend + out * wide * 0.8, fork + up * high * 1.5)
            layer.tube(((bend, fork * 0.9), tip), (r * 0.5, r * 0.2), shade(trunk, 0.9))
        for centre, size, colour in blobs:
            layer.ellipse(centre, size, size * 0.8, colour)

    return Prop((-wide - 0.7, -0.1, wide + 0.7, middle + high + 0.7), draw, LEAFY)


def sapling(rng: Rng) -> Prop:
    """A young tree as tall as a person: a stem with a round crown, tied to a stake."""
    height, crown = float(rng.uniform(1.2, 1.9)), float(rng.uniform(0.2, 0.45))
    stem, leaf, tie = shade(pick(rng, SKIN + HAIR), 0.85), pick(rng, LEAF, 14), material(rng)
    blobs = _blobs(rng, (0.0, height), crown, crown * 1.3, leaf, 40)

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (0.05, 0.035), stem)
        layer.tube(((0.1, 0), (0.1, height * 0.7)), (0.03, 0.03), tie)
        for centre, size, colour in blobs:
            layer.ellipse(centre, size, size, colour)

    return Prop((-0.8, -0.1, 0.8, height + 1.0), draw, LEAFY)


def cypress(rng: Rng) -> Prop:
    """A slim conifer or clipped shrub with a person's outline."""
    height, wide = float(rng.uniform(1.3, 2.6)), float(rng.uniform(0.22, 0.4))
    leaf = pick(rng, LEAF, 14)
    places = [(0.0, height * share) for share in (0.15, 0.4, 0.7, 0.9)]
    widths = [wide * share for share in (0.8, 1.0, 0.7, 0.3)]
    blobs = _blobs(rng, (0.0, height * 0.5), wide * 0.8, height * 0.4, leaf, 60)

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, 0.4)), (0.07, 0.07), (84, 62, 46))
        layer.tube(places, widths, shade(leaf, 0.85))
        for centre, size, colour in blobs:
            layer.ellipse(centre, size * 0.5, size * 0.6, colour)

    return Prop((-0.7, -0.1, 0.7, height + 0.5), draw, LEAFY)


def planter(rng: Rng) -> Prop:
    """A box or hedge that hides what stands behind it up to the waist."""
    half, high = float(rng.uniform(0.4, 1.4)), float(rng.uniform(0.35, 0.7))
    box, leaf = material(rng), pick(rng, LEAF, 14)
    grown = float(rng.uniform(0.15, 0.5))
    blobs = _blobs(rng, (0.0, high + grown * 0.5), half * 0.9, grown, leaf, 60)
    turn = Turn(float(rng.normal(0, 0.3)))

    def draw(layer: Layer) -> None:
        cuboid(layer, turn, (-half, 0, -0.25), (half, high, 0.25), box)
        for centre, size, colour in blobs:
            layer.ellipse(centre, min(size, 0.22), min(size, 0.2), colour)

    return Prop((-half - 0.5, -0.2, half + 0.5, high + 2 * grown + 0.4), draw, LEAFY)


def _blobs(
    rng: Rng, centre: Point, wide: float, high: float, leaf: Colour, count: int
) -> list[tuple[Point, float, Colour]]:
    """Balls of leaves filling an ellipse, dark ones first."""
    found = []
    for i in range(count):
        angle, out = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform(0, 1))
        x, y = out * math.cos(angle), out * math.sin(angle)
        place = (centre[0] + x * wide, centre[1] + y * high)
        size = float(rng.uniform(0.1, 0.25)) * min(wide, high)
        bright = 0.55 + 0.55 * i / count + 0.12 * y + float(rng.normal(0, 0.05))
        found.append((place, size * (1.5 - 0.8 * i / count), shade(leaf, max(bright, 0.2))))
    return found


def pot(rng: Rng) -> Prop:
    """A flower pot with a bunch of colours."""
    high = float(rng.uniform(0.4, 0.8))
    clay = material(rng)
    flowers = [(float(a), float(b)) for a, b in rng.uniform((-0.35, 0), (0.35, 0.5), size=(18, 2))]
    paints = [material(rng) if i % 2 else pick(rng, LEAF) for i in range(18)]

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, high)), (0.18, 0.28), clay, 0.2)
        for (x, y), paint in zip(flowers, paints, strict=True):
            layer.ellipse((x, high + y), 0.11, 0.1, paint)

    return Prop((-0.6, -0.15, 0.6, high + 0.8), draw)
