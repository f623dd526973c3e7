"""From pixels to the plan of a place and back, through air."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.sample.camera import Camera
from pocketdet.sample.palette import Colour

Field = npt.NDArray[np.float32]
FAR = 120.0  # metres; beyond it everything is haze


@dataclass(frozen=True, slots=True)
class Sight:
    """A camera in a place whose plan has u across the street and v along it, in metres.

    Attributes:
        camera: It stands at v = 0.
        yaw: How far it is turned from the street, radians.
        shift: Its u.
        light: Where the sun is, -1 left to 1 right.
        haze: Colour of the air.
        haze_m: Metres in which haze takes 63 % of a colour.
    """

    camera: Camera
    yaw: float
    shift: float
    light: float
    haze: Colour
    haze_m: float

    def slopes(self) -> tuple[Field, Field]:
        """U and v gained per metre of depth, of every column (w,)."""
        w = self.camera.size_wh[0]
        rays = (np.arange(w, dtype=np.float32) + np.float32(0.5 - w / 2)) / self.camera.focal
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return (rays * cos + sin).astype(np.float32), (-rays * sin + cos).astype(np.float32)

    def ground(self) -> tuple[int, Field, Field, Field]:
        """The ground: its first row, u and v (h, w) and depth (h, 1) of the pixels below it."""
        first = max(math.floor(self.camera.horizon) + 1, 0)
        rows = np.arange(first, self.camera.size_wh[1], dtype=np.float32)
        below = rows + np.float32(0.5 - self.camera.horizon)
        z = np.minimum(self.camera.height * self.camera.focal / below, FAR)[:, None]
        z = z.astype(np.float32)
        slope_u, slope_v = self.slopes()
        return first, slope_u * z + np.float32(self.shift), slope_v * z, z

    def through_air(self, colour: Field, z: Field) -> Field:
        """Colours (h, w, 3) as seen from `z` metres; z spreads over (h, w)."""
        air = (1 - np.exp(-z / self.haze_m)).astype(np.float32)[..., None]
        seen: Field = colour + air * (np.asarray(self.haze, np.float32) - colour)
        return seen
