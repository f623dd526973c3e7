"""Who is in the picture: build, clothes, hair, hat and bag, drawn at random."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pocketdet.sample.palette import CLOTH, DENIM, HAIR, SKIN, Colour, pick
from pocketdet.sample.skeleton import Joints, joints, pose
from pocketdet.sample.textures import PATTERNS

BELOW = ("trousers", "trousers", "trousers", "shorts", "skirt", "dress", "coat")
HATS = ("none", "none", "none", "none", "cap", "brim", "beanie", "hood", "helmet")
HAIRCUTS = ("short", "short", "long", "bun", "tail", "bald", "bob")
BAGS = ("none", "none", "none", "backpack", "shoulder", "hand", "case")


@dataclass(frozen=True, slots=True)
class Person:
    """A person ready to be drawn.

    Attributes:
        stature: Height in metres when standing.
        head: Height of the head in statures; children's are larger.
        build: Width of the body, 1 is average.
        yaw: Where they face, radians: 0 to the viewer, pi/2 to the right, pi away.
        joints: In statures, see `skeleton`.
        below: One of BELOW.
        hem: How far skirt, dress, coat or shorts reach from the hip to the ankle, 0..1.
        sleeve: Length of the sleeves, 0 (none) to 1 (wrist).
        pattern: Of the upper body, one of textures.PATTERNS.
    """

    stature: float
    head: float
    build: float
    yaw: float
    activity: str
    joints: Joints
    skin: Colour
    hair: Colour
    top: Colour
    bottom: Colour
    shoes: Colour
    accent: Colour
    below: str
    hem: float
    sleeve: float
    pattern: str
    haircut: str
    hat: str
    bag: str


def person(
    rng: np.random.Generator,
    activity: str,
    yaw: float | None = None,
    posed: Callable[[float, float], Joints] | None = None,
) -> Person:
    """A random person.

    Args:
        rng: Draws everything.
        activity: One of skeleton.ACTIVITIES.
        yaw: Where they face; None draws it.
        posed: Joints from stature and head, where something else decides, such as a bicycle.
    """
    child = activity not in ("ride", "sit") and rng.random() < 0.12
    stature = float(rng.uniform(1.05, 1.4) if child else np.clip(rng.normal(1.71, 0.09), 1.5, 1.98))
    head = float(rng.uniform(0.155, 0.175) if child else rng.uniform(0.128, 0.142))
    below = str(rng.choice(BELOW[:4] if activity in ("ride", "run", "crouch") else BELOW))
    if activity == "sit" and below == "coat":
        below = "trousers"
    hems = {"shorts": (0.25, 0.5), "skirt": (0.3, 0.8), "dress": (0.35, 0.75), "coat": (0.25, 0.7)}
    hat = str(rng.choice(HATS[4:] if activity == "ride" and rng.random() < 0.6 else HATS))
    if yaw is None:  # more often along the picture plane or to the viewer than between
        yaw = float(rng.choice([0, 0.5, 1, 1.5]) * np.pi + rng.normal(0, 0.45))
    return Person(
        stature=stature,
        head=head,
        build=float(np.clip(rng.normal(1.0, 0.13), 0.78, 1.45)),
        yaw=yaw,
        activity=activity,
        joints=posed(stature, head) if posed else joints(pose(rng, activity), head),
        skin=pick(rng, SKIN, 6),
        hair=pick(rng, HAIR, 6),
        top=pick(rng, CLOTH),
        bottom=pick(rng, DENIM if below == "trousers" and rng.random() < 0.45 else CLOTH),
        shoes=pick(rng, CLOTH[:6] if rng.random() < 0.7 else CLOTH),
        accent=pick(rng, CLOTH),
        below=below,
        hem=float(rng.uniform(*hems[below])) if below in hems else 1.0,
        sleeve=1.0 if below == "coat" else float(rng.choice([0.0, 0.45, 0.5, 1.0, 1.0, 1.0])),
        pattern=str(rng.choice(PATTERNS)) if rng.random() < 0.6 else "plain",
        haircut=str(rng.choice(HAIRCUTS)),
        hat=hat,
        bag=str(rng.choice(BAGS[2:4] if activity == "ride" else BAGS)),
    )
