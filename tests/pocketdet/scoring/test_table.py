import contextlib
import io

import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import coco, columns, matching, table


def matched(dataset, found, limit=100, **options) -> table.Table:
    return table.match(
        columns.objects_of(dataset), columns.found_of(dataset, found), limit, **options
    )


def reference(dataset, found):
    """What COCOeval decides of every detection: (T, D) taken, (T, D) ignored, by result number."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = coco.ground_truth(dataset)
        truth.createIndex()
        rows = coco.results(dataset, found)
        run = COCOeval(truth, truth.loadRes(rows), "bbox")
        run.evaluate()
    taken, ignored = np.zeros((2, 10, len(rows)), bool)
    for cell in run.evalImgs:
        if cell and cell["aRng"] == run.params.areaRng[0]:
            which = np.asarray(cell["dtIds"], int) - 1
            taken[:, which] = cell["dtMatches"] > 0
            ignored[:, which] = cell["dtIgnore"]
    return taken, ignored


@pytest.mark.parametrize("seed", range(6))
def test_same_verdicts_as_pycocotools_at_every_threshold(make_scene, seed) -> None:
    dataset, found = make_scene(seed)
    ours = matched(dataset, found)
    taken, ignored = reference(dataset, found)
    assert np.array_equal(ours.hit, taken & ~ignored)
    assert np.array_equal(ours.ignored, ignored)
    assert ours.hit.any()
    assert ignored.any()
    assert (ours.hit[0] & ~ours.hit[-1]).any()


def test_same_verdicts_as_matching_one_picture(make_scene) -> None:
    dataset, found = make_scene(11)
    ours = matched(dataset, found)
    words = [
        verdict
        for image in dataset
        for verdict in matching.match(image, found[image.path], dataset.classes, 0.5).verdicts
    ]
    assert ours.hit[0].tolist() == [word == "hit" for word in words]
    assert ours.ignored[0].tolist() == [word == "ignored" for word in words]


def test_of_equal_overlaps_the_last_object_is_taken_as_in_pycocotools() -> None:
    boxes = (Box("a", (0, 0, 10, 10)), Box("a", (4, 0, 14, 10)))
    dataset = Dataset(("a",), (Image("0", (40, 40), boxes),))
    rows = np.asarray([[2, 0, 12, 10], [0, 0, 8, 10]], float)
    found = {"0": Detections(rows, np.asarray([0.9, 0.8]), np.zeros(2, np.int64))}
    assert matched(dataset, found).partner[0].tolist() == [1, 0]
    assert reference(dataset, found)[0][0].tolist() == [True, True]


def test_only_the_best_of_each_class_and_picture_are_looked_at(make_scene) -> None:
    dataset, found = make_scene(5)
    few = matched(dataset, found, limit=1)
    expected = coco.score(dataset, found).overall["AR1"]
    hits = np.zeros((10, 3))
    for k in range(3):
        total = np.sum(few.counts & (few.objects.label == k))
        hits[:, k] = few.hit[:, few.found.label == k].sum(axis=1) / total
    assert hits.mean() == pytest.approx(expected, abs=1e-12)


def test_no_object_and_no_detection_at_all() -> None:
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    one = Detections(np.asarray([[0, 0, 5, 5]]), np.asarray([0.5]), np.asarray([0]))
    empty = Dataset(("a",), (Image("0", (40, 40)),))
    assert matched(empty, {"0": nothing}).hit.shape == (10, 0)
    assert not matched(empty, {"0": one}).ignored.any()
    full = Dataset(("a",), (Image("0", (40, 40), (Box("a", (0, 0, 5, 5)),)),))
    assert matched(full, {"0": nothing}).counts.tolist() == [True]
