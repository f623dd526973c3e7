"""Training with rounding against calibration afterwards, on a net that int8 is bad for.

    python benchmarks/quantisation.py [--spread 1.3] [--epochs 12] [--rate 0.005]

Takes the trained net of this folder (`make run` first) and makes it hard to quantise without
changing what it computes: the channels before each prediction are multiplied by factors
exp(N(0, spread)), and the weights behind them divided by the same. One scale for all channels then
leaves the small ones few steps. int8 by calibration on 128 training pictures is scored, then the
net learns rounded for some epochs and is converted with the ranges of that. AP is on the pictures
of the validation subset, at the input's size, by LiteRT.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pocketdet.config import Train
from pocketdet.detector import net
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import litert
from pocketdet.exporting.quantise import quantise
from pocketdet.exporting.served import Trained
from pocketdet.inputs.batches import Batches
from pocketdet.preprocess import Preprocessing
from pocketdet.runtimes.litert import LiteRTRuntime
from pocketdet.training.learner import Learner
from pocketdet.training.loop import MEASURED, measure_ranges
from pocketdet.training.schedule import Schedule, settings_for
from pocketdet.training.watch import Outputs, Watch
from tasks import params

Run = Callable[[np.ndarray], Outputs]


def spread_channels(model: keras.Model, spec: NetSpec, spread: float) -> None:
    """Multiply channels by factors that the next layer takes out again."""
    rng = np.random.default_rng(0)
    for kind in ("scores", "boxes"):
        kernel = model.get_layer(f"head_{kind}").kernel
        factors = np.exp(rng.normal(0, spread, kernel.shape[2])).astype(np.float32)
        kernel.assign(kernel / factors[None, None, :, None])
        for level in spec.levels:
            norm = model.get_layer(f"head_{kind}_last_{level.stride}_bn")
            norm.gamma.assign(norm.gamma * factors)
            norm.beta.assign(norm.beta * factors)


def score(name: str, spec: NetSpec, val: Batches, run: Run) -> None:
    """Print AP and AP50 of a subset, points of 100."""
    watch, first = Watch(spec, val, len(val)), 0
    for step in range(val.steps):
        batch = val.batch(0, step)
        watch.add(first, batch, run(batch.images))
        first += len(batch.images)
    print(name, *(f"{100 * value:.2f}" for value in watch.ap()), flush=True)


def of_file(content: bytes, spec: NetSpec) -> Run:
    """A LiteRT file, picture by picture."""
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(content)
        file.flush()
        runtime = LiteRTRuntime(Path(file.name), spec)
    print(f"  {len(content) / 1e6:.2f} MB, partitions: {runtime.partitions}")

    def run(images: np.ndarray) -> Outputs:
        rows = [runtime.raw(image) for image in images]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    return run


def rounded_settings(settings: Train, epochs: int, rate: float) -> Train:
    """One epoch before, which is not trained, then those with rounding."""
    main = next(p for p in settings.phases if p.epochs == "rest")
    last = main.model_copy(update={"name": "rounded", "epochs": epochs, "quantise": True})
    return settings.model_copy(
        update={
            "epochs": 1 + epochs,
            "learning_rate": rate,
            "warmup_steps": 0,
            "phases": (main, last),
        }
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=Path(), help="folder of a finished run")
    parser.add_argument("--spread", type=float, default=1.3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=0.005)
    given = parser.parse_args()
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    everything = params.load()
    design, shards = given.project / "models/design", given.project / "data/shards"
    spec, rule = (
        NetSpec.load(design / "net.json"),
        Preprocessing.load(design / "preprocessing.json"),
    )
    settings = settings_for(everything.train, spec.weights)
    train = Batches(shards, "train", everything.augment, settings.batch, everything.seed)
    plain = Batches(shards, "train", None, settings.batch, everything.seed)
    val = Batches(shards, "val", None, settings.batch, everything.seed)
    model = net.load(design, given.project / "models/trained")
    spread_channels(model, spec, given.spread)

    def to_convert(ranges: Any) -> Trained:
        single = net.build(spec, batch=1)
        single.set_weights(model.get_weights())
        return Trained(single, spec, rule, None, 0.01, None, ranges)

    def float_run(images: np.ndarray) -> Outputs:
        return {n: v.numpy() for n, v in model(images.astype(np.float32), training=False).items()}

    score("float", spec, val, float_run)
    pictures = [image for i in range(MEASURED) for image in plain.batch(0, i).images]
    core = litert.convert(to_convert({}).core, "fp32")
    score("int8, calibrated", spec, val, of_file(quantise(core, rule, pictures), spec))

    schedule = Schedule(rounded_settings(settings, given.epochs, given.rate), train.steps)
    learner = Learner(model, spec, schedule)
    measure_ranges(learner, train, 1)
    for epoch in range(schedule.float_epochs, schedule.settings.epochs):
        for i in range(train.steps):
            step = epoch * train.steps + i
            learner.learn(step, train.batch(epoch, i, mosaic=False))
        learner.average.swap_in()
        measure_ranges(learner, train, epoch)
        if epoch + 1 < schedule.settings.epochs:
            learner.average.swap_out()
    content = litert.quantise_trained(to_convert(learner.ranges).rounded)
    score("int8, trained rounded", spec, val, of_file(content, spec))
    score("float, trained rounded", spec, val, float_run)


if __name__ == "__main__":
    main()
