import numpy as np
import pytest
from scored import choose, operating

from pocketdet.dataset import ALL, Box, Dataset, Image
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.errors import DatasetError
from pocketdet.scoring import operating_point as op
from pocketdet.scoring import results

OBJECT = (0.0, 0.0, 10.0, 10.0)
ELSEWHERE = (50.0, 50.0, 60.0, 60.0)


def scene(*pictures: list[tuple[float, bool]], objects: int = 1) -> tuple[Dataset, dict]:
    """Pictures with one object each and (score, is a hit) detections."""
    images, found = [], {}
    for i, rows in enumerate(pictures):
        images.append(Image(f"{i}.jpg", (100, 100), (Box("person", OBJECT),) * objects))
        rows = sorted(rows, reverse=True)
        found[f"{i}.jpg"] = Detections(
            np.asarray([OBJECT if hit else ELSEWHERE for _, hit in rows], np.float32).reshape(
                -1, 4
            ),
            np.asarray([score for score, _ in rows], np.float32),
            np.zeros(len(rows), np.int64),
        )
    return Dataset(("person", "dog"), tuple(images)), found


def two_classes() -> tuple[Dataset, dict]:
    """Sure persons, and dogs whose scores are all below those of false persons."""
    images, found = [], {}
    for i in range(20):
        boxes = (Box("person", OBJECT), Box("dog", (20, 20, 40, 40)))
        images.append(Image(f"{i:02}.jpg", (100, 100), boxes))
        rows = [(OBJECT, 0.9, 0), (ELSEWHERE, 0.5, 0), ((20, 20, 40, 40), 0.2, 1)]
        corners, scores, labels = zip(*rows, strict=True)
        found[f"{i:02}.jpg"] = Detections(
            np.asarray(corners, np.float32), np.asarray(scores, np.float32), np.asarray(labels)
        )
    return Dataset(("person", "dog"), tuple(images)), found


# Three hits at 0.9, 0.7 and 0.3, false alarms at 0.8, 0.6, 0.5 and 0.2.
MIXED = ([(0.9, True), (0.8, False)], [(0.7, True), (0.6, False), (0.5, False)], [(0.3, True)])


def test_takes_the_highest_recall_that_keeps_the_precision() -> None:
    choice = choose(*scene(*MIXED), target=0.66)
    assert choice.reached
    assert choice.point.score_min == 0.7
    choice = choose(*scene(*MIXED), target=1.0)
    assert (choice.point.score_min, choice.reached) == (0.9, True)
    assert choose(*scene(*MIXED), target=0.5).point.score_min == 0.3


def test_takes_the_highest_recall_within_the_false_alarms() -> None:
    for target, threshold in ((0, 0.9), (1 / 3, 0.7), (1, 0.3)):
        choice = choose(*scene(*MIXED), rule="false_alarms", target=target + 1e-9)
        assert (choice.point.score_min, choice.reached) == (threshold, True)
    assert "at most 1 false alarms a picture" in choice.reasons[ALL]


def test_takes_the_best_f_beta() -> None:
    # At 0.9 precision 1 and recall 1/3; at 0.3 precision 1/2 and recall 1.
    assert choose(*scene(*MIXED), rule="f_beta", target=0.1).point.score_min == 0.9
    assert choose(*scene(*MIXED), rule="f_beta", target=4.0).point.score_min == 0.3


def test_precision_that_dips_in_between_does_not_hide_a_lower_threshold() -> None:
    choice = choose(*scene([(0.9, False)], [(0.8, True)], [(0.7, True)]), target=0.6)
    assert choice.point.score_min == 0.7


def test_unreachable_target_falls_back_to_the_best_f1_and_says_so() -> None:
    pictures = [(0.9, False)], [(0.8, True), (0.1, False)], [(0.7, True)]
    choice = choose(*scene(*pictures), target=0.99)
    assert not choice.reached
    assert choice.point.score_min == 0.7
    assert "no threshold keeps precision >= 0.99" in choice.reasons[ALL]
    assert "F1" in choice.reasons[ALL]


def test_nothing_found_gives_the_lowest_threshold_and_says_so() -> None:
    choice = choose(*scene([], []))
    assert (choice.point.score_min, choice.reached) == (0.01, False)
    assert "no object was found" in choice.reasons[ALL]


def test_no_object_to_choose_by_is_an_error() -> None:
    with pytest.raises(DatasetError, match="holds no object"):
        choose(*scene([(0.9, False)], objects=0))


def test_a_class_of_low_scores_gets_its_own_threshold() -> None:
    dataset, found = two_classes()
    shared = choose(dataset, found)
    tables = results.matched(dataset, {0.6: found}, 100)
    assert op.tally(tables[0.6], shared.point).of(1) == (0, 0, 20), "one threshold finds no dog"
    own = choose(dataset, found, thresholds="per_class")
    assert own.point.class_score_min == (0.9, 0.2)
    assert own.point.score_min == 0.2
    assert op.tally(tables[0.6], own.point).of(0) == (20, 0, 20)
    assert op.tally(tables[0.6], own.point).of(1) == (20, 0, 20)


def test_class_that_val_does_not_show_takes_the_threshold_of_all() -> None:
    choice = choose(*scene([(0.9, True)]), thresholds="per_class")
    assert choice.point.class_score_min == (0.9, 0.9)
    assert choice.reached
    assert choice.reasons["dog"].startswith("no object on val")


def test_of_several_nms_thresholds_the_one_that_finds_more_wins() -> None:
    dataset, found = two_classes()
    worse = {path: Detections(d.boxes_xyxy[:1], d.scores[:1], d.labels[:1])
             for path, d in found.items()}  # fmt: skip
    tables = results.matched(dataset, {0.5: worse, 0.6: found, 0.7: found}, 100)
    rule = operating(thresholds="per_class", nms_iou=(0.5, 0.6, 0.7))
    assert op.choose(tables, rule, 0.01).point.nms_iou == 0.6


def test_the_smallest_limit_that_loses_nothing_is_taken() -> None:
    dataset, found = two_classes()
    choice = choose(dataset, found, thresholds="per_class", max_detections=(100, 1, 2, 10))
    assert choice.point.max_detections == 2


def test_shown_is_what_decoding_reports(make_scene) -> None:
    dataset, found = make_scene(3)
    table = results.matched(dataset, {0.6: found}, 100)[0.6]
    for point in (OperatingPoint(0.4, 0.6, 3), OperatingPoint(0.1, 0.6, 100, (0.5, 0.1, 0.3))):
        reported = [point.reported(found[image.path], 3) for image in dataset]
        shown = op.shown(table, point)
        assert np.array_equal(
            table.found.scores[shown], np.concatenate([d.scores for d in reported])
        )
        assert np.array_equal(
            table.found.label[shown], np.concatenate([d.labels for d in reported])
        )


def test_threshold_keeps_exactly_the_counted_detections_in_float32() -> None:
    """A score that is a thousandth as float32 lies on the threshold, not below it."""
    dataset, found = scene([(0.701, True)], [(0.7, True)])
    for thresholds in ("shared", "per_class"):
        point = choose(dataset, found, thresholds=thresholds).point
        assert sum(len(point.reported(d, 2).scores) for d in found.values()) == 2
