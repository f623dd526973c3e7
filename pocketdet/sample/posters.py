"""Posters with people printed on them: figures that are no people, told by frame and print."""

import numpy as np
from PIL import Image as PIL
from PIL import ImageDraw

from pocketdet.sample import figures
from pocketdet.sample.camera import Turn
from pocketdet.sample.layer import Layer
from pocketdet.sample.palette import CLOTH, Colour, ink, material, mix, pick, shade
from pocketdet.sample.people import person
from pocketdet.sample.props import Prop, Rng
from pocketdet.sample.solids import cuboid

DENSITY = 72  # px a metre of the print


def poster(rng: Rng, size_m: tuple[float, float]) -> PIL.Image:
    """A print: one or two figures on a flat ground, with lettering."""
    w, h = (round(side * DENSITY) for side in size_m)
    ground = pick(rng, CLOTH)
    sheet = PIL.new("RGB", (w, h), ink(ground))
    draw = ImageDraw.Draw(sheet)
    if rng.random() < 0.5:
        draw.ellipse((w * 0.1, h * 0.15, w * 0.9, h * 0.15 + w * 0.8), fill=ink(pick(rng, CLOTH)))
    places = [0.5] if rng.random() < (0.6 if w < h else 0.3) else [0.33, 0.7]
    for place in places:
        figure = _figure(rng, h * float(rng.uniform(0.6, 1.3)))
        x = w * (place + float(rng.uniform(-0.08, 0.08))) - figure.width / 2
        sheet.paste(figure, (int(x), int(h * rng.uniform(0.05, 0.2))), figure)
    letters: Colour = (244, 240, 230) if sum(ground) < 400 else (30, 28, 34)
    for row in range(int(rng.integers(1, 4))):
        x, y, high = w * 0.08, h * (0.97 - 0.09 * row), h * 0.05
        while x < w * rng.uniform(0.6, 0.92):
            wide = high * float(rng.uniform(0.3, 0.8))
            draw.rectangle((x, y - high, x + wide, y), fill=ink(letters))
            x += wide + high * 0.25
    if rng.random() < 0.5:  # printed in two inks
        tone = np.asarray(sheet.convert("L"), np.float32)[..., None] / 255
        dark = np.asarray(shade(pick(rng, CLOTH), 0.5))
        light = np.asarray(mix(ground, letters, 0.15))
        sheet = PIL.fromarray((dark + tone * (light - dark)).clip(0, 255).astype(np.uint8))
    return sheet


def _figure(rng: Rng, tall: float) -> PIL.Image:
    """Someone `tall` pixels high, cut out (RGBA)."""
    activity = str(rng.choice(["stand", "walk", "run", "arms_up"]))
    someone = person(rng, activity, float(rng.normal(0, 0.6)))
    # Half the scale: a layer's canvas is at least twice as fine as what it is asked for.
    layer = Layer((0, 0), tall / someone.stature / 2, figures.extent(someone), -0.5)
    figures.draw(layer, someone, rng)
    canvas = layer.flat()
    w, h = (max(round(side * 2 / layer.finer), 1) for side in canvas.size)
    return canvas.resize((w, h))


def stand(rng: Rng) -> Prop:
    """A lit poster case on feet, as high as a person."""
    wide, high, foot = (float(rng.uniform(a, b)) for a, b in ((0.9, 1.3), (1.4, 1.9), (0.15, 0.6)))
    frame, sheet = material(rng), poster(rng, (wide, high))
    turn = Turn(float(rng.choice([-1, 1])) * 0.25)

    def draw(layer: Layer) -> None:
        for side in (-0.35, 0.35):
            layer.rectangle(
                side * wide - 0.05, 0, side * wide + 0.05, foot + 0.1, shade(frame, 0.6)
            )
        half = wide / 2 + 0.1
        cuboid(
            layer, turn, (-half, foot, -0.14), (half, foot + high + 0.2, -0.02), shade(frame, 0.8)
        )
        layer.rectangle(-half, foot, half, foot + high + 0.2, frame)
        layer.paste(sheet, -wide / 2, foot + 0.1, wide / 2, foot + high + 0.1)

    return Prop((-wide / 2 - 0.4, -0.1, wide / 2 + 0.4, foot + high + 0.4), draw)


def billboard(rng: Rng) -> Prop:
    """A wide poster on two legs."""
    wide, high, foot = (float(rng.uniform(a, b)) for a, b in ((2.2, 3.8), (1.5, 2.3), (0.4, 1.4)))
    frame, sheet = material(rng), poster(rng, (wide, high))

    def draw(layer: Layer) -> None:
        for side in (-0.38, 0.38):
            layer.tube(
                ((side * wide, 0), (side * wide, foot + 0.2)), (0.07, 0.07), shade(frame, 0.7)
            )
        layer.rectangle(-wide / 2 - 0.1, foot - 0.1, wide / 2 + 0.1, foot + high + 0.1, frame)
        layer.paste(sheet, -wide / 2, foot, wide / 2, foot + high)

    return Prop((-wide / 2 - 0.3, -0.1, wide / 2 + 0.3, foot + high + 0.3), draw)


def pillar(rng: Rng) -> Prop:
    """A round advertising column; its edges lie in the shade."""
    r, high = float(rng.uniform(0.5, 0.75)), float(rng.uniform(2.4, 3.2))
    body = material(rng)
    sheets = [poster(rng, (r * 1.3, r * 1.9)) for _ in range(2)]

    def draw(layer: Layer) -> None:
        layer.tube(((0, 0.02), (0, high)), (r, r), body, 0.12)
        for i, sheet in enumerate(sheets):
            low = 0.35 + i * (r * 1.9 + 0.1)
            if low + r * 1.9 < high - 0.05:
                layer.paste(sheet, -r * 0.65, low, r * 0.65, low + r * 1.9)
        layer.tube(((0, high), (0, high + 0.12)), (r * 1.15, r * 1.1), shade(body, 0.7), 0.2)
        layer.tube(((0, high + 0.12), (0, high + 0.4)), (r * 0.9, 0.08), shade(body, 0.6), 0.2)

    return Prop((-r - 0.4, -0.2, r + 0.4, high + 0.9), draw)


def easel(rng: Rng) -> Prop:
    """A small board on the pavement before a shop."""
    wide, high = float(rng.uniform(0.5, 0.75)), float(rng.uniform(0.8, 1.15))
    frame, sheet = material(rng), poster(rng, (wide, high))

    def draw(layer: Layer) -> None:
        layer.polygon(
            ((-wide * 0.5, 0), (wide * 0.7, 0.06), (wide * 0.55, high), (-wide * 0.4, high)),
            shade(frame, 0.5),
        )
        layer.rectangle(-wide / 2 - 0.05, 0, wide / 2 + 0.05, high + 0.1, frame)
        layer.paste(sheet, -wide / 2, 0.1, wide / 2, high + 0.05)

    return Prop((-0.6, -0.1, 0.7, high + 0.3), draw)
