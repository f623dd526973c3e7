"""Decides what stands where: people alone and in groups, riders, crowds, and all around them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from pocketdet.sample import barriers, bicycles, figures, people
from pocketdet.sample.backdrops import Backdrop, backdrop
from pocketdet.sample.camera import Camera, camera
from pocketdet.sample.catalogue import cover, decoy
from pocketdet.sample.layer import Layer
from pocketdet.sample.placing import STATURE, Ground
from pocketdet.sample.props import Prop, Rng

Kind = Literal["person", "bicycle", "crowd", "prop"]
EMPTY = 0.06  # share of pictures without an object
CROWDED = 0.17  # share of the others with a crowd
OVERLAP = 0.25  # of the smaller of two objects, at most
# How many of each a picture has: index = number, value = share of the pictures.
RIDERS = (0.5, 0.38, 0.12)
PARKED = (0.45, 0.32, 0.15, 0.08)
SITTERS = (0.74, 0.2, 0.06)
GROUPS = (0.0, 0.16, 0.32, 0.32, 0.2)
GROUP_SIZES = (0.0, 0.54, 0.32, 0.14)
STANDING = {"stand": 0.36, "walk": 0.34, "run": 0.12, "arms_up": 0.12, "crouch": 0.06}
CARD = (0.5, STATURE)  # metres, width and height that a person takes


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing in a scene.

    Attributes:
        kind: What it is to the annotator.
        x: Metres to the right of the camera's axis.
        z: Metres before the camera.
        extent: (left, bottom, right, top), metres around its foot.
        draw: Draws it on a layer.
        unit: Things of the same number belong together: a rider and the bicycle, a crowd.
        activity: Of a person, one of skeleton.ACTIVITIES.
        grain: Contrast of its material, of 1.
    """

    kind: Kind
    x: float
    z: float
    extent: figures.Extent
    draw: Callable[[Layer], None]
    unit: int
    activity: str = ""
    grain: float = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """A camera, what is behind everything, and the things before it, far ones first."""

    camera: Camera
    backdrop: Backdrop
    things: list[Thing]


class Director:
    """Fills a scene; every choice is drawn from one generator, in a fixed order."""

    def __init__(self, rng: Rng, size_wh: tuple[int, int]) -> None:
        """Choose camera and backdrop."""
        self.rng = rng
        self.camera = camera(rng, size_wh)
        self.backdrop = backdrop(rng, self.camera)
        self.ground = Ground(rng, self.camera, self.backdrop.room)
        self.things: list[Thing] = []
        self._units = 0

    def scene(self) -> Scene:
        """A whole scene."""
        if self.rng.random() >= EMPTY:
            if self.rng.random() < CROWDED:
                self._crowd()
            for place, shares in (
                (self._rider, RIDERS),
                (self._parked, PARKED),
                (self._sitters, SITTERS),
                (self._group, GROUPS),
            ):
                for _ in range(self._number(shares)):
                    place()
        for _ in range(int(self.rng.integers(2, 7))):
            prop = decoy(self.rng)
            left, _, right, top = prop.extent
            sizes = (0.1, 0.4 if right - left > 2.5 else 0.7)  # a near car would be all there is
            if spot := self.ground.spot(sizes, right - left, top, OVERLAP):
                self._prop(prop, *spot)
        self.things.sort(key=lambda thing: -thing.z)
        return Scene(self.camera, self.backdrop, self.things)

    def _group(self) -> None:
        """One to three people side by side, each perhaps behind something."""
        rng = self.rng
        spot = self.ground.spot((0.2, 0.85), *CARD, OVERLAP)
        if not spot:
            return
        x, z = spot
        activity = str(rng.choice(list(STANDING), p=list(STANDING.values())))
        yaw = None if rng.random() < 0.4 else float(rng.uniform(0, 2 * math.pi))
        for i in range(self._number(GROUP_SIZES)):
            if i:
                x += float(rng.uniform(0.5, 0.9))
                z *= float(rng.uniform(0.93, 1.07))
                if not self.ground.free(x, z, *CARD, OVERLAP):
                    continue
            self._person(people.person(rng, activity, yaw), x, z, self._unit())
            if rng.random() < 0.17:
                self._cover(x, z)

    def _sitters(self) -> None:
        """One or two people on a bench."""
        rng = self.rng
        spot = self.ground.spot((0.26, 0.7), 0.9, 1.35, OVERLAP)
        if not spot:
            return
        (x, z), yaw = spot, float(rng.choice([0, 0.5, 1, 1.5]) * math.pi + rng.normal(0, 0.3))
        behind = 0.15 if math.cos(yaw) > -0.2 else -0.15  # its back hides who is seen from behind
        self._prop(barriers.bench(rng, yaw), x, z + behind)
        for side in (0.0, 0.62) if rng.random() < 0.35 else (0.0,):
            someone = people.person(rng, "sit", yaw + float(rng.normal(0, 0.12)))
            self._person(someone, x + side * math.cos(yaw), z - 0.01 * side, self._unit())

    def _rider(self) -> None:
        """Someone on a bicycle."""
        rng = self.rng
        spot = self.ground.spot((0.28, 0.8), 1.3, 1.8, OVERLAP)
        if not spot:
            return
        (x, z), unit = spot, self._unit()
        yaw = float(rng.choice([0, 0.5, 1.0, 1.5], p=[0.15, 0.35, 0.15, 0.35]) * math.pi)
        bike = bicycles.bicycle(rng, yaw + float(rng.normal(0, 0.35)))
        posed = partial(bicycles.rider, bike, lean=float(rng.uniform(8, 45)))
        front = -0.02 if math.cos(bike.yaw) > 0.3 else 0.02  # the wheel hides a rider who comes
        self._bicycle(bike, x, z + front, unit)
        self._person(people.person(rng, "ride", bike.yaw, posed), x, z, unit)

    def _parked(self) -> None:
        """A bicycle alone."""
        rng = self.rng
        if spot := self.ground.spot((0.26, 0.75), 1.5, 1.1, OVERLAP):
            yaw = float(rng.choice([0.5, 1.5]) * math.pi + rng.normal(0, 0.55))
            self._bicycle(bicycles.bicycle(rng, yaw), *spot, self._unit())
            if rng.random() < 0.15:
                self._cover(*spot)

    def _crowd(self) -> None:
        """Many people, small and close together: annotated as one group."""
        rng = self.rng
        spot = self.ground.spot((0.07, 0.12), 4.0, 1.8, OVERLAP)
        if not spot:
            return
        (x, z), unit, wide = spot, self._unit(), float(rng.uniform(1.5, 3.5))
        for _ in range(int(rng.integers(9, 18))):
            someone = people.person(rng, str(rng.choice(["stand", "walk", "walk", "arms_up"])))
            place = x + float(rng.uniform(-wide, wide))
            self._person(someone, place, z * float(rng.uniform(0.94, 1.1)), unit, "crowd")
        self.ground.take(x, z, 2 * wide, 1.8)

    def _person(
        self, someone: people.Person, x: float, z: float, unit: int, kind: Kind = "person"
    ) -> None:
        seed = int(self.rng.integers(2**31))

        def draw(layer: Layer) -> None:
            figures.draw(layer, someone, np.random.default_rng(seed))

        extent = figures.extent(someone)
        self.things.append(Thing(kind, x, z, extent, draw, unit, someone.activity, grain=0.08))
        if kind == "person":
            self.ground.take(x, z, *CARD)

    def _bicycle(self, bike: bicycles.Bicycle, x: float, z: float, unit: int) -> None:
        draw = partial(bicycles.draw, bike=bike)
        self.things.append(Thing("bicycle", x, z, bicycles.extent(bike), draw, unit, grain=0.02))
        self.ground.take(x, z, 1.3, 1.0)

    def _cover(self, x: float, z: float) -> None:
        """Something just before a person or bicycle, to hide a part of it."""
        prop = cover(self.rng)
        nearer = z * float(self.rng.uniform(0.8, 0.95))
        half = min((prop.extent[2] - prop.extent[0]) / 2, 1.5)
        aside = float(self.rng.choice([-1, 1]) * self.rng.uniform(0.2, 0.9)) * half
        self._prop(prop, x * nearer / z + aside, nearer)

    def _prop(self, prop: Prop, x: float, z: float) -> None:
        thing = Thing("prop", x, z, prop.extent, prop.draw, self._unit(), grain=prop.grain)
        self.things.append(thing)

    def _number(self, shares: tuple[float, ...]) -> int:
        return int(self.rng.choice(len(shares), p=shares))

    def _unit(self) -> int:
        self._units += 1
        return self._units
