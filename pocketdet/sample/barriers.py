"""Street furniture that people sit on or stand behind: benches, fences, walls, bins, cones."""

from pocketdet.sample.camera import Turn
from pocketdet.sample.layer import Layer
from pocketdet.sample.palette import material, shade
from pocketdet.sample.props import Prop, Rng
from pocketdet.sample.solids import cuboid

SEAT = 0.45  # metres


def bench(rng: Rng, yaw: float) -> Prop:
    """A bench that faces where its sitter does; `z` is ahead, so the back is at negative z."""
    half, paint, leg = float(rng.uniform(0.5, 0.9)), material(rng), material(rng)
    backed = rng.random() < 0.7
    turn = Turn(yaw)

    def draw(layer: Layer) -> None:
        if backed and turn.nearness((0, 0, 1)) > 0:
            _back(layer)
        for side in (-0.8, 0.8):
            x = side * half
            cuboid(layer, turn, (x - 0.04, 0, -0.2), (x + 0.04, SEAT - 0.04, 0.2), leg)
        cuboid(layer, turn, (-half, SEAT - 0.07, -0.24), (half, SEAT, 0.22), paint)
        if backed and turn.nearness((0, 0, 1)) <= 0:
            _back(layer)

    def _back(layer: Layer) -> None:
        for low in (0.55, 0.72):
            cuboid(layer, turn, (-half, low, -0.3), (half, low + 0.11, -0.25), shade(paint, 0.95))
        for side in (-0.8, 0.8):
            x = side * half
            cuboid(layer, turn, (x - 0.03, SEAT, -0.3), (x + 0.03, 0.85, -0.27), leg)

    return Prop((-half - 0.5, -0.2, half + 0.5, 1.2), draw)


def fence(rng: Rng) -> Prop:
    """A railing: what stands behind is seen through its bars."""
    half, high, paint = float(rng.uniform(0.8, 2.2)), float(rng.uniform(0.8, 1.2)), material(rng)
    pitch = float(rng.uniform(0.12, 0.4))

    def draw(layer: Layer) -> None:
        for y in (0.12, high):
            layer.line(((-half, y), (half, y)), 0.05, paint)
        for i in range(int(2 * half / pitch) + 1):
            x = -half + i * pitch
            layer.line(((x, 0), (x, high)), 0.03, shade(paint, 0.85))

    return Prop((-half - 0.2, -0.1, half + 0.2, high + 0.2), draw)


def low_wall(rng: Rng) -> Prop:
    """A wall or counter up to the hips."""
    half, high, paint = float(rng.uniform(0.5, 1.8)), float(rng.uniform(0.5, 1.0)), material(rng)
    turn = Turn(float(rng.normal(0, 0.25)))

    def draw(layer: Layer) -> None:
        cuboid(layer, turn, (-half, 0, -0.12), (half, high, 0.12), paint)
        cuboid(
            layer,
            turn,
            (-half - 0.04, high, -0.16),
            (half + 0.04, high + 0.07, 0.16),
            shade(paint, 1.15),
        )

    return Prop((-half - 0.5, -0.5, half + 0.5, high + 0.6), draw)


def bin_(rng: Rng) -> Prop:
    """A litter bin."""
    half, high, paint = float(rng.uniform(0.18, 0.3)), float(rng.uniform(0.75, 1.15)), material(rng)
    turn = Turn(float(rng.normal(0, 0.5)))

    def draw(layer: Layer) -> None:
        cuboid(layer, turn, (-half, 0, -half), (half, high, half), paint)
        cuboid(
            layer,
            turn,
            (-half - 0.03, high, -half),
            (half + 0.03, high + 0.1, half),
            shade(paint, 0.7),
        )
        layer.ellipse((0, high - 0.14), half * 0.6, 0.06, (28, 28, 28))

    return Prop((-half - 0.4, -0.3, half + 0.4, high + 0.4), draw)


def cone(rng: Rng) -> Prop:
    """A traffic cone."""
    high, paint, band = float(rng.uniform(0.5, 0.9)), material(rng), (236, 234, 228)

    def draw(layer: Layer) -> None:
        layer.rectangle(-0.22, 0, 0.22, 0.05, shade(paint, 0.7))
        layer.tube(((0, 0.05), (0, high)), (0.16, 0.03), paint, 0.2)
        layer.tube(((0, high * 0.45), (0, high * 0.68)), (0.11, 0.08), band, 0.1)

    return Prop((-0.35, -0.1, 0.35, high + 0.1), draw)


def kiosk_table(rng: Rng) -> Prop:
    """A round table on one leg with things on it."""
    r, high, paint = float(rng.uniform(0.3, 0.5)), float(rng.uniform(0.7, 1.1)), material(rng)
    things = [
        (float(rng.uniform(-0.7, 0.7)) * r, float(rng.uniform(0.08, 0.3)), material(rng))
        for _ in range(3)
    ]

    def draw(layer: Layer) -> None:
        layer.ellipse((0, 0.02), r * 0.6, 0.05, shade(paint, 0.6))
        layer.tube(((0, 0), (0, high)), (0.04, 0.04), shade(paint, 0.8))
        layer.ellipse((0, high), r, 0.07, paint)
        for x, tall, colour in things:
            layer.tube(((x, high), (x, high + tall)), (0.05, 0.04), colour, 0.3)

    return Prop((-r - 0.3, -0.1, r + 0.3, high + 0.5), draw)
