"""Draws a person: parts as round tubes around the joints, far parts first."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from pocketdet.sample.camera import Turn
from pocketdet.sample.heads import draw_head
from pocketdet.sample.layer import Layer, Point, outline
from pocketdet.sample.palette import shade
from pocketdet.sample.people import Person

Extent = tuple[float, float, float, float]
# From below the pelvis to the neck: share of the way, half-axes across and through the body.
_TRUNK = (
    (-0.2, 0.09, 0.07), (0.1, 0.086, 0.066), (0.4, 0.082, 0.064), (0.65, 0.1, 0.07),
    (0.86, 0.112, 0.062), (0.96, 0.088, 0.05), (1.03, 0.046, 0.036),
)  # fmt: skip
_HEM = 0.25  # bulge of the ends of cloth


class View:
    """The joints and widths of a person as the viewer sees them."""

    def __init__(self, person: Person) -> None:
        """Look at a person from the side that their yaw turns to the viewer."""
        self.person = person
        self.turn = Turn(person.yaw, person.stature)

    def depth(self, *names: str) -> float:
        """How much nearer than the body's axis these joints are on average, metres."""
        return sum(self.turn.nearness(self.person.joints[name]) for name in names) / len(names)

    def joint(self, name: str) -> Point:
        """A joint on the canvas, metres."""
        return self.turn.place(self.person.joints[name])

    def half_width(self, across: float, through: float) -> float:
        """Seen half-width of a body part whose cross-section is an ellipse, metres.

        Args:
            across: Half-axis from left to right, in statures.
            through: Half-axis from front to back.
        """
        yaw, size = self.turn.yaw, self.turn.size * self.person.build
        return math.hypot(across * math.cos(yaw), through * math.sin(yaw)) * size


def extent(person: Person) -> Extent:
    """A rectangle (left, bottom, right, top) in metres that holds the drawn person."""
    view = View(person)
    places = [view.joint(name) for name in person.joints]
    xs, ys = [x for x, _ in places], [y for _, y in places]
    side, above = 0.22 * person.stature, 0.17 * person.stature
    return (min(xs) - side, min(min(ys), 0) - 0.1, max(xs) + side, max(ys) + above)


def draw(layer: Layer, person: Person, rng: np.random.Generator) -> None:
    """Draw a person; `rng` only moves the pattern of their clothes."""
    view = View(person)
    parts: list[tuple[float, Callable[[], None]]] = [(0.0, partial(_trunk, layer, view, rng))]
    for side in "lr":
        leg = view.depth(f"knee_{side}", f"ankle_{side}")
        parts.append((leg - 0.3 * person.stature, partial(_leg, layer, view, side)))
        arm = view.depth(f"shoulder_{side}", f"elbow_{side}", f"wrist_{side}")
        parts.append((arm * 1.5, partial(_arm, layer, view, side)))
    facing = math.cos(person.yaw)
    parts.append((0.02 + 0.01 * facing, partial(draw_head, layer, view, person)))
    if person.bag == "backpack":
        parts.append((-0.25 * facing + 0.001, partial(_backpack, layer, view)))
    elif person.bag != "none":
        parts.append((0.5, partial(_bag, layer, view)))
    for _, part in sorted(parts, key=lambda part: part[0]):
        part()


def _leg(layer: Layer, view: View, side: str) -> None:
    person, size = view.person, view.person.stature * math.sqrt(view.person.build)
    hip, knee, ankle, toe = (view.joint(f"{j}_{side}") for j in ("hip", "knee", "ankle", "toe"))
    near = view.depth(f"knee_{side}") >= view.depth("knee_r" if side == "l" else "knee_l")
    dim = 1.0 if near else 0.84  # the far leg lies in the near one's shade
    skin, cloth = shade(person.skin, dim), shade(person.bottom, dim)
    bare = person.below in ("shorts", "skirt", "dress")
    layer.tube((ankle, toe), (0.022 * size, 0.017 * size), shade(person.shoes, dim))
    heel = (ankle[0] - 0.2 * (toe[0] - ankle[0]), ankle[1] - 0.012 * size)
    layer.ellipse(heel, 0.024 * size, 0.022 * size, shade(person.shoes, dim * 0.8))
    thigh, calf = (0.05 * size, 0.036 * size), (0.034 * size, 0.028 * size, 0.02 * size)
    middle = _between(knee, ankle, 0.35)
    if bare:
        layer.tube((knee, middle, ankle), (0.031 * size, 0.031 * size, 0.019 * size), skin)
        layer.tube((hip, knee), (0.046 * size, 0.032 * size), skin)
        if person.below == "shorts":
            hem = _between(hip, knee, min(person.hem * 2, 0.95))
            layer.tube((hip, hem), (0.054 * size, 0.05 * size), cloth)
    else:
        layer.tube((knee, middle, ankle), (calf[0], 0.036 * size, 0.029 * size), cloth)
        layer.tube((hip, knee), thigh, cloth)


def _arm(layer: Layer, view: View, side: str) -> None:
    person, size = view.person, view.person.stature * math.sqrt(view.person.build)
    joints = [view.joint(f"{j}_{side}") for j in ("shoulder", "elbow", "wrist")]
    shoulder, elbow, wrist = joints
    depth = view.depth(f"shoulder_{side}", f"elbow_{side}")
    dim = 0.95 if depth >= 0 else 0.8
    skin, cloth = shade(person.skin, dim), shade(person.top, dim)
    reach = math.hypot(wrist[0] - elbow[0], wrist[1] - elbow[1])
    grow = 0.03 * person.stature / max(reach, 0.02)
    hand = (wrist[0] + (wrist[0] - elbow[0]) * grow, wrist[1] + (wrist[1] - elbow[1]) * grow)
    layer.ball(hand, 0.021 * size, 0.024 * size, skin)
    long = person.sleeve >= 0.9
    layer.tube(
        (elbow, wrist), (0.026 * size, (0.021 if long else 0.016) * size), cloth if long else skin
    )
    layer.tube((shoulder, elbow), (0.032 * size, 0.026 * size), cloth if long else skin)
    if 0 < person.sleeve < 0.9:
        end = _between(shoulder, elbow, person.sleeve * 1.6)
        layer.tube((shoulder, end), (0.036 * size, 0.036 * size), cloth)


def _trunk(layer: Layer, view: View, rng: np.random.Generator) -> None:
    person, size = view.person, view.person.stature
    pelvis, neck = view.joint("pelvis"), view.joint("neck")
    layer.tube((neck, view.joint("head")), (0.026 * size, 0.026 * size), shade(person.skin, 0.85))
    path = [_between(pelvis, neck, share) for share, _, _ in _TRUNK]
    radii = [view.half_width(across, through) for _, across, through in _TRUNK]
    hips = view.half_width(0.088, 0.07)
    skirt = _skirt(view, hips) if person.below in ("skirt", "dress", "coat") else None
    if skirt:
        layer.tube(*skirt, person.top if person.below != "skirt" else person.bottom, _HEM)
    elif person.below != "coat":
        seat = (_between(pelvis, neck, -0.16), _between(pelvis, neck, 0.06))
        layer.tube(seat, (hips * 0.92, hips), person.bottom)
    layer.tube(path, radii, person.top, _HEM)
    if person.pattern != "plain":
        shape = outline(path, [r * 0.97 for r in radii], _HEM)
        layer.cloth(shape, person.pattern, person.top, rng)
        if skirt and person.below != "skirt" and person.pattern != "print":
            layer.cloth(outline(*skirt, _HEM), person.pattern, person.top, rng)
    elif person.below == "coat" and math.cos(person.yaw) > 0.3:  # open: what is worn beneath shows
        middle = [_between(pelvis, neck, share) for share in (-0.1, 0.5, 0.95)]
        layer.tube(middle, [0.014 * size, 0.022 * size, 0.03 * size], person.accent)


def _skirt(view: View, hips: float) -> tuple[list[Point], list[float]]:
    """Path and half-widths from the waist over the knees to the hem."""
    person = view.person
    waist = _between(view.joint("pelvis"), view.joint("neck"), 0.12)
    knees = _between(view.joint("knee_l"), view.joint("knee_r"), 0.5)
    ankles = _between(view.joint("ankle_l"), view.joint("ankle_r"), 0.5)
    spread = abs(view.joint("knee_l")[0] - view.joint("knee_r")[0]) / 2
    flare = max(hips * (1.1 + 0.3 * person.hem), spread + 0.045 * person.stature)
    if person.hem <= 0.5:
        hem = _between(view.joint("pelvis"), knees, person.hem * 2)
        return [waist, _between(waist, hem, 0.5), hem], [hips * 0.95, hips * 1.08, flare]
    hem = _between(knees, ankles, person.hem * 2 - 1)
    return [waist, knees, hem], [hips * 0.95, flare, flare * 1.05]


def _backpack(layer: Layer, view: View) -> None:
    person, size = view.person, view.person.stature
    x, y, z = person.joints["neck"]
    px, py, pz = person.joints["pelvis"]
    top = view.turn.place((x, y - 0.03, z - 0.09))
    low = view.turn.place((px, py + 0.06, pz - 0.1))
    wide = view.half_width(0.085, 0.06) / person.build
    layer.tube((top, low), (wide * 0.85, wide), person.accent)
    layer.tube((_between(top, low, 0.6), low), (wide * 0.7, wide * 0.7), shade(person.accent, 0.85))
    if math.cos(person.yaw) > 0.3:
        return  # from the front only what sticks out is seen
    layer.line((_between(top, low, 0.3), _between(top, low, 0.34)), 0.1 * size, person.top)


def _bag(layer: Layer, view: View) -> None:
    person, size = view.person, view.person.stature
    low = min("lr", key=lambda side: person.joints[f"wrist_{side}"][1])
    hand = view.joint(f"wrist_{low}")
    if person.bag == "shoulder":
        shoulder, hip = view.joint("shoulder_r"), view.joint("hip_l")
        layer.line((shoulder, hip), 0.012 * size, shade(person.accent, 0.7))
        hand = (hip[0], hip[1] + 0.05 * size)
    w, h = {"case": (0.11, 0.3)}.get(person.bag, (0.075, 0.1))
    top = max(hand[1] - 0.03 * size, h * size) if person.bag == "case" else hand[1] - 0.05 * size
    left, right = hand[0] - w * size, hand[0] + w * size
    layer.line((hand, (hand[0], top)), 0.015 * size, shade(person.accent, 0.6))
    bottom = max(top - h * size, 0.0)
    layer.rectangle(left, bottom, right, top, person.accent)
    layer.rectangle(left, bottom, right, bottom + 0.3 * (top - bottom), shade(person.accent, 0.8))


def _between(a: Point, b: Point, share: float) -> Point:
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
