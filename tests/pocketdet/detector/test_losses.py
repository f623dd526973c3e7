import numpy as np
import pytest
import tensorflow as tf

from pocketdet.detector import losses
from pocketdet.detector.decode import anchors, candidates
from pocketdet.detector.spec import Level, NetSpec

SPEC = NetSpec(
    "mobilenet_v2", 0.35, "none", 8, 0, (64, 64), ("a", "b"),
    (Level(16, ((20.0, 20.0), (16.0, 32.0))), Level(32, ((40.0, 40.0), (30.0, 60.0)))),
)  # fmt: skip


def maps(seed=0, batch=2):
    rng = np.random.default_rng(seed)
    return {
        f"{kind}_{s}": rng.normal(0, 1, (batch, 64 // s, 64 // s, 2 * n)).astype(np.float32)
        for s in (16, 32)
        for kind, n in (("scores", 2), ("boxes", 4))
    }


def loss_of(outputs, objects, labels, ignore=None):
    """Losses of the same objects in every picture."""
    batch = outputs["scores_16"].shape[0]
    ignore = np.zeros(len(labels), bool) if ignore is None else np.array(ignore)
    return losses.detector_loss(
        outputs,
        np.repeat(np.array(objects, np.float32).reshape(1, -1, 4), batch, 0),
        np.repeat(np.array([labels], np.int32), batch, 0),
        np.repeat(ignore[None], batch, 0),
        SPEC,
        top_k=4,
        box_weight=2.0,
    )


def test_decoding_is_that_of_every_runtime():
    outputs = maps(batch=1)
    flat = np.concatenate([outputs[f"boxes_{s}"].reshape(1, -1, 4) for s in (16, 32)], 1)
    expected, _ = candidates(outputs, SPEC)
    np.testing.assert_allclose(
        losses.decode(flat, anchors(SPEC))[0], expected, rtol=1e-5, atol=1e-4
    )


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


def test_total_is_the_weighted_sum_and_all_gradients_are_finite():
    outputs = {name: tf.Variable(value) for name, value in maps().items()}
    with tf.GradientTape() as tape:
        found = loss_of(outputs, [[10, 10, 40, 50], [0, 0, 0, 0]], [0, -1])
    assert float(found.total) == pytest.approx(float(found.scores + 2 * found.boxes), rel=1e-6)
    gradients = tape.gradient(found.total, list(outputs.values()))
    assert all(np.isfinite(g).all() for g in gradients)
    assert all(np.abs(g).max() > 0 for g in gradients[:2])


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


@pytest.mark.parametrize(("label", "silent"), [(-2, (0, 1)), (0, (0,)), (1, (1,))])
def test_predictions_in_an_ignore_region_cost_nothing(label, silent):
    region, objects = [0, 0, 64, 64], [[10, 10, 40, 50]]
    outputs = {n: v if n[0] == "s" else v * 0 for n, v in maps().items()}
    boxes = losses.decode(np.zeros((1, 40, 4), np.float32), anchors(SPEC))[0]
    clipped = np.clip(boxes, 0, 64)
    area = lambda b: np.prod(np.asarray(b)[:, 2:] - np.asarray(b)[:, :2], -1)  # noqa: E731
    inside = area(clipped) / area(boxes) > 0.5
    plain = loss_of(outputs, [*objects, region], [0, label], [False, True])

    # Louder false alarms of the silent classes, away from the object: the same loss.
    levels = {16: inside[:32].reshape(4, 4, 2), 32: inside[32:].reshape(2, 2, 2)}
    positive = np.asarray(
        losses.assign(
            np.full((1, 40, 2), 0.1, np.float32), np.asarray(boxes)[None], losses._cells(SPEC),
            np.array([objects], np.float32), np.array([[0]]), np.array([[False]]), 40,
        ).scores[0].numpy().max(-1) > 0
    )  # fmt: skip
    away = {16: ~positive[:32].reshape(4, 4, 2), 32: ~positive[32:].reshape(2, 2, 2)}
    louder, changed = {n: v.copy() for n, v in outputs.items()}, 0
    for s in (16, 32):
        scores = louder[f"scores_{s}"].reshape(2, 64 // s, 64 // s, 2, 2)
        chosen = levels[s] & away[s]
        changed += chosen.sum()
        for c in silent:
            scores[:, chosen, c] += 5
    assert changed > 5
    loud = loss_of(louder, [*objects, region], [0, label], [False, True])
    for a, b in zip(plain, loud, strict=True):
        assert float(a) == pytest.approx(float(b), rel=1e-6)
    assert float(loss_of(louder, objects, [0]).total) > float(loss_of(outputs, objects, [0]).total)


def test_an_object_inside_an_ignore_region_still_counts():
    region, objects = [0, 0, 64, 64], [[10, 10, 40, 50]]
    outputs = {n: np.full_like(v, -5) if n[0] == "s" else v * 0 for n, v in maps().items()}
    ignored = loss_of(outputs, [*objects, region], [0, -2], [False, True])
    assert float(ignored.scores) > 1
    assert float(ignored.boxes) == pytest.approx(float(loss_of(outputs, objects, [0]).boxes))
