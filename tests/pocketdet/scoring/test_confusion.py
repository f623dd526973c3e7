import numpy as np

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.scoring import columns, confusion, operating_point, table


def matrix(boxes: list[Box], rows: list[tuple[float, ...]], score_min: float = 0.5) -> np.ndarray:
    dataset = Dataset(("a", "b"), (Image("0.jpg", (200, 200), tuple(boxes)),))
    values = np.asarray(rows, np.float64).reshape(-1, 6)
    found = Detections(values[:, :4], values[:, 4], values[:, 5].astype(np.int64))
    objects, given = columns.objects_of(dataset), columns.found_of(dataset, {"0.jpg": found})
    matched = table.match(objects, given, 100)
    result = confusion.confusion(matched, matched.found.scores >= score_min, 0.5)
    assert result.names == ("a", "b", "background")
    return result.counts


A, B = Box("a", (0, 0, 10, 10)), Box("b", (50, 50, 60, 60))


def test_hits_mistakes_misses_and_false_alarms_have_their_cells() -> None:
    rows = [
        (0, 0, 10, 10, 0.9, 0),  # a as a
        (50, 50, 60, 60, 0.9, 0),  # b as a
        (80, 80, 90, 90, 0.9, 1),  # nothing as b
        (0, 0, 10, 10, 0.4, 1),  # below the threshold
    ]
    counts = matrix([A, B, Box("b", (100, 0, 120, 20))], rows)
    assert counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_the_right_class_goes_first_even_with_a_worse_score() -> None:
    counts = matrix([A], [(0, 0, 10, 10, 0.9, 1), (0, 0, 10, 9, 0.8, 0)])
    assert counts.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_what_is_ignored_is_in_no_cell() -> None:
    region = Box("DontCare", (40, 40, 100, 100), "DontCare")
    assert matrix([region], [(50, 50, 60, 60, 0.9, 1)]).sum() == 0


def test_diagonal_holds_the_hits_of_the_operating_point(make_scene) -> None:
    dataset, found = make_scene(9)
    objects, given = columns.objects_of(dataset), columns.found_of(dataset, found)
    matched = table.match(objects, given, 100)
    point = OperatingPoint(0.2, 0.6, 100, (0.3, 0.2, 0.4))
    tally = operating_point.tally(matched, point)
    counts = confusion.confusion(matched, operating_point.shown(matched, point), 0.5).counts
    for k in range(3):
        hits, alarms, total = tally.of(k)
        assert (counts[k, k], counts[k].sum(), counts[:, k].sum()) == (hits, total, hits + alarms)
