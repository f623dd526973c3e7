import json
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from pocketdet.boxes import xywh_to_xyxy
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring import coco

ORACLE = Path(__file__).resolve().parents[4] / "shared" / "oracles" / "coco"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason="no shared/oracles beside the clone")


def detections(*rows: tuple[float, ...]) -> Detections:
    """Rows of x1, y1, x2, y2, score, class number."""
    table = np.asarray(rows, dtype=np.float32).reshape(-1, 6)
    return Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def one_image(*boxes: Box) -> Dataset:
    return Dataset(("person", "dog"), (Image("a.jpg", (200, 100), boxes),))


PERSON = Box("person", (10, 10, 50, 90))
FOUND = (10, 10, 50, 90, 0.9, 0)


@pytest.fixture(scope="module")
def oracle() -> tuple[dict, list, dict]:
    names = ("ground_truth", "detections", "expected")
    return tuple(json.loads((ORACLE / f"{name}.json").read_text()) for name in names)


@needs_oracle
def test_twelve_numbers_equal_the_reference(oracle) -> None:
    truth, found, expected = oracle
    scores = coco.score_coco(truth, found)
    assert scores.overall == pytest.approx(expected, abs=1e-9)


@needs_oracle
def test_a_data_set_of_our_own_scores_the_same(oracle) -> None:
    """All numbers that do not depend on the masks' areas, which our boxes do not carry."""
    truth, found, expected = oracle
    names = {c["id"]: c["name"] for c in truth["categories"]}
    classes = tuple(names.values())
    numbers = {key: k for k, key in enumerate(names)}
    paths = {i["id"]: i["file_name"] for i in truth["images"]}
    boxes = {i: [] for i in paths}
    for a in truth["annotations"]:
        corners = tuple(xywh_to_xyxy(np.asarray(a["bbox"])).tolist())
        ignore = "iscrowd" if a["iscrowd"] else ""
        boxes[a["image_id"]].append(Box(names[a["category_id"]], corners, ignore))
    rows = {i: [] for i in paths}
    for d in sorted(found, key=lambda d: -d["score"]):
        corners = xywh_to_xyxy(np.asarray(d["bbox"]))
        rows[d["image_id"]].append((*corners, d["score"], numbers[d["category_id"]]))
    dataset = Dataset(
        classes,
        tuple(
            Image(i["file_name"], (i["width"], i["height"]), tuple(boxes[i["id"]]))
            # Equal scores are ranked by the images' order, so it must be the reference's.
            for i in sorted(truth["images"], key=lambda image: image["id"])
        ),
    )
    ours = {}
    for i, path in paths.items():
        # Not in float32, which moves some IoUs across thresholds.
        table = np.asarray(rows[i], dtype=np.float64).reshape(-1, 6)
        ours[path] = Detections(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))
    scores = coco.score(dataset, ours)
    for number in ("AP", "AP50", "AP75", "AR1", "AR10", "AR100"):
        assert scores.overall[number] == pytest.approx(expected[number], abs=1e-9)


def test_perfect_detection_scores_one_and_the_absent_class_is_undefined(capsys) -> None:
    scores = coco.score(one_image(PERSON), {"a.jpg": detections(FOUND)})
    assert scores.overall["AP"] == pytest.approx(1)
    assert scores.per_class["person"]["AP50"] == pytest.approx(1)
    assert scores.per_class["dog"]["AP"] is None
    assert scores.undefined["dog AP"] == "no object in the ground truth"
    assert scores.overall["AP_large"] is None
    assert "no large object" in scores.undefined["AP_large"]
    assert capsys.readouterr().out == ""


def test_nothing_found_is_zero_not_undefined() -> None:
    scores = coco.score(one_image(PERSON), {"a.jpg": detections()})
    assert scores.overall["AP"] == 0
    assert scores.overall["AR100"] == 0


def test_no_object_at_all_is_undefined_never_minus_one() -> None:
    scores = coco.score(one_image(), {"a.jpg": detections(FOUND)})
    assert set(scores.overall.values()) == {None}
    assert set(scores.undefined) >= {"AP", "AR100", "person AP50"}


@pytest.mark.parametrize("label", ["person", "DontCare"])
def test_detections_in_an_ignored_box_cost_nothing(label) -> None:
    crowd = Box(label, (100, 0, 200, 100), ignore="iscrowd")
    inside = [(105 + i, 10, 120 + i, 50, 0.95, 0) for i in range(0, 60, 20)]
    found = {"a.jpg": detections(*inside, FOUND)}
    assert coco.score(one_image(PERSON, crowd), found).overall["AP"] == pytest.approx(1)
    assert coco.score(one_image(PERSON), found).overall["AP"] < 0.3


def test_ignored_box_of_another_class_does_not_help() -> None:
    crowd = Box("dog", (100, 0, 200, 100), ignore="iscrowd")
    found = {"a.jpg": detections((105, 10, 120, 50, 0.95, 0), FOUND)}
    assert coco.score(one_image(PERSON, crowd), found).per_class["person"]["AP"] == pytest.approx(
        0.5, abs=0.01
    )


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), label=st.sampled_from(["a", "b", "DontCare"]))
def test_an_ignore_region_never_lowers_a_number(region_scene, seed, label) -> None:
    dataset, grown, found = region_scene(seed, label, "iscrowd", images=3)
    without, there = coco.score(dataset, found), coco.score(grown, found)
    assert there.undefined == without.undefined
    for name, less, more in [
        ("all", without.overall, there.overall),
        *((name, without.per_class[name], there.per_class[name]) for name in dataset.classes),
    ]:
        for number in coco.NUMBERS:
            assert (more[number] or 0) >= (less[number] or 0) - 1e-12, (name, number)


def test_box_without_area_is_a_false_alarm() -> None:
    found = {"a.jpg": detections((20, 20, 20, 40, 0.95, 0), FOUND)}
    assert coco.score(one_image(PERSON), found).overall["AP"] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "a.jpg: no detections given"),
        ({"a.jpg": detections(), "b.jpg": detections()}, "b.jpg: has detections but is not"),
        ({"a.jpg": detections((1, 1, 2, 2, np.nan, 0))}, "not a finite number"),
        ({"a.jpg": detections((1, 1, np.inf, 2, 0.5, 0))}, "not a finite number"),
        ({"a.jpg": detections((3, 1, 2, 2, 0.5, 0))}, "reversed"),
        ({"a.jpg": detections((1, 1, 2, 2, 0.5, 2))}, "class 2, expected numbers 0 to 1"),
    ],
)
def test_detections_that_cannot_be_scored_are_refused(found, message) -> None:
    with pytest.raises(DatasetError, match=message):
        coco.score(one_image(PERSON), found)


def test_empty_subset_and_unknown_label_are_refused() -> None:
    with pytest.raises(DatasetError, match="holds no image"):
        coco.score(Dataset(("person",), ()), {})
    with pytest.raises(DatasetError, match="class 'cat'"):
        coco.score(one_image(Box("cat", (0, 0, 5, 5))), {"a.jpg": detections()})
