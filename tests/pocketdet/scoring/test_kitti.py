import json
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pocketdet.dataset import DONT_CARE
from pocketdet.scoring import columns, detections, ground_truth, kitti

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracles" / "kitti"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason="no shared/oracles beside the clone")


@needs_oracle
def test_equal_to_the_devkit() -> None:
    """Its precisions have six digits."""
    objects = ground_truth.kitti(ORACLE / "label_2")
    ours = kitti.curves(objects, detections.kitti(ORACLE / "detections", objects))
    expected = json.loads((ORACLE / "expected.json").read_text())
    compared = 0
    for name, levels in ours.items():
        for level, curve in levels.items():
            wanted = expected[name.lower()][level]
            np.testing.assert_allclose(curve.precision, wanted["precision_41"], atol=1e-6, rtol=0)
            assert 100 * curve.ap11 == pytest.approx(wanted["ap11"], abs=1e-4)
            assert 100 * curve.ap40 == pytest.approx(wanted["ap40"], abs=1e-4)
            compared += 1
    assert compared == 9


@pytest.fixture
def score(tmp_path):
    """Scores one picture from lines TYPE TRUNCATED OCCLUDED X1 Y1 X2 Y2 and TYPE X1 Y1 X2 Y2 S.

    Each of them stands for 41 pictures, so that all 41 points of the curve are there.
    """

    def run(labels: list[str], found: list[str], level: str, name: str = "Car", pictures: int = 41):
        for folder in ("label_2", "found"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for i in range(pictures):
            rows = [line.split() for line in labels]
            text = [f"{r[0]} {r[1]} {r[2]} 0 {' '.join(r[3:])} 1 1 1 1 1 1 1" for r in rows]
            (tmp_path / f"label_2/{i}.txt").write_text("\n".join(text))
            rows = [line.split() for line in found]
            text = [f"{r[0]} -1 -1 0 {' '.join(r[1:5])} 1 1 1 1 1 1 1 {r[5]}" for r in rows]
            (tmp_path / f"found/{i}.txt").write_text("\n".join(text))
        objects = ground_truth.kitti(tmp_path / "label_2")
        return kitti.curves(objects, detections.kitti(tmp_path / "found", objects))[name][level]

    return run


CAR, FOUND = "Car 0 0 0 0 50 50", "Car 0 0 50 50 0.9"


def test_a_perfect_find_and_a_false_alarm(score) -> None:
    assert score([CAR], [FOUND], "easy").ap40 == 1
    assert score([CAR], [FOUND, "Car 100 0 150 50 0.95"], "easy").ap40 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("label", "counts"),
    [
        ("Car 0 0 0 0 50 40", {"moderate", "hard"}),  # 40 px: not higher than 40
        ("Car 0 1 0 0 50 50", {"moderate", "hard"}),
        ("Car 0 2 0 0 50 50", {"hard"}),
        ("Car 0 3 0 0 50 50", set()),
        ("Car 0.2 0 0 0 50 50", {"moderate", "hard"}),
        ("Car 0.4 0 0 0 50 50", {"hard"}),
        ("Car 0 0 0 0 50 25", set()),
    ],
)
def test_what_counts_at_which_level(score, label, counts) -> None:
    found = [" ".join(["Car", *label.split()[3:], "0.9"])]
    for level in kitti.LEVELS:
        curve = score([label], found, level)
        assert curve.objects == (41 if level in counts else 0), level
        assert (curve.ap40 is None) == (level not in counts)


@pytest.mark.parametrize(("name", "neighbour"), [("Car", "Van"), ("Pedestrian", "Person_sitting")])
def test_neighbours_excuse_but_others_do_not(score, name, neighbour) -> None:
    def ap(other: str) -> float:
        labels = [f"{name} 0 0 0 0 50 50", f"{other} 0 0 100 0 150 50"]
        found = [f"{name} 0 0 50 50 0.9", f"{name} 100 0 150 50 0.95"]
        return score(labels, found, "easy", name).ap40

    assert ap(neighbour) == 1
    assert ap("Tram") == pytest.approx(0.5)


def test_dont_care_excuses_what_lies_in_it_by_its_own_area(score) -> None:
    region = "DontCare -1 -1 100 0 400 400"
    assert score([CAR, region], [FOUND, "Car 120 20 180 90 0.95"], "easy").ap40 == 1
    assert score([CAR, region], [FOUND, "Car 50 20 130 90 0.95"], "easy").ap40 == pytest.approx(0.5)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_a_dont_care_region_never_lowers_ap(region_scene, seed) -> None:
    *scenes, detected = region_scene(seed, DONT_CARE, DONT_CARE, images=8, ignored=0)
    found = columns.found_of(scenes[0], detected)
    without, there = (
        kitti.curves(replace(columns.objects_of(scene), classes=tuple(kitti.IOU_MIN)), found)
        for scene in scenes
    )
    for name, levels in without.items():
        for level, curve in levels.items():
            more = there[name][level]
            assert more.objects == curve.objects
            assert (more.precision >= curve.precision - 1e-12).all(), (name, level)


def test_low_detections_are_no_false_alarms_and_take_only_what_is_left(score) -> None:
    low = "Car 100 0 150 39 0.95"
    assert score([CAR], [FOUND, low], "easy").ap40 == 1
    assert score([CAR], [FOUND, low], "moderate").ap40 == pytest.approx(0.5)
    # Alone on an object of 41 px a detection of 39 px is neither a hit nor a miss.
    labels = [CAR, "Car 0 0 100 0 150 41"]
    assert score(labels, [FOUND, "Car 100 0 150 39 0.5"], "easy").precision[-1] == 0


def test_case_of_types_does_not_matter(score) -> None:
    assert score(["car 0 0 0 0 50 50"], ["CAR 0 0 50 50 0.9"], "easy").ap40 == 1


def test_few_objects_fill_few_points_as_in_the_devkit(score) -> None:
    curve = score([CAR], [FOUND], "easy", pictures=4)
    assert curve.precision.tolist() == [1.0] * 4 + [0.0] * 37


def test_no_object_is_undefined_and_no_detection_zero(score) -> None:
    assert score([], [FOUND], "easy").ap11 is None
    assert score([CAR], [], "easy").ap11 == 0
