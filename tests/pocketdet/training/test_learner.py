from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from pocketdet.config import Train
from pocketdet.detector import net
from pocketdet.detector.inverted_residual import stage_of
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import TrainingError
from pocketdet.inputs.batches import Batch
from pocketdet.training.backends.tensorflow import guarded
from pocketdet.training.learner import Learner, trimmed
from pocketdet.training.schedule import Schedule

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
LEVELS = (Level(8, ((24.0, 24.0), (40.0, 40.0))),)
# "imagenet" only says that statistics are fixed; nothing is downloaded.
SPEC = NetSpec("mobilenet_v2", 0.35, "imagenet", 16, 0, (64, 64), ("a", "b"), LEVELS)


def settings(**changes):
    fields = yaml.safe_load(PARAMS.read_text())["train"]
    fields["phases"][1]["frozen"] = ["backbone_(stem|0_)"]
    return Train(**{**fields, "warmup_steps": 2, "epochs": 60, **changes})


def batch():
    """Four pictures, in each a bright square of one class or a dark one of the other."""
    rng = np.random.default_rng(0)
    images = rng.integers(100, 150, (4, 64, 64, 3), dtype=np.uint8)
    boxes, labels = np.zeros((4, 3, 4), np.float32), np.full((4, 3), -1, np.int32)
    squares = [(4, 8, 24, 0), (30, 30, 30, 1), (8, 30, 28, 1), (20, 6, 40, 0)]
    for i, (x, y, side, label) in enumerate(squares):
        images[i, y : y + side, x : x + side] = 250 if label else 5
        boxes[i, 0], labels[i, 0] = (x, y, x + side, y + side), label
    return Batch(images, boxes, labels, np.zeros((4, 3), bool))


@pytest.fixture(scope="module")
def trained():
    """A learner after two frozen and 118 unfrozen steps, with its weights before and between."""
    keras.utils.set_random_seed(0)
    model = net.build(SPEC)
    learner = Learner(model, SPEC, Schedule(settings(learning_rate=0.01), 2))
    weights = [{v.path: v.numpy() for v in model.weights}]
    losses = []
    for step in range(120):
        losses.append(learner.learn(step, batch())[0].total)
        if step in (1, 119):
            weights.append({v.path: v.numpy() for v in model.weights})
    return learner, weights, losses


def moved(before, after):
    return {path for path in before if not np.array_equal(before[path], after[path])}


def test_while_the_backbone_is_frozen_only_neck_and_head_move(trained):
    _, (start, frozen, _), _ = trained
    changed = moved(start, frozen)
    assert changed
    assert not any(path.startswith("backbone") for path in changed)


def test_later_the_first_stages_and_all_fixed_statistics_stay(trained):
    _, (start, _, end), _ = trained
    changed = moved(start, end)
    assert {stage_of(path) for path in changed} == {None, 1, 2}
    backbone = {path for path in changed if stage_of(path) is not None}
    assert {path.rsplit("/")[-1] for path in backbone} == {"kernel", "gamma", "beta"}
    assert any(path.startswith("neck") and path.endswith("moving_mean") for path in changed)


def test_a_teacher_is_followed_and_stays_as_it_is(trained):
    keras.utils.set_random_seed(1)
    model, teacher = net.build(SPEC), trained[0].model
    before = teacher.get_weights()
    schedule = Schedule(settings(epochs=2, learning_rate=0.01), 40)
    learner = Learner(model, SPEC, schedule, teacher=teacher)
    lessons = [learner.learn(step, batch())[0].lesson for step in range(40)]
    assert all(map(np.array_equal, teacher.get_weights(), before))
    assert 0 < np.mean(lessons[-5:]) < 0.7 * lessons[0]
    assert learner.validate(batch())[0].lesson == 0


def test_four_pictures_are_soon_learnt(trained):
    _, _, losses = trained
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.35 * losses[0]


def test_validation_learns_nothing(trained):
    learner, _, _ = trained
    before = {name: v.numpy() for name, v in learner.state().items()}
    losses, outputs = learner.validate(batch())
    assert losses.total > 0
    assert {n: v.shape[1:] for n, v in outputs.items()} == SPEC.outputs()
    assert not moved(before, {name: v.numpy() for name, v in learner.state().items()})


def test_the_state_holds_everything_that_moves(trained):
    learner, _, _ = trained
    names = set(learner.state())
    assert {f"weights/{v.path}" for v in learner.model.weights} < names
    moments = {f"group_{i}_{part}" for i in (0, 1) for part in ("mean", "square")}
    assert {n for n in names if n.startswith("optimiser/")} == {f"optimiser/{m}" for m in moments}
    assert "average" in names


@pytest.mark.parametrize("error", [MemoryError, None])
def test_too_little_memory_says_what_to_lower(error):
    import tensorflow as tf

    def full():
        raise error() if error else tf.errors.ResourceExhaustedError(None, None, "OOM")

    with pytest.raises(TrainingError, match=r"lower train.batch \(or design.input_wh\)"):
        guarded(full)()


def test_trimmed_drops_only_unused_columns():
    full = batch()
    assert trimmed(full).boxes_xyxy.shape == (4, 1, 4)
    full.labels[2, 2] = -2
    np.testing.assert_array_equal(trimmed(full).labels, full.labels)
    full.labels[:] = -1
    assert trimmed(full).labels.shape == (4, 1)
