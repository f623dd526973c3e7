import numpy as np
import pytest

from pocketdet.detector.decode import Detections
from pocketdet.errors import ExportError
from pocketdet.exporting.parity import Comparison

BOXES = np.asarray([[0, 0, 10, 10], [20, 20, 40, 40], [50, 0, 60, 30]], np.float32)
OUTPUTS = {"scores_8": np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)}


def found(boxes: np.ndarray, scores: list[float], labels: list[int]) -> Detections:
    return Detections(boxes, np.asarray(scores, np.float32), np.asarray(labels, np.int64))


NET = found(BOXES, [0.9, 0.8, 0.1], [0, 1, 0])


def compare(file: Detections, outputs: dict[str, np.ndarray] = OUTPUTS) -> Comparison:
    comparison = Comparison(score_min=0.5)
    comparison.add(OUTPUTS, outputs, NET, file)
    return comparison


def test_equal_results_agree_fully() -> None:
    agreement = compare(NET).agreement()
    assert agreement.images == 1
    assert agreement.boxes == 2, "the third is below the operating point"
    assert (agreement.tensor_max, agreement.tensor_mean, agreement.lost) == (0, 0, 0)
    assert (agreement.iou_min, agreement.iou_mean, agreement.score_max) == (1, 1, 0)


def test_differences_of_tensors() -> None:
    outputs = {"scores_8": OUTPUTS["scores_8"] + np.asarray([0, 0, 3], np.float32)}
    agreement = compare(NET, outputs).agreement()
    assert agreement.tensor_max == 3
    assert agreement.tensor_mean == 1


def test_a_nan_is_not_lost() -> None:
    outputs = {"scores_8": OUTPUTS["scores_8"].copy()}
    outputs["scores_8"][0, 0, 0, 1] = np.nan
    comparison = compare(NET, outputs)
    comparison.add(OUTPUTS, OUTPUTS, NET, NET)  # a good picture after it does not hide it
    assert np.isnan(comparison.agreement().tensor_max)


def test_a_moved_box_has_its_overlap() -> None:
    moved = BOXES.copy()
    moved[1, [0, 2]] += 5  # overlap 15 of 25
    agreement = compare(found(moved, [0.9, 0.7, 0.1], [0, 1, 0])).agreement()
    assert agreement.iou_min == pytest.approx(0.6)
    assert agreement.iou_mean == pytest.approx(0.8)
    assert agreement.score_max == pytest.approx(0.1)
    assert agreement.lost == 0


def test_missing_and_extra_boxes() -> None:
    others = np.asarray([[0, 0, 10, 10], [70, 70, 80, 80]], np.float32)
    agreement = compare(found(others, [0.9, 0.6], [0, 1])).agreement()
    assert (agreement.boxes, agreement.missing, agreement.extra) == (2, 1, 1)
    assert agreement.lost == 1.0


def test_another_class_is_no_counterpart() -> None:
    agreement = compare(found(BOXES, [0.9, 0.8, 0.1], [1, 1, 0])).agreement()
    assert (agreement.missing, agreement.extra) == (1, 1)


def test_slipping_below_the_threshold_is_a_difference_in_score() -> None:
    agreement = compare(found(BOXES, [0.9, 0.49, 0.1], [0, 1, 0])).agreement()
    assert (agreement.missing, agreement.extra) == (0, 0)
    assert agreement.score_max == pytest.approx(0.31)


def test_a_box_below_the_threshold_in_both_does_not_count() -> None:
    agreement = compare(found(BOXES[:2], [0.9, 0.8], [0, 1])).agreement()
    assert agreement.lost == 0


def test_a_box_cut_to_nothing_is_left_out() -> None:
    flat = found(np.asarray([[5, 0, 5, 10]], np.float32), [0.9], [0])
    comparison = Comparison(score_min=0.5)
    comparison.add(OUTPUTS, OUTPUTS, flat, flat)
    assert comparison.agreement().lost == 0


def test_no_detection_at_all() -> None:
    nothing = found(np.zeros((0, 4), np.float32), [], [])
    comparison = Comparison(score_min=0.5)
    comparison.add(OUTPUTS, OUTPUTS, nothing, nothing)
    agreement = comparison.agreement()
    assert agreement.boxes == 0
    assert agreement.iou_min is None
    comparison.add(OUTPUTS, OUTPUTS, nothing, NET)
    assert comparison.agreement().extra == 2


def test_other_outputs_are_refused() -> None:
    with pytest.raises(ExportError, match="outputs differ"):
        compare(NET, {"scores_8": OUTPUTS["scores_8"][..., :2]})
    with pytest.raises(ExportError, match="outputs differ"):
        compare(NET, {"boxes_8": OUTPUTS["scores_8"]})
