"""Cars and vans: what people stand behind."""

import math

from pocketdet.sample.camera import Turn
from pocketdet.sample.layer import Layer
from pocketdet.sample.palette import Colour, material, shade
from pocketdet.sample.props import Prop, Rng
from pocketdet.sample.solids import Profile, decal, disc, prism

GLASS: Colour = (58, 70, 82)


def car(rng: Rng, yaw: float) -> Prop:
    """A car: body, glasshouse, wheels and lights, in the frame of its yaw."""
    length, half = float(rng.uniform(3.7, 4.7)), float(rng.uniform(0.82, 0.92))
    belt, roof = 0.86, float(rng.uniform(1.38, 1.62))
    nose, tail = length / 2, -length / 2
    rear = tail + float(rng.choice([0.1, 0.35, 0.8]))  # estate, hatchback, saloon
    return _vehicle(
        Turn(yaw),
        half,
        material(rng),
        shade(GLASS, float(rng.uniform(0.7, 1.5))),
        body=((tail, 0.28), (nose, 0.28), (nose, 0.68), (nose - 0.9, belt), (tail, belt)),
        top=((rear - 0.1, belt), (nose - 0.95, belt), (nose - 1.7, roof), (rear + 0.4, roof)),
        panes=(
            _pane((rear + 0.25, rear + 1.15), (rear + 0.5, rear + 1.15), belt, roof),
            _pane((rear + 1.25, nose - 1.15), (rear + 1.25, nose - 1.75), belt, roof),
        ),
    )


def van(rng: Rng, yaw: float) -> Prop:
    """A van, tall enough to hide a person."""
    length, half = float(rng.uniform(4.8, 5.6)), float(rng.uniform(0.95, 1.02))
    belt, roof = 1.1, float(rng.uniform(2.0, 2.5))
    nose, tail = length / 2, -length / 2
    return _vehicle(
        Turn(yaw),
        half,
        material(rng),
        shade(GLASS, float(rng.uniform(0.7, 1.2))),
        body=((tail, 0.3), (nose, 0.3), (nose, 0.9), (nose - 0.5, belt), (tail, belt)),
        top=((tail, belt), (nose - 0.5, belt), (nose - 1.25, roof), (tail + 0.05, roof)),
        panes=(_pane((nose - 2.1, nose - 0.75), (nose - 2.1, nose - 1.3), belt, roof - 0.15),),
    )


def _pane(low: tuple[float, float], high: tuple[float, float], belt: float, roof: float) -> Profile:
    """A side window: where its lower and its upper edge begin and end."""
    bottom, top = belt + 0.05, roof - 0.08
    return ((low[0], bottom), (low[1], bottom), (high[1], top), (high[0], top))


def _vehicle(
    turn: Turn,
    half: float,
    paint: Colour,
    glass: Colour,
    body: Profile,
    top: Profile,
    panes: tuple[Profile, ...],
) -> Prop:
    """Put a vehicle together from the side views of its body and its glasshouse."""
    (tail, _), (nose, _), roof = body[0], body[1], top[2][1]
    hubs = (nose - 0.78, tail + 0.75)
    ahead = math.cos(turn.yaw)

    def draw(layer: Layer) -> None:
        for hub in hubs:  # seen below the body
            for side in (-1, 1):
                tyre = disc(hub, 0.32, 0.32)
                prism(layer, turn, tyre, 0.1, [(24, 24, 26)], (side * (half - 0.12), 0.0))
        prism(layer, turn, body, half, [paint])
        prism(layer, turn, top, half * 0.92, [paint, glass, paint, glass, paint])
        for side in (-1, 1):
            for pane in panes:
                decal(layer, turn, side * half * 0.93, pane, shade(glass, 0.95))
            for hub in hubs:
                decal(layer, turn, side * half, disc(hub, 0.34, 0.4), shade(paint, 0.35))
                decal(layer, turn, side * half, disc(hub, 0.32, 0.32), (26, 26, 28))
                decal(layer, turn, side * half, disc(hub, 0.32, 0.19), (158, 160, 164))
            handle: Profile = ((0.1, 0.74), (0.3, 0.74), (0.3, 0.78), (0.1, 0.78))
            decal(layer, turn, side * half, handle, shade(paint, 0.5))
        if abs(ahead) > 0.15:
            end, lamp = (nose, (240, 236, 214)) if ahead > 0 else (tail, (196, 40, 36))
            for side in (-1, 1):
                x = side * half * 0.72
                lights = [(x - 0.17, 0.56), (x + 0.17, 0.56), (x + 0.17, 0.68), (x - 0.17, 0.68)]
                layer.polygon([turn.place((u, y, end)) for u, y in lights], lamp)
            plate = ((-0.26, 0.4), (0.26, 0.4), (0.26, 0.5), (-0.26, 0.5))
            layer.polygon([turn.place((u, y, end)) for u, y in plate], (228, 226, 216))

    reach = nose * abs(math.sin(turn.yaw)) + half * abs(ahead) + 0.2
    return Prop((-reach, -0.6, reach, roof + 0.5), draw)
