"""How people hold themselves: poses as angles, and the joints that follow from them.

Body frame: x to the body's left, y up, z to where it faces; unit: the body's own height, so that
a child is the same skeleton with a larger head. Proportions follow Drillis and Contini (1966).
"""

import math
from dataclasses import dataclass

import numpy as np

Vector = tuple[float, float, float]
Joints = dict[str, Vector]
Pair = tuple[tuple[float, float], tuple[float, float]]  # of limbs: (forward, sideways), degrees
SIDES = (("l", 1.0), ("r", -1.0))
THIGH, SHANK, FOOT, TRUNK, UPPER_ARM, FOREARM, NECK = 0.245, 0.246, 0.10, 0.29, 0.172, 0.15, 0.05
HIP, SHOULDER, ANKLE = 0.05, 0.104, 0.039  # half distance of the hips, of the shoulders; height
ACTIVITIES = ("stand", "walk", "run", "sit", "arms_up", "crouch", "ride")


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles in degrees; pairs are (left, right).

    A limb's angle is (forward, sideways): forward 0 hangs down, 90 points to where the body
    faces; sideways 0 is in the walking plane, 90 straight out.
    """

    lean: float
    thighs: Pair
    shanks: Pair
    arms: Pair
    forearms: Pair
    nod: float = 0.0


def pose(rng: np.random.Generator, activity: str) -> Pose:
    """A pose of one of ACTIVITIES except "ride", which follows from the bicycle."""
    u = rng.uniform
    arms, forearms = _arms(rng)
    if activity == "stand":
        wide, shift = u(1, 9), u(-5, 5)
        legs = ((u(-4, 6), wide + shift), (u(-4, 6), wide - shift))
        shanks = tuple((f - u(0, 8), s * 0.7) for f, s in legs)
        return Pose(u(-3, 6), legs, (shanks[0], shanks[1]), arms, forearms, u(-5, 25))
    if activity in ("walk", "run"):
        return _stride(rng, running=activity == "run")
    if activity == "sit":
        thighs = ((u(78, 92), u(2, 14)), (u(78, 92), u(2, 14)))
        shanks = ((u(-25, 12), u(0, 8)), (u(-25, 12), u(0, 8)))
        rest = ((u(-5, 25), u(4, 12)), (u(-5, 25), u(4, 12)))
        laps = ((u(50, 85), 0.0), (u(50, 85), 0.0))
        return Pose(u(-12, 14), thighs, (shanks[0], shanks[1]), rest, laps, u(-5, 30))
    if activity == "arms_up":
        both = rng.random() < 0.5
        up, out = (0.0, u(125, 172)), (0.0, u(150, 178))
        first = (up, up) if both else (up, arms[1])
        second = (out, out) if both else (out, forearms[1])
        wide = u(3, 14)
        return Pose(u(-4, 4), ((0, wide), (0, wide)), ((0, wide), (0, wide)), first, second)
    if activity == "crouch":
        thighs, shanks = ((u(85, 110), 12.0), (u(70, 100), 12.0)), ((-45.0, 4.0), (-40.0, 4.0))
        reach = ((u(30, 60), 5.0), (u(20, 50), 5.0))
        return Pose(u(25, 45), thighs, shanks, reach, ((u(40, 90), 0.0), (u(40, 80), 0.0)), 10.0)
    raise ValueError(f"activity {activity!r}: expected one of {ACTIVITIES[:-1]}")


def _arms(
    rng: np.random.Generator,
) -> tuple[Pair, Pair]:
    """What the arms of someone who stands do: hang, rest on the hips, hold a phone, fold."""
    u = rng.uniform
    kind = rng.choice(["hang", "hips", "phone", "folded"], p=[0.5, 0.15, 0.2, 0.15])
    hang = (u(-8, 12), u(4, 14))
    low = (hang[0] + u(0, 25), hang[1] * 0.4)
    if kind == "hips":
        return ((u(-20, 0), 38.0), (u(-20, 0), 38.0)), ((20.0, -38.0), (20.0, -38.0))
    if kind == "phone":
        return ((u(10, 35), 8.0), hang), ((u(95, 140), -15.0), low)
    if kind == "folded":
        return ((20.0, 8.0), (20.0, 8.0)), ((70.0, -55.0), (75.0, -55.0))
    return (hang, (u(-8, 12), u(4, 14))), (low, (u(0, 25), 3.0))


def _stride(rng: np.random.Generator, running: bool) -> Pose:
    """One moment of a step; the arms swing against the legs."""
    u = rng.uniform
    phase = u(0, 2 * math.pi)
    swing, bend, lean = (42.0, 70.0, u(6, 16)) if running else (u(18, 30), 38.0, u(0, 6))
    thighs, shanks, arms, forearms = [], [], [], []
    for shift in (0.0, math.pi):
        forward = swing * math.sin(phase + shift) + (8 if running else 2)
        lift = max(0.0, math.cos(phase + shift))  # the leg that swings forward is bent
        thighs.append((forward, 2.0))
        shanks.append((forward - bend * lift**1.5 - (12 if running else 4), 1.0))
        back = -0.85 * swing * math.sin(phase + shift)
        arms.append((back, 7.0))
        forearms.append((back + (u(75, 100) if running else u(8, 30)), 0.0))
    return Pose(
        lean,
        (thighs[0], thighs[1]),
        (shanks[0], shanks[1]),
        (arms[0], arms[1]),
        (forearms[0], forearms[1]),
        u(-4, 8),
    )


def joints(pose: Pose, head: float) -> Joints:
    """Where the joints are, with the lower ankle at its height above the ground.

    Args:
        pose: The angles.
        head: Height of the head, in body heights.
    """
    trunk = _direction((180 - pose.lean, 0.0), 1.0)
    found: Joints = {"pelvis": (0.0, 0.0, 0.0), "neck": _along((0, 0, 0), trunk, TRUNK)}
    top = _direction((180 - pose.lean * 0.4 - pose.nod, 0.0), 1.0)
    found["head"] = _along(_along(found["neck"], trunk, NECK * 0.6), top, head * 0.55)
    for i, (name, side) in enumerate(SIDES):
        hip = (side * HIP, 0.0, 0.0)
        knee = _along(hip, _direction(pose.thighs[i], side), THIGH)
        ankle = _along(knee, _direction(pose.shanks[i], side), SHANK)
        tilt = max(min(pose.shanks[i][0], 10.0), -50.0)  # the toes drop when the heel lifts
        toe = _along(ankle, _direction((82 + tilt, 6.0), side), FOOT)
        x, y, z = found["neck"]
        shoulder = (x + side * SHOULDER, y - 0.022, z)
        elbow = _along(shoulder, _direction(pose.arms[i], side), UPPER_ARM)
        wrist = _along(elbow, _direction(pose.forearms[i], side), FOREARM)
        parts = (("hip", hip), ("knee", knee), ("ankle", ankle), ("toe", toe))
        arm = (("shoulder", shoulder), ("elbow", elbow), ("wrist", wrist))
        found |= {f"{joint}_{name}": place for joint, place in parts + arm}
    return stand(found)


def stand(found: Joints) -> Joints:
    """The joints moved up or down so that the lowest foot rests on the ground."""
    low = min(found["ankle_l"][1] - ANKLE, found["ankle_r"][1] - ANKLE)
    low = min(low, found["toe_l"][1] - 0.014, found["toe_r"][1] - 0.014)
    return {name: (x, y - low, z) for name, (x, y, z) in found.items()}


def reach(root: Vector, goal: Vector, first: float, second: float, bend: float) -> Vector:
    """The middle joint of two bones from root to goal, in the walking plane.

    Args:
        root: Hip or shoulder.
        goal: Foot or hand; if it is out of reach the bones are straight.
        first: Length of the upper bone.
        second: Length of the lower bone.
        bend: 1 bends the joint forward (a knee), -1 backward (an elbow).
    """
    dy, dz = goal[1] - root[1], goal[2] - root[2]
    distance = min(max(math.hypot(dy, dz), 1e-6), (first + second) * 0.999)
    cosine = (first**2 + distance**2 - second**2) / (2 * first * distance)
    angle = math.atan2(dz, -dy) + bend * math.acos(max(-1.0, min(1.0, cosine)))
    x = (root[0] + goal[0]) / 2
    return (x, root[1] - first * math.cos(angle), root[2] + first * math.sin(angle))


def _direction(angle: tuple[float, float], side: float) -> Vector:
    forward, sideways = math.radians(angle[0]), math.radians(angle[1])
    flat = math.cos(sideways)
    return (side * math.sin(sideways), -flat * math.cos(forward), flat * math.sin(forward))


def _along(start: Vector, direction: Vector, length: float) -> Vector:
    x, y, z = (s + d * length for s, d in zip(start, direction, strict=True))
    return (x, y, z)
