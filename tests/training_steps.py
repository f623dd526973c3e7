"""Steps of real training under the backend that KERAS_BACKEND names: training_steps.py FOLDER.

Two frozen steps, a third with the backbone, and a fourth, rounded to int8; the state after each is
in FOLDER/N.npz. Then all again with a kill after the second step: the state comes from the
checkpoint and ends in FOLDER/resumed.npz. The outputs on other pictures after the third
step are in FOLDER/val.npz: rounded ones may be a step of int8 apart, and the loss of a net that has
learnt nothing hangs on ties of the assignment (noise of 2e-7 in its outputs moved it by 4.5 %).
"""

import sys
from pathlib import Path

import numpy as np
import yaml
from one_step import fill

from pocketdet.config import Train
from pocketdet.detector import net
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.inputs.batches import Batch
from pocketdet.training import backends
from pocketdet.training.checkpoint import Checkpoint
from pocketdet.training.learner import Learner
from pocketdet.training.schedule import Schedule

PARAMS = Path(__file__).resolve().parents[1] / "params.yaml"
LEVELS = (Level(8, ()), Level(16, ()))
SPEC = NetSpec(
    "mobilenet_v2", 0.35, "imagenet", 8, 1, (64, 64), ("a", "b"), LEVELS, "anchor_free"
)  # fmt: skip
STEPS = 4


def learner() -> Learner:
    """As a new process would make it."""
    fields = yaml.safe_load(PARAMS.read_text())["train"]
    fields["epochs"] = STEPS
    for phase, epochs in zip(fields["phases"], (2, "rest", 1), strict=True):
        phase["epochs"] = epochs
    model = net.build(SPEC)
    fill(model)
    stem = model.get_layer("backbone_stem").kernel
    stem.assign(stem.numpy() * (np.arange(stem.shape[-1]) > 0))  # a dead channel, as real nets have
    return Learner(model, SPEC, Schedule(Train(**fields), 1))


def batch(step: int) -> Batch:
    """Two pictures with a box or two, and room for three."""
    rng = np.random.default_rng(step)
    images = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    boxes = np.array([[[4, 4, 30, 40], [20, 10, 60, 60], [0, 0, 0, 0]]] * 2, np.float32)
    labels = np.array([[0, 1, -1], [1, -2, -1]], np.int32)
    return Batch(images, boxes, labels, labels == -2)


def train(one: Learner, steps: range, folder: Path | None) -> None:
    """Learn, and save what came of each step."""
    for step in steps:
        if step == STEPS - 1:
            one.quantise(one.measure([batch(9)]))
        losses, norm = one.learn(step, batch(step))
        if folder:
            state = {name: v.numpy() for name, v in one.state().items()}
            np.savez(folder / f"{step}.npz", losses=np.array([*losses, norm]), **state)
        if folder and step == STEPS - 2:
            np.savez(folder / "val.npz", **one.validate(batch(9))[1])


def main(folder: Path) -> None:
    """Train, be killed, carry on."""
    backends.current().prepare()
    train(learner(), range(STEPS), folder)
    checkpoint = Checkpoint(folder / "checkpoint")
    first = learner()
    train(first, range(2), None)
    checkpoint.save(first.state(), {})
    second = learner()
    checkpoint.load(second.state())
    train(second, range(2, STEPS), None)
    np.savez(folder / "resumed.npz", **{name: v.numpy() for name, v in second.state().items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
