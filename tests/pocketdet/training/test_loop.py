from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from PIL import Image as PIL

from pocketdet.config import Augment, Train
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector import net
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import TrainingError
from pocketdet.inputs import shards
from pocketdet.inputs.batches import Batches
from pocketdet.preprocess import Preprocessing
from pocketdet.training.checkpoint import Checkpoint
from pocketdet.training.learner import Learner
from pocketdet.training.loop import fit
from pocketdet.training.schedule import Schedule
from pocketdet.training.watch import Watch

FIELDS = yaml.safe_load((Path(__file__).resolve().parents[3] / "params.yaml").read_text())
RECIPE = Augment(**FIELDS["augment"])
SETTINGS = Train(
    **{
        **FIELDS["train"],
        "batch": 4,
        "epochs": 6,
        "phases": [
            {**phase, "epochs": epochs}
            for phase, epochs in zip(FIELDS["train"]["phases"], (1, "rest", 2), strict=True)
        ],
        "warmup_steps": 1,
        "validate_every": 1,
        "validate_images": 3,
        "keep": "best",
        "patience": 1,
    }
)
APS = {1: 0.2, 2: 0.1, 5: 0.7, 6: 0.6}  # epochs 3 and 4 are left out for want of a better AP
SPEC = NetSpec(
    "mobilenet_v2", 0.35, "imagenet", 8, 0, (32, 32), ("a",), (Level(8, ((12.0, 12.0),)),)
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards of six photos with a square each."""
    root = tmp_path_factory.mktemp("loop")
    images = []
    for i in range(6):
        picture = PIL.new("RGB", (64, 64), (90, 40 * i, 120))
        picture.paste((250, 250, 240), (5 * i, 10, 5 * i + 30, 50))
        picture.save(root / f"{i}.png")
        images.append(Image(f"{i}.png", (64, 64), (Box("a", (5.0 * i, 10, 5.0 * i + 30, 50)),)))
    data = Dataset(("a",), tuple(images))
    rule = Preprocessing((32, 32), "stretch")
    for name in ("train", "val"):
        list(shards.write(root / "s" / name, root, data, rule, RECIPE, 0, 0, 1))
    return root / "s"


class Told(Watch):
    """Says an AP that the tests know, after it has measured one."""

    def __init__(self, aps, *arguments):
        super().__init__(*arguments)
        self.aps, self.measured = iter(aps), []

    def ap(self):
        self.measured.append(super().ap())
        return (next(self.aps), 0.9)


def start(folder, checkpoint, settings=SETTINGS, on_step=lambda done: None, known=0):
    """A fresh net and its training, as a new process would make them."""
    keras.utils.set_random_seed(5)
    train = Batches(folder, "train", RECIPE, settings.batch, 0)
    val = Batches(folder, "val", None, settings.batch, 0)
    model, schedule = net.build(SPEC), Schedule(settings, train.steps)
    learner = Learner(model, SPEC, schedule)
    watch = Told(list(APS.values())[known:], SPEC, val, settings.validate_images)
    return learner, watch, fit(learner, schedule, train, val, watch, checkpoint, on_step)


class Killed(BaseException):
    """Nothing that the code under test could catch by mistake."""


@pytest.fixture(scope="module")
def undisturbed(folder, tmp_path_factory):
    """Result, history, weights and ranges shown at each epoch, and what rounding began with."""
    learner, watch, training = start(folder, Checkpoint(tmp_path_factory.mktemp("whole")))
    history, shown, began, measure = [], {}, [], learner.measure
    learner.measure = lambda batches: began.append(learner.model.get_weights()) or measure(batches)
    for epoch, _ in training:
        history.append(epoch)
        shown[epoch.epoch] = learner.model.get_weights(), learner.ranges
    assert all(0 <= ap <= ap50 <= 1 for ap, ap50 in watch.measured)
    return (learner.model.get_weights(), learner.ranges), history, shown, began[0]


def same(a, b):
    return all(map(np.array_equal, a, b))


def test_the_best_rounded_average_is_the_result_and_rounding_starts_from_the_best(undisturbed):
    (weights, ranges), _, shown, began = undisturbed
    assert [n for n in APS if same(shown[n][0], weights)] == [5]
    assert [n for n in APS if same(shown[n][0], began)] == [1]
    assert [n for n in APS if shown[n][1] == ranges] == [5]  # they follow the weights


def test_every_epoch_is_recorded(undisturbed):
    _, history, *_ = undisturbed
    assert {h.epoch: h.val_AP for h in history} == APS
    assert [h.step for h in history] == [2, 4, 10, 12]
    assert [h.phase for h in history] == ["frozen", "unfrozen", "quantised", "quantised"]
    for h in history:
        assert h.loss == pytest.approx(h.class_loss + SETTINGS.box_weight * h.box_loss, rel=1e-5)
        assert np.isfinite([h.grad_norm, h.val_loss, h.val_class_loss, h.val_box_loss]).all()


@pytest.mark.parametrize(
    ("at", "finished"), [pytest.param(2, 0, marks=pytest.mark.slow), (9, 2), (11, 3)]
)
def test_killed_and_started_again_it_ends_with_the_same_bytes(
    folder, tmp_path, undisturbed, at, finished
):
    def die(done):
        if done == at:
            raise Killed

    checkpoint = Checkpoint(tmp_path)
    *_, training = start(folder, checkpoint, on_step=die)
    with pytest.raises(Killed):
        list(training)
    steps = []
    learner, _, training = start(folder, checkpoint, on_step=steps.append, known=finished)
    again = list(training)
    assert steps == [1, 2, 3, 4, 9, 10, 11, 12][2 * finished :]  # no finished epoch is repeated
    (weights, ranges), history, *_ = undisturbed
    assert [epoch for epoch, _ in again] == history
    assert same(learner.model.get_weights(), weights)
    assert {name: tuple(pair) for name, pair in learner.ranges.items()} == ranges


def test_a_loss_that_explodes_names_the_pictures_and_the_remedy(folder, tmp_path):
    wild = SETTINGS.model_copy(update={"learning_rate": 1e30, "clip_norm": 1e30})
    *_, training = start(folder, Checkpoint(tmp_path), wild)
    with pytest.raises(TrainingError, match=r"lower train.learning_rate .*: \d.png, \d.png"):
        list(training)
    with np.load(tmp_path / "broken_batch.npz") as kept:
        assert kept["images"].shape == (4, 32, 32, 3)
        assert kept["labels"].max() == 0
