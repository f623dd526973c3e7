import math

import numpy as np
import pytest

from pocketdet.sample import bicycles, skeleton
from pocketdet.sample.skeleton import FOREARM, SHANK, THIGH, UPPER_ARM, Joints

BONES = (("hip", "knee", THIGH), ("knee", "ankle", SHANK), ("shoulder", "elbow", UPPER_ARM),
         ("elbow", "wrist", FOREARM))  # fmt: skip


def length(found: Joints, a: str, b: str) -> float:
    return math.dist(found[a], found[b])


@pytest.mark.parametrize("activity", [a for a in skeleton.ACTIVITIES if a != "ride"])
def test_bones_keep_their_length_and_feet_the_ground(activity: str):
    rng = np.random.default_rng(1)
    for _ in range(30):
        found = skeleton.joints(skeleton.pose(rng, activity), 0.135)
        for side in "lr":
            for a, b, expected in BONES:
                assert length(found, f"{a}_{side}", f"{b}_{side}") == pytest.approx(expected)
        lowest = min(found[f"{joint}_{side}"][1] for joint in ("ankle", "toe") for side in "lr")
        assert 0 < lowest < 0.05


def test_poses_look_like_their_names():
    rng = np.random.default_rng(2)
    for _ in range(20):
        standing = skeleton.joints(skeleton.pose(rng, "stand"), 0.135)
        sitting = skeleton.joints(skeleton.pose(rng, "sit"), 0.135)
        raised = skeleton.joints(skeleton.pose(rng, "arms_up"), 0.135)
        assert 0.9 < standing["head"][1] < 1.0
        assert sitting["head"][1] < 0.8
        assert sitting["knee_l"][2] > sitting["hip_l"][2] + 0.2
        assert max(raised["wrist_l"][1], raised["wrist_r"][1]) > raised["neck"][1]


def test_unknown_activity_is_refused():
    with pytest.raises(ValueError, match="'fly'"):
        skeleton.pose(np.random.default_rng(0), "fly")


def test_a_rider_holds_the_grips_and_stands_on_the_pedals():
    rng = np.random.default_rng(3)
    for _ in range(30):
        bike = bicycles.bicycle(rng, 0.5)
        stature = float(rng.uniform(1.55, 1.95))
        found = bicycles.rider(bike, stature, 0.135, float(rng.uniform(8, 45)))
        for side in "lr":
            grip = tuple(c * stature for c in found[f"wrist_{side}"])
            assert abs(grip[1] - bicycles.GRIP[1]) < 0.05
            assert grip[2] == pytest.approx(bicycles.GRIP[2])
            foot = tuple(c * stature for c in found[f"ankle_{side}"])
            from_bracket = math.hypot(foot[1] - bicycles.BRACKET[1], foot[2])
            assert from_bracket < bicycles.CRANK + 0.15
            assert length(found, f"hip_{side}", f"knee_{side}") == pytest.approx(THIGH, abs=0.01)


def test_reach_bends_the_right_way():
    hip, foot = (0.0, 0.5, 0.0), (0.0, 0.1, 0.05)
    knee = skeleton.reach(hip, foot, THIGH, SHANK, 1.0)
    elbow = skeleton.reach(hip, foot, THIGH, SHANK, -1.0)
    assert knee[2] > elbow[2]
    for joint in (knee, elbow):
        assert math.dist(hip, joint) == pytest.approx(THIGH)
        assert math.dist(joint, foot) == pytest.approx(SHANK)
