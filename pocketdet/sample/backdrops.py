"""What is behind everything: sky, ground and the rows of buildings along a street."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pocketdet.sample import facades, grounds
from pocketdet.sample.camera import Camera
from pocketdet.sample.palette import STONE, Colour, pick, shade, tint
from pocketdet.sample.sights import FAR, Sight
from pocketdet.sample.textures import patch
from pocketdet.sample.walls import Wall, erect

Field = npt.NDArray[np.float32]
SCENES = {  # share of the pictures
    "street": 0.24, "shops": 0.16, "crossing": 0.14, "park": 0.16, "yard": 0.12, "plaza": 0.1,
    "panels": 0.08,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A picture without things in it.

    Attributes:
        colour: (h, w, 3) float32, 0..255.
        room: Metres from the camera to the nearest wall, of every column (w,).
        sight: Light and air, for what is put before it.
        sun: Strength of cast shadows, 0..1.
    """

    colour: Field
    room: Field
    sight: Sight
    sun: float


@dataclass(frozen=True, slots=True)
class Site:
    """The plan of a place.

    Attributes:
        surfaces: (limit, surface), rising: it covers the ground to |u| = limit metres.
        walls: What stands on it.
        marked: Whether white lines are painted on the first surface.
    """

    surfaces: list[tuple[float, grounds.Surface]]
    walls: list[Wall]
    marked: bool = False


def backdrop(rng: np.random.Generator, camera: Camera) -> Backdrop:
    """A random backdrop."""
    scene = str(rng.choice(list(SCENES), p=list(SCENES.values())))
    overcast = rng.random() < 0.4
    colour, haze = _sky(rng, camera, overcast)
    site = _site(rng, scene)
    if scene == "crossing":  # the street passes before the camera, which stands on its far side
        yaw, shift = math.pi / 2 + float(rng.normal(0, 0.12)), -float(rng.uniform(5, 9))
    else:
        yaw = float(rng.uniform(-1.3, 1.3))
        shift = float(rng.uniform(-0.5, 0.5)) * min(site.surfaces[0][0], 3.0)
    foggy = rng.random() < 0.08
    sight = Sight(
        camera=camera,
        yaw=yaw,
        shift=shift,
        light=float(rng.choice([-1, 1]) * rng.uniform(0.3, 1)),
        haze=haze,
        haze_m=float(rng.uniform(25, 60) if foggy else rng.uniform(90, 300)),
    )
    _ground(rng, sight, site, colour)
    room = np.full(camera.size_wh[0], FAR, np.float32)
    for wall in sorted(site.walls, key=lambda wall: -abs(wall.at)):
        erect(sight, wall, colour, room)
    return Backdrop(colour, room, sight, sun=0.12 if overcast else float(rng.uniform(0.3, 0.6)))


def _site(rng: np.random.Generator, scene: str) -> Site:
    u = rng.uniform

    def cover(*kinds: str) -> grounds.Surface:
        return grounds.surface(rng, str(rng.choice(kinds)))

    def wall(along: bool, at: float, *kinds: str) -> Wall:
        return Wall(along, at, facades.strip(rng, str(rng.choice(kinds))))

    if scene in ("street", "shops", "crossing"):
        road, path = u(2.8, 5.5), u(1.8, 4.5)
        kerb = grounds.Surface(shade(pick(rng, STONE), 1.1), 0.05, (0, 1.0), 0.8)
        surfaces = [
            (road, cover("asphalt", "asphalt", "cobbles")),
            (road + 0.25, kerb),
            (road + path, cover("slabs", "slabs", "cobbles", "asphalt")),
            (math.inf, cover("grass", "gravel", "slabs")),
        ]
        kinds = ("houses", "houses", "wall", "trees")
        if scene == "shops":
            kinds = ("shops", "shops", "shops", "houses")
        walls = [wall(True, road + path, *kinds), wall(True, -road - path, *kinds)]
        if rng.random() < 0.6:
            walls.append(wall(False, u(30, 70), "houses", "trees"))
        return Site(surfaces, walls, marked=True)
    if scene == "park":
        surfaces = [(u(1, 3), cover("gravel", "asphalt", "slabs")), (math.inf, cover("grass"))]
        left, right = -u(12, 30), u(12, 30)
        walls = [wall(False, u(18, 60), "trees"), wall(True, right, "trees", "hedge")]
        return Site(surfaces, [*walls, wall(True, left, "trees", "hedge", "houses")])
    if scene == "yard":
        surfaces = [(math.inf, cover(*grounds.KINDS))]
        side = float(rng.choice([-1, 1])) * u(5, 9)
        walls = [wall(False, u(8, 18), "wall", "houses", "shops", "hedge")]
        return Site(surfaces, [*walls, wall(True, side, "wall", "houses", "hedge")])
    if scene == "plaza":
        surfaces = [(u(3, 12), cover("slabs", "cobbles")), (math.inf, cover("slabs", "cobbles"))]
        left, right = -u(14, 30), u(14, 30)
        walls = [wall(False, u(25, 60), "shops", "houses"), wall(True, right, "houses", "shops")]
        return Site(surfaces, [*walls, wall(True, left, "houses", "trees")])
    walls = [wall(False, u(9, 20), "panels"), wall(True, u(6, 14), "panels")]
    return Site([(math.inf, cover(*grounds.KINDS))], walls)


def _sky(rng: np.random.Generator, camera: Camera, overcast: bool) -> tuple[Field, Colour]:
    """The whole picture as sky, and the colour of the air at the horizon."""
    w, h = camera.size_wh
    grey = float(rng.uniform(165, 225))
    if overcast:
        haze = tint((grey, grey + 3, grey + 8), rng, 5)
        zenith = shade(haze, float(rng.uniform(0.8, 1.05)))
    else:
        evening = rng.random() < 0.2
        haze = tint((232, 190, 150) if evening else (206, 218, 228), rng, 8)
        zenith = tint((110, 120, 160) if evening else (92, 140, 204), rng, 16)
    top = max(int(camera.horizon), 1)
    rise = np.zeros((h, 1), np.float32)
    rise[:top, 0] = np.linspace(1, 0, top, dtype=np.float32)
    low, high = np.asarray(haze, np.float32), np.asarray(zenith, np.float32)
    colour = np.broadcast_to((low + rise[..., None] * (high - low)), (h, w, 3)).copy()
    clouds = patch(rng, (w, top), zoom=float(rng.uniform(1.5, 4))) * 0.5 + rng.uniform(-0.3, 0.4)
    share = 0.75 * clouds.clip(0, 1) * np.minimum(rise[:top] * 3, 1)
    white = np.float32(grey * 0.85 if overcast else 235)
    colour[:top] += share[..., None].astype(np.float32) * (white - colour[:top])
    return colour, haze


def _ground(rng: np.random.Generator, sight: Sight, site: Site, colour: Field) -> None:
    """Paint what is below the horizon, in place."""
    first, u, v, z = sight.ground()
    footprint = np.broadcast_to(z * z / (sight.camera.height * sight.camera.focal), u.shape)
    painted = grounds.paint(site.surfaces, u, v, footprint, int(rng.integers(10_000)))
    road = site.surfaces[0][0]
    if site.marked and rng.random() < 0.8:
        grounds.line(painted, u, v, footprint, 0.0, 0.14, float(rng.choice([0, 3, 4])))
        grounds.line(painted, u, v, footprint, road - 0.3, 0.12, 0.0)
    if site.marked and rng.random() < 0.35:  # a zebra crossing: bars across the road
        start = float(rng.uniform(4, 16))
        band = (np.abs(v - start) < 1.6) & (np.abs(u) < road - 0.2) & ((u / 0.5) % 2 < 1)
        painted[band] += np.float32(0.75) * (np.float32(222) - painted[band])
    colour[first:] = sight.through_air(painted, z)
