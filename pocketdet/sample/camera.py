"""Where things stand and how large they appear: a pinhole camera over flat ground."""

import math
from dataclasses import dataclass

import numpy as np

TILT = 0.12  # things are drawn as if seen from a little above: 1 m nearer is this much lower, m


@dataclass(frozen=True, slots=True)
class Camera:
    """A level camera.

    Attributes:
        size_wh: Picture, px.
        focal: Focal length, px.
        horizon: Row of the horizon, px.
        height: Of the camera above the ground, metres.
    """

    size_wh: tuple[int, int]
    focal: float
    horizon: float
    height: float

    def scale(self, z: float) -> float:
        """Pixels a metre, at `z` metres before the camera."""
        return self.focal / z

    def foot(self, x: float, z: float) -> tuple[float, float]:
        """Pixel of the ground point `x` metres to the right and `z` metres ahead."""
        return (
            self.size_wh[0] / 2 + x * self.focal / z,
            self.horizon + self.height * self.focal / z,
        )

    def across(self, column: float, z: float) -> float:
        """Metres to the right of the axis at which a thing at `z` appears in this column."""
        return (column - self.size_wh[0] / 2) * z / self.focal


@dataclass(frozen=True, slots=True)
class Turn:
    """Points of a body frame (x left of it, y up, z ahead of it) as the viewer sees them.

    Attributes:
        yaw: Radians: 0 faces the viewer, pi/2 the right side of the picture, pi away.
        size: Metres a unit of the frame.
    """

    yaw: float
    size: float = 1.0

    def nearness(self, at: tuple[float, float, float]) -> float:
        """How much nearer to the viewer than the frame's origin, metres."""
        return (at[2] * math.cos(self.yaw) - at[0] * math.sin(self.yaw)) * self.size

    def place(self, at: tuple[float, float, float]) -> tuple[float, float]:
        """Metres to the right of the origin, and above it."""
        x = (at[0] * math.cos(self.yaw) + at[2] * math.sin(self.yaw)) * self.size
        return (x, at[1] * self.size - TILT * self.nearness(at))


def camera(rng: np.random.Generator, size_wh: tuple[int, int]) -> Camera:
    """A random camera: held by hand or mounted on a pole."""
    w, h = size_wh
    high = rng.random() < 0.3
    return Camera(
        size_wh=size_wh,
        focal=float(max(w, h) * rng.uniform(0.85, 1.3)),
        horizon=float(h * (rng.uniform(0.08, 0.3) if high else rng.uniform(0.3, 0.52))),
        height=float(rng.uniform(2.3, 4.0) if high else rng.uniform(1.2, 2.0)),
    )
