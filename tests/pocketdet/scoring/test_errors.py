import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import coco, columns, errors, table

# The authors' tidecv 1.0.1 on the scenes of `shaken`: counts and gains of AP50.
TIDECV = {
    0: {
        "localisation": (71, 0.19574093700305255),
        "class": (46, 0.022442294837342374),
        "both": (27, 0.008047787422522603),
        "duplicate": (87, 0.0541127977166034),
        "background": (132, 0.025844625165067825),
        "missed": (16, 0.050619030879601254),
    },
    1: {
        "localisation": (92, 0.20104072961217327),
        "class": (29, 0.051814242579798275),
        "both": (18, 0.0054563832279905),
        "duplicate": (68, 0.0383028276575683),
        "background": (131, 0.04067080287997584),
        "missed": (11, 0.036167231899561045),
    },
}


def matched(dataset, found) -> table.Table:
    return table.match(columns.objects_of(dataset), columns.found_of(dataset, found), 100)


def detections(*rows: tuple[float, ...]) -> Detections:
    """Rows of x1, y1, x2, y2, score, class number."""
    values = np.asarray(rows, np.float64).reshape(-1, 6)
    return Detections(values[:, :4], values[:, 4], values[:, 5].astype(np.int64))


def one_picture(boxes: list[Box], *rows: tuple[float, ...]) -> errors.Anatomy:
    dataset = Dataset(("a", "b"), (Image("0.jpg", (200, 200), tuple(boxes)),))
    return errors.anatomy(matched(dataset, {"0.jpg": detections(*rows)}))


@pytest.mark.parametrize("seed", [0, 1])
def test_counts_and_gains_are_those_of_the_authors_code(make_scene, seed) -> None:
    dataset, found = make_scene(seed, ignored=0.0)
    rng = np.random.default_rng(seed)
    shaken = {}  # off the grid, as the two decide otherwise on an IoU of exactly 0.1 or 0.5
    for path, given in found.items():
        boxes = given.boxes_xyxy + rng.normal(0, 0.4, given.boxes_xyxy.shape)
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
        shaken[path] = Detections(boxes.astype(np.float32), given.scores, given.labels)
    ours = errors.anatomy(matched(dataset, shaken))
    for kind, (count, gain) in TIDECV[seed].items():
        assert ours.counts[kind] == count, kind
        assert ours.gains[kind] == pytest.approx(gain, abs=1e-9), kind


def test_ap50_is_that_of_scoring_with_regions_to_ignore_too(make_scene) -> None:
    dataset, found = make_scene(5, ignored=0.3)
    ours = errors.anatomy(matched(dataset, found))
    assert ours.ap50 == pytest.approx(coco.score(dataset, found).overall["AP50"], abs=1e-12)


OBJECT = Box("a", (0, 0, 10, 10))
KINDS = {
    "localisation": (0, 0, 10, 4, 0.9, 0),
    "class": (0, 0, 10, 9, 0.9, 1),
    "both": (0, 0, 10, 4, 0.9, 1),
    "background": (50, 50, 60, 60, 0.9, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_and_what_its_fix_brings(kind) -> None:
    ours = one_picture([OBJECT], KINDS[kind])
    assert ours.counts[kind] == 1
    assert errors.KINDS[ours.kind[0]] == kind
    assert ours.target[0] == (-1 if kind == "background" else 0)
    found_by_fix = kind in ("localisation", "class")
    assert ours.gains[kind] == (1 if found_by_fix else 0)
    assert ours.counts["missed"] == (0 if found_by_fix else 1)


def test_duplicate_costs_only_where_it_comes_before_a_hit() -> None:
    boxes = [OBJECT, Box("a", (50, 50, 60, 60))]
    hit, other = (0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.7, 0)
    between = one_picture(boxes, hit, (0, 0, 10, 9, 0.8, 0), other)
    assert between.counts["duplicate"] == 1
    assert between.target.tolist() == [0, 0, 1]
    assert between.gains["duplicate"] == pytest.approx(1 - between.ap50)
    behind = one_picture(boxes, hit, (0, 0, 10, 9, 0.6, 0), other)
    assert (behind.counts["duplicate"], behind.gains["duplicate"]) == (1, 0)


def test_of_several_errors_at_one_object_only_the_best_becomes_a_hit() -> None:
    ours = one_picture([OBJECT], (0, 0, 10, 4, 0.9, 0), (0, 0, 10, 3, 0.8, 0))
    assert ours.counts["localisation"] == 2
    assert ours.gains["localisation"] == 1


def test_what_is_ignored_is_no_error() -> None:
    crowd = Box("a", (40, 40, 100, 100), "iscrowd")
    ours = one_picture([OBJECT, crowd], (50, 50, 60, 60, 0.9, 0))
    assert ours.kind.tolist() == [errors.NO_ERROR]
    assert sum(ours.counts.values()) == 1
    assert ours.missed.tolist() == [True, False]


def test_nothing_to_be_right_or_wrong_about() -> None:
    ours = one_picture([], (0, 0, 5, 5, 0.9, 0))
    assert ours.ap50 is None
    assert set(ours.gains.values()) == {None}
    assert ours.counts["background"] == 1
    assert one_picture([OBJECT]).gains == {
        **dict.fromkeys(errors.KINDS, 0.0),
        "missed": 0.0,  # nothing is found either way
    }
