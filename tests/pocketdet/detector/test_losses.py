from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from pocketdet.detector import coding, losses
from pocketdet.detector.decode import candidates
from pocketdet.detector.spec import BINS, Level, NetSpec

ANCHORS = NetSpec(
    "mobilenet_v2", 0.35, "none", 8, 0, (64, 64), ("a", "b"),
    (Level(16, ((20.0, 20.0), (16.0, 32.0))), Level(32, ((40.0, 40.0), (30.0, 60.0)))),
)  # fmt: skip
CELLS = replace(ANCHORS, levels=(Level(8, ()), Level(32, ())), head="anchor_free")
BOTH = pytest.mark.parametrize("spec", [ANCHORS, CELLS], ids=["ssdlite", "anchor_free"])


def maps(spec=ANCHORS, seed=0, batch=2):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(0, 1, (batch, *shape)).astype(np.float32)
        for name, shape in spec.outputs().items()
    }


WEIGHTS = losses.Weights(boxes=2.0, distances=0.5)


def loss_of(outputs, objects, labels, ignore=None, spec=ANCHORS, weights=WEIGHTS):
    """Losses of the same objects in every picture."""
    batch = next(iter(outputs.values())).shape[0]
    ignore = np.zeros(len(labels), bool) if ignore is None else np.array(ignore)
    return losses.detector_loss(
        outputs,
        np.repeat(np.array(objects, np.float32).reshape(1, -1, 4), batch, 0),
        np.repeat(np.array([labels], np.int32), batch, 0),
        np.repeat(ignore[None], batch, 0),
        spec,
        top_k=4,
        weights=weights,
    )


def decoded(outputs, spec):
    return np.concatenate(coding.boxes(outputs, spec), -1)


@BOTH
def test_decoding_is_that_of_every_runtime(spec):
    outputs = maps(spec, batch=1)
    expected, scores = candidates(outputs, spec)
    np.testing.assert_allclose(decoded(outputs, spec)[0], expected, rtol=1e-5, atol=1e-4)
    logits = coding.logits(outputs, spec)[0]
    np.testing.assert_allclose(1 / (1 + np.exp(-np.asarray(logits))), scores, rtol=1e-5)


def test_distances_are_the_mean_of_their_distribution():
    outputs = {n: np.full_like(v, -30) for n, v in maps(CELLS, batch=1).items()}
    sides = outputs["boxes_8"].reshape(8, 8, 4, BINS)
    for side, bins in enumerate(([2], [0], [1, 2], [15])):  # left, top, right, bottom, in cells
        sides[3, 5, side, bins] = 30
    boxes, _ = candidates(outputs, CELLS)
    # The centre of row 3, column 5 is at (44, 28).
    np.testing.assert_allclose(boxes[3 * 8 + 5], [44 - 16, 28, 44 + 12, 28 + 120], atol=1e-4)


def test_distance_loss_shares_the_weight_between_the_bins_around():
    box = np.tile(np.float32([4 - 8 * 1.25, 4 - 8 * 3, 4 + 8 * 99, 4]), (1, 68, 1))
    logits = np.random.default_rng(0).normal(0, 1, (1, 68, 4, BINS)).astype(np.float32)
    found = losses.distance_loss(logits, box, CELLS)[0, 0]  # of the first cell, at (4, 4)
    log = logits[0, 0] - np.log(np.exp(logits[0, 0]).sum(-1, keepdims=True))
    parts = [0.75 * log[0, 1] + 0.25 * log[0, 2], log[1, 3], log[2, BINS - 1], log[3, 0]]
    assert float(found) == pytest.approx(-np.mean(parts), rel=1e-5)


def test_ciou_of_known_pairs():
    a = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10]], np.float32)
    # Same shape, so IoU - distance^2 / diagonal^2 of the hull: 1, 1/3 - 25/325, 0 - 400/1000.
    np.testing.assert_allclose(losses.ciou(a, b), [1, 1 / 3 - 25 / 325, -0.4], atol=1e-5)
    wide, tall = np.array([[0, 5, 20, 10]], np.float32), np.array([[5, 0, 10, 20]], np.float32)
    shape = 4 / np.pi**2 * (np.arctan(4) - np.arctan(1 / 4)) ** 2
    iou, distance = 25 / 175, (2.5**2 + 2.5**2) / (20**2 + 20**2)
    expected = iou - distance - shape**2 / (1 - iou + shape)
    np.testing.assert_allclose(losses.ciou(wide, tall), [expected], atol=1e-5)


@BOTH
def test_total_is_the_weighted_sum_and_all_gradients_are_finite(spec):
    outputs = {name: tf.Variable(value) for name, value in maps(spec).items()}
    with tf.GradientTape() as tape:
        found = loss_of(outputs, [[10, 10, 40, 50], [0, 0, 0, 0]], [0, -1], spec=spec)
    total = found.scores + 2 * found.boxes + 0.5 * found.distances
    assert float(found.total) == pytest.approx(float(total), rel=1e-6)
    assert (float(found.distances) > 0) == (spec is CELLS)
    gradients = tape.gradient(found.total, list(outputs.values()))
    assert all(np.isfinite(g).all() for g in gradients)
    assert all(np.abs(g).max() > 0 for g in gradients[:2])


def entropies(outputs, objects, labels, change):
    """Loss of the scores by numpy, of targets (B, A, C) that were changed, for each class."""
    logits = np.asarray(coding.logits(outputs, CELLS), np.float64)
    truth = (np.float32([objects] * 2), np.int32([labels] * 2), np.zeros((2, len(labels)), bool))
    boxes = np.float32(decoded(outputs, CELLS))
    scores = np.float32(1 / (1 + np.exp(-logits)))
    target = losses.assign(scores, boxes, losses._cells(CELLS), *truth, 4).scores.numpy()
    wanted, said = change(target), 1 / (1 + np.exp(-logits))
    cost = -wanted * np.log(said) - (1 - wanted) * np.log(1 - said)
    return cost.sum((0, 1)) / max(target.sum(), 1)


def test_smoothing_gives_a_share_of_a_target_to_all_classes():
    outputs, objects = maps(CELLS), [[10, 10, 40, 50], [4, 30, 28, 60]]
    smooth = WEIGHTS._replace(smoothing=0.2)
    plain = loss_of(outputs, objects, [0, 1], spec=CELLS)
    found = loss_of(outputs, objects, [0, 1], spec=CELLS, weights=smooth)
    mixed = np.float32([[0.9, 0.1], [0.1, 0.9]])
    expected = entropies(outputs, objects, [0, 1], lambda target: target @ mixed).sum()
    assert float(found.scores) == pytest.approx(expected, rel=1e-5)
    assert abs(expected - float(plain.scores)) > 1e-3
    assert (float(found.boxes), float(found.distances)) == tuple(map(float, plain[2:4]))


def test_background_is_not_smoothed():
    quiet = {n: np.full_like(v, -20 if n[0] == "s" else 0) for n, v in maps().items()}
    smooth = WEIGHTS._replace(smoothing=0.5)
    found = loss_of(quiet, [[0, 0, 0, 0]], [-1], weights=smooth)
    assert float(found.total) == pytest.approx(0, abs=1e-5)


def test_class_weights_multiply_what_the_scores_of_a_class_cost():
    outputs, objects = maps(CELLS), [[10, 10, 40, 50], [4, 30, 28, 60]]
    weighed = WEIGHTS._replace(classes=(3.0, 0.5))
    found = loss_of(outputs, objects, [0, 1], spec=CELLS, weights=weighed)
    a, b = entropies(outputs, objects, [0, 1], lambda target: target)
    assert float(found.scores) == pytest.approx(3 * a + 0.5 * b, rel=1e-5)
    plain = loss_of(outputs, objects, [0, 1], spec=CELLS)
    assert float(plain.scores) == pytest.approx(a + b, rel=1e-5)
    assert (float(found.boxes), float(found.distances)) == tuple(map(float, plain[2:4]))


def test_balanced_classes_weigh_by_their_objects():
    names, weights = ("a", "b", "c"), losses.class_weights
    assert weights({"b": 2.5}, names, (1, 1, 1)) == (1.0, 2.5, 1.0)
    assert weights("balanced", names, (60, 20, 10)) == (0.5, 1.5, 3.0)
    assert weights("balanced", names, (60, 20, 0)) == (40 / 60, 2.0, 1.0)
    for nothing in (weights({}, names, (5, 1, 1)), weights("balanced", names, (4, 4, 4))):
        assert nothing == ()  # and the loss is left as it is


LESSON = WEIGHTS._replace(lesson_scores=1.0, lesson_boxes=1.0)


@BOTH
def test_a_net_that_says_what_its_teacher_says_costs_nothing_more(spec):
    outputs, objects = maps(spec), [[10, 10, 40, 50]]
    alone, taught = (
        losses.detector_loss(
            outputs, np.float32([objects] * 2), np.int32([[0]] * 2), np.zeros((2, 1), bool),
            spec, 4, LESSON, teacher,
        )
        for teacher in (None, outputs)
    )  # fmt: skip
    assert float(alone.lesson) == 0
    assert float(taught.lesson) == pytest.approx(0, abs=1e-4)
    assert float(taught.total) == pytest.approx(float(alone.total), rel=1e-5)


@BOTH
def test_a_lesson_changes_the_net_and_never_the_teacher(spec):
    outputs, taught = ({n: tf.Variable(v) for n, v in maps(spec, s).items()} for s in (0, 1))
    counted = np.ones((2, coding.logits(taught, spec).shape[1], 2), np.float32)
    with tf.GradientTape() as tape:
        cost = losses.lesson(outputs, taught, counted, spec, LESSON)
    mine, theirs = tape.gradient(cost, [list(outputs.values()), list(taught.values())])
    assert float(cost) > 0
    assert all(np.abs(g).max() > 0 for g in mine)
    assert theirs == [None] * len(taught)


def test_the_scores_of_a_lesson_are_a_divergence_by_the_sum_of_the_teachers_best():
    outputs, taught = maps(CELLS), maps(CELLS, seed=1)
    p, q = (1 / (1 + np.exp(-np.float64(coding.logits(m, CELLS)))) for m in (taught, outputs))
    cost = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    counted = np.float32(np.random.default_rng(2).random(p.shape) < 0.5)
    found = losses.lesson(outputs, taught, counted, CELLS, LESSON._replace(lesson_boxes=0.0))
    expected = (cost * counted).sum() / p.max(-1).sum()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_boxes_of_a_lesson_are_softened_distributions_or_ciou():
    outputs, taught = maps(CELLS), maps(CELLS, seed=1)
    only = LESSON._replace(lesson_scores=0.0)
    p, q = (np.exp(np.float64(coding.distributions(m, CELLS)) / 10) for m in (taught, outputs))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    apart = 100 * (p * np.log(p / q)).mean((-2, -1))
    weight = (1 / (1 + np.exp(-np.float64(coding.logits(taught, CELLS))))).max(-1)
    everywhere = np.ones((*weight.shape, 2), np.float32)
    found = losses.lesson(outputs, taught, everywhere, CELLS, only)
    expected = 0.5 * (apart * weight).sum() / weight.sum()
    assert float(found) == pytest.approx(expected, rel=1e-4)

    outputs, taught = maps(ANCHORS), maps(ANCHORS, seed=1)
    apart = 1 - np.asarray(losses.ciou(decoded(outputs, ANCHORS), decoded(taught, ANCHORS)))
    weight = (1 / (1 + np.exp(-np.float64(coding.logits(taught, ANCHORS))))).max(-1)
    found = losses.lesson(outputs, taught, np.ones((*weight.shape, 2), np.float32), ANCHORS, only)
    assert float(found) == pytest.approx(2 * (apart * weight).sum() / weight.sum(), rel=1e-4)


def test_a_perfect_net_costs_little_and_a_wrong_class_much():
    outputs = {n: np.full_like(v, -12 if n[0] == "s" else 0) for n, v in maps(batch=1).items()}
    # The second shape of cell (1, 1) at stride 16 is the object itself.
    outputs["scores_16"][0, 1, 1, 2 * 1 + 0] = 12
    right = loss_of(outputs, [[16, 8, 32, 40]], [0])
    wrong = loss_of(outputs, [[16, 8, 32, 40]], [1])
    assert float(right.boxes) < 0.3
    assert float(right.total) < 0.1 * float(wrong.total)


def test_a_picture_without_objects_costs_only_false_alarms():
    quiet = {n: np.full_like(v, -20 if n[0] == "s" else 0) for n, v in maps().items()}
    found = loss_of(quiet, [[0, 0, 0, 0]], [-1])
    assert float(found.total) == pytest.approx(0, abs=1e-5)
    assert float(loss_of(maps(), [[0, 0, 0, 0]], [-1]).total) > 1


@BOTH
@pytest.mark.parametrize(("label", "silent"), [(-2, (0, 1)), (0, (0,)), (1, (1,))])
def test_predictions_in_an_ignore_region_cost_nothing(spec, label, silent):
    region, objects = [0, 0, 64, 64], [[10, 10, 40, 50]]
    outputs = maps(spec)
    for name in outputs:  # small boxes, so that many lie inside
        if name.startswith("boxes"):
            outputs[name][:] = np.tile(-np.arange(BINS), 4) if spec is CELLS else 0
    boxes = decoded(outputs, spec)
    area = lambda b: np.prod(b[..., 2:] - b[..., :2], -1)  # noqa: E731
    inside = area(np.clip(boxes, 0, 64)) / area(boxes) > 0.5
    logits = np.asarray(coding.logits(outputs, spec))
    many = logits.shape[1]
    candidate = losses.assign(
        1 / (1 + np.exp(-logits)), boxes, losses._cells(spec),
        np.array([objects] * 2, np.float32), np.array([[0]] * 2), np.array([[False]] * 2), many,
    ).scores.numpy().max(-1) > 0  # fmt: skip
    plain = loss_of(outputs, [*objects, region], [0, label], [False, True], spec)

    # Louder false alarms of the silent classes, away from the object: the same loss.
    louder, chosen, place = {n: v.copy() for n, v in outputs.items()}, inside & ~candidate, 0
    for level in spec.levels:
        scores = louder[f"scores_{level.stride}"]
        flat = scores.reshape(2, -1, 2)
        part = chosen[:, place : place + flat.shape[1]]
        place += flat.shape[1]
        for c in silent:
            flat[..., c][part] += 5
    assert chosen.sum() > 10
    loud = loss_of(louder, [*objects, region], [0, label], [False, True], spec)
    for a, b in zip(plain, loud, strict=True):
        assert float(a) == pytest.approx(float(b), rel=1e-6)
    without = [loss_of(o, objects, [0], spec=spec).total for o in (louder, outputs)]
    assert float(without[0]) > float(without[1])


def test_an_object_inside_an_ignore_region_still_counts():
    region, objects = [0, 0, 64, 64], [[10, 10, 40, 50]]
    outputs = {n: np.full_like(v, -5) if n[0] == "s" else v * 0 for n, v in maps().items()}
    ignored = loss_of(outputs, [*objects, region], [0, -2], [False, True])
    assert float(ignored.scores) > 1
    assert float(ignored.boxes) == pytest.approx(float(loss_of(outputs, objects, [0]).boxes))


REGIONS = st.tuples(*[st.floats(0, 48)] * 2, *[st.floats(4, 64)] * 2).map(
    lambda r: (r[0], r[1], min(r[0] + r[2], 64), min(r[1] + r[3], 64))
)


@BOTH
@pytest.mark.parametrize("taught", [False, True], ids=["alone", "taught"])
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), region=REGIONS, label=st.sampled_from([-2, 0, 1]))
def test_an_ignore_region_never_raises_the_loss(spec, taught, seed, region, label):
    outputs, teacher = maps(spec, seed), maps(spec, seed + 1)
    for name, values in outputs.items():
        # On the left the teacher is sure and the net agrees: there a region takes no cost away.
        left = (..., slice(values.shape[2] // 2), slice(None))
        values[left] += 2 * name.startswith("scores")
        teacher[name][left] = values[left]
    without, there = (
        losses.detector_loss(
            outputs,
            np.float32([[[10, 10, 40, 50], box]] * 2),
            np.int32([[0, number]] * 2),
            np.array([[False, ignored]] * 2),
            spec, 4, LESSON, teacher if taught else None,
        )
        for box, number, ignored in (([0] * 4, -1, False), (region, label, True))
    )  # fmt: skip
    for part, more, less in zip(losses.Losses._fields, without, there, strict=True):
        assert float(less) <= float(more) * (1 + 1e-5) + 1e-6, part
