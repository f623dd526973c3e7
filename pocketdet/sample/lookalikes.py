"""Things shaped or dressed like people that are none: coat racks, dress forms, busts, parasols."""

import numpy as np

from pocketdet.sample.layer import Layer, outline
from pocketdet.sample.palette import CLOTH, STONE, material, pick, shade
from pocketdet.sample.props import Prop, Rng
from pocketdet.sample.textures import PATTERNS


def coat_rack(rng: Rng) -> Prop:
    """A stand with a coat on it and a hat on top: clothes without legs, arms or a face."""
    height, half = float(rng.uniform(1.5, 1.9)), float(rng.uniform(0.17, 0.26))
    wood, coat, hat = material(rng), pick(rng, CLOTH), pick(rng, CLOTH)
    pattern, hatted = str(rng.choice(PATTERNS)), rng.random() < 0.6
    hem = height * float(rng.uniform(0.25, 0.5))
    grain = np.random.default_rng(int(rng.integers(2**31)))

    def draw(layer: Layer) -> None:
        for foot in (-0.25, 0.0, 0.25):
            layer.line(((foot, 0.0), (0.0, 0.22)), 0.04, shade(wood, 0.8))
        layer.tube(((0, 0.1), (0, height)), (0.025, 0.025), wood)
        for side in (-1, 1):
            layer.line(((0, height - 0.12), (side * 0.2, height + 0.02)), 0.03, wood)
        path = ((0.0, hem), (0.0, height * 0.75), (0.0, height - 0.12))
        radii = (half * 1.05, half * 0.85, half * 0.4)
        layer.tube(path, radii, coat, 0.15)
        layer.cloth(outline(path, [r * 0.97 for r in radii], 0.15), pattern, coat, grain)
        layer.line(((0, hem), (0.01, height - 0.16)), 0.02, shade(coat, 0.5))
        if hatted:
            layer.ellipse((0, height + 0.03), 0.19, 0.035, shade(hat, 0.8))
            layer.tube(((0, height + 0.04), (0, height + 0.12)), (0.1, 0.09), hat, 0.3)

    return Prop((-0.45, -0.1, 0.45, height + 0.35), draw)


def dress_form(rng: Rng) -> Prop:
    """A tailor's dummy: a dressed trunk on a stick, without head, arms and legs."""
    height = float(rng.uniform(1.3, 1.6))
    body, stick, pattern = material(rng), material(rng), str(rng.choice(PATTERNS))
    skirt = rng.random() < 0.5
    grain = np.random.default_rng(int(rng.integers(2**31)))

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0.03), (0, height * 0.5)), (0.022, 0.022), stick)
        layer.ellipse((0, 0.04), 0.22, 0.05, shade(stick, 0.8))
        low = height * (0.3 if skirt else 0.48)
        levels = (
            (low, 0.24 if skirt else 0.16),
            (0.6, 0.145),
            (0.72, 0.12),
            (0.88, 0.17),
            (1.0, 0.05),
        )
        path = [(0.0, share if i == 0 else share * height) for i, (share, _) in enumerate(levels)]
        radii = [r for _, r in levels]
        layer.tube(path, radii, body, 0.2)
        layer.cloth(outline(path, [r * 0.97 for r in radii], 0.2), pattern, body, grain)
        layer.ball((0, height + 0.05), 0.045, 0.04, stick)

    return Prop((-0.4, -0.1, 0.4, height + 0.25), draw)


def bust(rng: Rng) -> Prop:
    """A stone head and shoulders on a tall plinth."""
    stone, base = pick(rng, STONE), pick(rng, STONE)
    high, half = float(rng.uniform(0.9, 1.4)), float(rng.uniform(0.16, 0.28))

    def draw(layer: Layer) -> None:
        layer.rectangle(-half * 1.25, 0, half * 1.25, 0.14, shade(base, 0.8))
        layer.tube(((0, 0.1), (0, high)), (half, half * 0.95), base, 0.1)
        layer.rectangle(-half * 1.2, high - 0.02, half * 1.2, high + 0.06, shade(base, 1.1))
        path = ((0.0, high + 0.05), (0.0, high + 0.2), (0.0, high + 0.3))
        layer.tube(path, (0.07, 0.2, 0.09), stone, 0.3)
        layer.tube(((0, high + 0.28), (0, high + 0.4)), (0.06, 0.06), stone)
        layer.ball((0, high + 0.49), 0.1, 0.13, stone)

    return Prop((-0.5, -0.1, 0.5, high + 0.8), draw)


def parasol(rng: Rng) -> Prop:
    """A folded parasol: cloth hanging around a pole."""
    height, cloth, pole = float(rng.uniform(1.9, 2.5)), material(rng), material(rng)
    low = height * float(rng.uniform(0.3, 0.5))

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0), (0, height)), (0.025, 0.025), pole)
        layer.tube(((0, 0.02), (0, 0.07)), (0.24, 0.22), shade(pole, 0.8), 0.2)
        path = ((0, low), (0, low + 0.25), (0, height * 0.85), (0, height))
        layer.tube(path, (0.1, 0.15, 0.1, 0.03), cloth, 0.3)
        layer.tube(((0, low + 0.28), (0, low + 0.34)), (0.14, 0.14), shade(cloth, 0.6), 0.2)

    return Prop((-0.4, -0.1, 0.4, height + 0.2), draw)


def bag_pile(rng: Rng) -> Prop:
    """Sacks and boxes, heaped to the height of someone who sits."""
    count = int(rng.integers(2, 6))
    sacks = [
        (
            float(rng.uniform(-0.16, 0.16)),
            0.2 + 0.24 * i,
            float(rng.uniform(0.2, 0.27)),
            material(rng),
        )
        for i in range(count)
    ]

    def draw(layer: Layer) -> None:
        for x, y, r, paint in sacks:
            layer.ball((x, y), r, r * 0.85, paint)
            layer.ball((x + 0.02, y + r * 0.85), r * 0.3, r * 0.25, shade(paint, 0.8))

    return Prop((-0.7, -0.2, 0.7, 0.7 + 0.24 * count), draw)
