"""Colours, as (red, green, blue) in 0..255.

People, street furniture, vehicles, posters and tree trunks all draw from the same lists, so that
no colour gives a person away.
"""

import numpy as np

Colour = tuple[float, float, float]

SKIN: tuple[Colour, ...] = (
    (241, 205, 178), (229, 184, 150), (214, 162, 125), (190, 136, 99), (160, 108, 75),
    (131, 85, 58), (101, 66, 47), (74, 49, 38),
)  # fmt: skip
HAIR: tuple[Colour, ...] = (
    (28, 23, 22), (46, 33, 26), (78, 52, 34), (116, 78, 46), (164, 120, 68), (200, 168, 112),
    (150, 70, 40), (150, 148, 146), (210, 208, 204),
)  # fmt: skip
CLOTH: tuple[Colour, ...] = (
    (30, 32, 38), (58, 60, 66), (96, 98, 102), (150, 150, 150), (205, 203, 198), (236, 234, 228),
    (38, 52, 92), (56, 88, 150), (96, 142, 196), (160, 196, 222), (44, 66, 60), (64, 104, 72),
    (120, 146, 92), (186, 196, 140), (136, 40, 42), (192, 52, 50), (222, 110, 92), (238, 172, 150),
    (196, 120, 48), (226, 168, 66), (240, 214, 120), (92, 58, 96), (144, 96, 156), (206, 160, 200),
    (84, 62, 46), (128, 96, 68), (176, 146, 110), (214, 192, 160), (40, 116, 120), (216, 84, 128),
)  # fmt: skip
DENIM: tuple[Colour, ...] = ((38, 48, 74), (58, 76, 112), (88, 110, 146), (128, 146, 172))
LEAF: tuple[Colour, ...] = (
    (52, 84, 40), (70, 106, 48), (92, 126, 58), (118, 140, 62), (150, 150, 66), (176, 124, 50),
    (168, 84, 48), (60, 92, 66),
)  # fmt: skip
STONE: tuple[Colour, ...] = (
    (196, 186, 170), (176, 160, 140), (160, 156, 150), (142, 134, 124), (206, 200, 188),
    (178, 122, 92), (156, 92, 72), (120, 74, 60), (214, 190, 146), (190, 168, 160), (222, 214, 204),
    (150, 160, 164), (204, 176, 164), (118, 116, 116),
)  # fmt: skip


def pick(rng: np.random.Generator, colours: tuple[Colour, ...], spread: float = 10.0) -> Colour:
    """One of the colours, off by `spread` (standard deviation, of 255)."""
    base = colours[int(rng.integers(len(colours)))]
    return tint(base, rng, spread)


def tint(colour: Colour, rng: np.random.Generator, spread: float) -> Colour:
    """The colour, off by `spread` in brightness and by a third of it in hue."""
    common, *own = (rng.standard_normal(4) * spread).tolist()
    r, g, b = (c + common + o / 3 for c, o in zip(colour, own, strict=True))
    return clamp((r, g, b))


def material(rng: np.random.Generator) -> Colour:
    """What things in the street are made of: any colour that a person wears or is."""
    lists = (CLOTH, CLOTH, SKIN, DENIM, HAIR)
    return pick(rng, lists[int(rng.integers(len(lists)))])


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, `factor` times as bright."""
    r, g, b = colour
    return clamp((r * factor, g * factor, b * factor))


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b in a."""
    r, g, bl = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return (r, g, bl)


def ink(colour: Colour) -> tuple[int, int, int]:
    """The colour as Pillow takes it."""
    r, g, b = colour
    return (int(r), int(g), int(b))


def clamp(colour: Colour) -> Colour:
    """Within 0..255."""
    r, g, b = colour
    return (min(max(r, 0.0), 255.0), min(max(g, 0.0), 255.0), min(max(b, 0.0), 255.0))
