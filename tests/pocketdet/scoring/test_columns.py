import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.scoring import columns


def found(*rows: tuple[int, int, float]) -> columns.Found:
    """Rows of picture, class and score."""
    image, label, score = (np.asarray(column) for column in zip(*rows, strict=True))
    return columns.sorted_found(image, label, np.zeros((len(rows), 4)), score.astype(float))


def test_detections_lie_by_picture_and_score_and_equals_as_given() -> None:
    rows = found((1, 0, 0.5), (0, 0, 0.1), (1, 1, 0.9), (1, 2, 0.5))
    assert rows.image.tolist() == [0, 1, 1, 1]
    assert rows.scores.tolist() == [0.1, 0.9, 0.5, 0.5]
    assert rows.label.tolist() == [0, 1, 0, 2]
    assert rows.given.tolist() == [1, 2, 0, 3]


def test_the_best_are_counted_by_picture_and_class() -> None:
    rows = found((0, 0, 0.9), (0, 1, 0.8), (0, 0, 0.7), (0, 0, 0.6), (1, 0, 0.5), (1, 0, 0.4))
    assert rows.best(1).scores.tolist() == [0.9, 0.8, 0.5]
    assert rows.best(2).scores.tolist() == [0.9, 0.8, 0.7, 0.5, 0.4]
    assert len(rows.best(9)) == len(rows)


def test_a_data_set_in_columns() -> None:
    boxes = (
        Box("b", (0, 0, 2, 3), occlusion=2, truncation=0.5),
        Box("DontCare", (1, 1, 5, 5), "DontCare"),
    )
    dataset = Dataset(("a", "b"), (Image("0.jpg", (9, 8)), Image("1.jpg", (5, 6), boxes)))
    objects = columns.objects_of(dataset)
    assert objects.image.tolist() == [1, 1]
    assert objects.label.tolist() == [1, columns.ANY_CLASS]
    assert objects.ignored.tolist() == [False, True]
    assert objects.occlusion.tolist() == [2, -1]
    assert objects.truncation.tolist() == [0.5, -1]
    assert objects.sizes_wh.tolist() == [[9, 8], [5, 6]]


def test_unknown_labels_and_missing_pictures_are_refused() -> None:
    dataset = Dataset(("a",), (Image("0.jpg", (9, 8), (Box("c", (0, 0, 1, 1)),)),))
    with pytest.raises(DatasetError, match=r"0\.jpg: a box of class 'c', expected one of a"):
        columns.objects_of(dataset)
    with pytest.raises(DatasetError, match="no detections given"):
        columns.found_of(dataset, {})


def test_empty_detections_are_none_not_an_error() -> None:
    dataset = Dataset(("a",), (Image("0.jpg", (9, 8)),))
    nothing = Detections(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    )
    assert len(columns.found_of(dataset, {"0.jpg": nothing})) == 0
