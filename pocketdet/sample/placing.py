"""Finds free places on the ground, so that objects hide each other in part, not wholly."""

import math

import numpy as np
import numpy.typing as npt

from pocketdet.sample.camera import Camera

STATURE = 1.75  # metres; sizes in the picture are those of a standing adult
TRIES = 20
SUNK = 0.2  # share of the places whose foot lies below the picture that are taken all the same
DEEPEST = 0.9  # metres; lower, and more than the legs would be cut off


class Ground:
    """The ground of a scene, and what of the picture is taken by objects."""

    def __init__(
        self, rng: np.random.Generator, camera: Camera, room: npt.NDArray[np.float32]
    ) -> None:
        """Start with nothing on it.

        Args:
            rng: Draws the places.
            camera: Who looks.
            room: Metres to the nearest wall, of every column.
        """
        self._rng, self._camera, self._room = rng, camera, room
        self._taken: list[tuple[float, float, float, float]] = []

    def spot(
        self, sizes: tuple[float, float], wide: float, tall: float, overlap: float
    ) -> tuple[float, float] | None:
        """A free place (x, z), metres; None if none is found.

        Args:
            sizes: Between which a standing adult shall appear, in picture heights.
            wide: Width of what shall stand there, metres.
            tall: Its height.
            overlap: See `free`.
        """
        w, h = self._camera.size_wh
        low, high = (math.log(size * h) for size in sizes)
        for _ in range(TRIES):
            column = float(self._rng.uniform(-0.02, 1.02) * w)
            room = float(self._room[min(max(int(column), 0), w - 1)])
            z = self._camera.focal * STATURE / math.exp(float(self._rng.uniform(low, high)))
            z = min(z, room * 0.93)
            if STATURE * self._camera.scale(z) > 1.4 * sizes[1] * h:  # a wall is too near for this
                continue
            x = self._camera.across(column, z)
            below = (self._camera.foot(x, z)[1] - h) / self._camera.scale(z)
            if below > 0 and (below > DEEPEST or self._rng.random() >= SUNK):
                continue
            if self.free(x, z, wide, tall, overlap):
                return x, z
        return None

    def free(self, x: float, z: float, wide: float, tall: float, overlap: float) -> bool:
        """Whether what stands here and each object share at most `overlap` of the smaller one."""
        new = self._box(x, z, wide, tall)
        for old in self._taken:
            across = min(new[2], old[2]) - max(new[0], old[0])
            down = min(new[3], old[3]) - max(new[1], old[1])
            smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (new, old))
            if across > 0 and down > 0 and across * down > overlap * smaller:
                return False
        return True

    def take(self, x: float, z: float, wide: float, tall: float) -> None:
        """Note an object."""
        self._taken.append(self._box(x, z, wide, tall))

    def _box(
        self, x: float, z: float, wide: float, tall: float
    ) -> tuple[float, float, float, float]:
        (px, py), scale = self._camera.foot(x, z), self._camera.scale(z)
        return (px - wide / 2 * scale, py - tall * scale, px + wide / 2 * scale, py)
