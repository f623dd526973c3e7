import numpy as np

from pocketdet.detector.assignment import assign

CELLS = np.array([[8 * x + 4, 8 * y + 4, 8] for y in range(8) for x in range(8)], np.float32)


def predictions(seed=0, classes=2):
    """64 predictions around their cells, (1, 64, classes) and (1, 64, 4)."""
    rng = np.random.default_rng(seed)
    halves = rng.uniform(6, 14, (64, 2))
    boxes = np.concatenate([CELLS[:, :2] - halves, CELLS[:, :2] + halves], -1)[None]
    return rng.uniform(0.1, 0.4, (1, 64, classes)).astype(np.float32), boxes.astype(np.float32)


def targets(objects, labels, ignore=None, top_k=3, seed=0):
    scores, boxes = predictions(seed)
    ignore = [False] * len(labels) if ignore is None else ignore
    found = assign(
        scores,
        boxes,
        CELLS,
        np.array(objects, np.float32).reshape(1, -1, 4),
        np.array([labels], np.int32),
        np.array([ignore], bool),
        top_k,
    )
    return [np.asarray(t)[0] for t in found]


def test_an_object_gets_its_best_predictions_inside_it_and_the_best_says_its_iou():
    scores, boxes, counts = targets([[10, 10, 34, 38]], [1])
    chosen = np.flatnonzero(scores[:, 1])
    assert len(chosen) == 3
    assert (scores[:, 0] == 0).all()
    assert (counts == 1).all()
    inside = (CELLS[chosen, :2] > [10, 10]) & (CELLS[chosen, :2] < [34, 38])
    assert inside.all()
    np.testing.assert_allclose(boxes[chosen], [[10, 10, 34, 38]] * 3)
    given_scores, given = predictions()
    low = np.maximum(given[0, :, :2], [10, 10])
    high = np.minimum(given[0, :, 2:], [34, 38])
    overlap = np.prod(np.maximum(high - low, 0), -1)
    iou = overlap / (np.prod(given[0, :, 2:] - given[0, :, :2], -1) + 24 * 28 - overlap)
    np.testing.assert_allclose(scores[:, 1].max(), iou[chosen].max(), rtol=1e-5)
    quality = np.sqrt(given_scores[0, :, 1]) * iou**6
    centred = np.all((CELLS[:, :2] > [10, 10]) & (CELLS[:, :2] < [34, 38]), -1)
    assert set(chosen) == set(np.argsort(-quality * centred)[:3])


def test_an_object_smaller_than_a_cell_is_not_lost():
    scores, _, _ = targets([[7.5, 7.5, 9.5, 9.5]], [0])
    assert scores[:, 0].max() > 0


def test_padding_and_ignored_boxes_are_no_positives():
    scores, _, counts = targets([[10, 10, 34, 38], [0, 0, 30, 30]], [-1, 0], [False, True])
    assert (scores == 0).all()
    assert (counts[:, 1] == 1).all()
    assert 0 < (counts[:, 0] == 0).sum() < 64


def test_an_ignore_region_of_any_class_silences_all_classes():
    _, boxes = predictions()
    _, _, counts = targets([[0, 0, 40, 40]], [-2], [True])
    low, high = np.maximum(boxes[0, :, :2], 0), np.minimum(boxes[0, :, 2:], 40)
    share = np.prod(np.maximum(high - low, 0), -1) / np.prod(boxes[0, :, 2:] - boxes[0, :, :2], -1)
    np.testing.assert_array_equal(counts[:, 0] == 0, share > 0.5)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 1])


def test_two_objects_share_no_prediction_and_two_equal_ones_share_every_one():
    scores, boxes, _ = targets([[10, 10, 34, 38], [14, 10, 38, 38]], [0, 1], top_k=5)
    assert not ((scores[:, 0] > 0) & (scores[:, 1] > 0)).any()
    assert {tuple(b) for b in boxes[scores.max(1) > 0]} == {(10, 10, 34, 38), (14, 10, 38, 38)}
    once = targets([[10, 10, 34, 38]], [1])
    twice = targets([[10, 10, 34, 38]] * 2, [1, 1])
    for a, b in zip(once, twice, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_the_order_of_the_objects_does_not_matter():
    objects, labels = [[10, 10, 34, 38], [30, 20, 60, 60], [0, 40, 20, 64]], [0, 1, 1]
    first = targets(objects, labels)
    for a, b in zip(first, targets(objects[::-1], labels[::-1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
