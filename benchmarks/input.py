"""Whether training ever waits: the input against the net, against the decoder, and the start-up.

    python benchmarks/input.py [--rounds 5] [--only input training start-up]

A clone of the repository at HEAD makes a small sample and its shards. Then, in turn, so that what
else runs on the machine disturbs both sides of a ratio alike:

    input      pictures/s of the batches of the smallest net, from shards and alone, against what
               its training takes (the bar: 4 times); and pictures/s that `augment` makes of
               original JPEGs of 1,280 x 960 px, against what Pillow decodes of them (70 %)
    training   the same epoch with the input as `train` has it, and with the very batches already in
               memory, for the default net and the smallest (95 %)
    start-up   from the start of `python -m tasks.train` to the end of its first step, for the
               default net (35 s)

Each number is a median of the rounds, ratios are medians of the rounds' ratios. Seconds of
processor time stand beside those of the clock.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from decoding import decode, photos, timed
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = 240  # of the sample
JPEGS = 48  # of the decoder's size
PARTS = ("input", "training", "start-up")
SMALLEST = {
    "input_wh": (192, 160),
    "backbone": "mobilenet_v2",
    "width": 0.35,
    "weights": "none",
    "neck_channels": 48,
    "head_blocks": 1,
}
TRAIN = (
    *("-m", "tasks.train", "--shards", "data/shards", "--start", "models/start"),
    *("--design", "models/design", "--trained", "models/trained", "--report", "reports/train"),
)


class Training:
    """A net, its shards, and steps of its longest phase."""

    def __init__(self, shards: Path, spec: Any, params: Any) -> None:
        """Build the net and trace its step."""
        from pocketdet.detector import net
        from pocketdet.inputs.batches import Batches
        from pocketdet.training.learner import Learner
        from pocketdet.training.schedule import Schedule, settings_for

        settings = settings_for(params.train, spec.weights)
        self.batches = Batches(shards, "train", params.augment, settings.batch, params.seed)
        schedule = Schedule(settings, self.batches.steps)
        self._learner = Learner(net.build(spec), spec, schedule)
        self._step = max(schedule.parts, key=lambda part: part.stop - part.start).start
        self.pictures = self.batches.steps * settings.batch
        self.learn([self.batches.batch(0, 0)] * 3)

    def learn(self, batches: Any) -> None:
        """One step a batch."""
        for batch in batches:
            self._learner.learn(self._step, batch)


def clone(folder: Path) -> None:
    """The repository at HEAD with a small sample, its shards and the default net's design."""
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load((folder / "params.yaml").read_text())
    params["sample"]["images"] = PHOTOS
    with (folder / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "augment", "design"]
    subprocess.run(command, cwd=folder, env=environment(folder), check=True, stdout=sys.stderr)


def environment(folder: Path) -> dict[str, str]:
    """With the clone's code, and this interpreter for the stages' `python`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PYTHONPATH": str(folder), "PATH": path}


def smallest(folder: Path, params: Any) -> Training:
    """The smallest net on shards of its own size."""
    from pocketdet.dataset import Dataset, read_paths
    from pocketdet.design.specify import specify
    from pocketdet.inputs import shards
    from pocketdet.preprocess import Preprocessing

    design = params.design.model_copy(update=SMALLEST)
    data = Dataset.load(folder / "data/dataset/dataset.json")
    training = data.subset(read_paths(folder / "data/subsets/train.txt"))
    rule = Preprocessing(design.input_wh, design.resize, design.interpolation)
    recipe, target = params.augment, folder / "smallest"
    where, settings = (target / "train", folder / "data/raw"), (recipe, params.seed, recipe.copies)
    list(shards.write(*where, training, rule, *settings, os.cpu_count() or 1))
    return Training(target, specify(design, training, params.seed), params)


def compare(
    first: Callable[[], object], second: Callable[[], object], rounds: int
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Seconds (clock, processor) of both, each round in the other order."""
    found = []
    for n in range(rounds):
        both = [timed(action) for action in ((first, second) if n % 2 else (second, first))]
        found.append((both[0], both[1]) if n % 2 else (both[1], both[0]))
    return found


def show(title: str, names: tuple[str, str], counts: tuple[int, int], rows: Any, bar: str) -> None:
    """Print pictures a second of both sides, and the first's by the second's."""
    for unit, label in enumerate(("clock", "processor")):
        speeds = [tuple(c / s[unit] for c, s in zip(counts, row, strict=True)) for row in rows]
        sides = (
            f"{name} {statistics.median(side):.1f}"
            for name, side in zip(names, zip(*speeds, strict=True), strict=True)
        )
        ratio = statistics.median(a / b for a, b in speeds)
        print(f"{title}, {label}: {', '.join(sides)} pictures/s, ratio {ratio:.3f} ({bar})")


def measure_input(small: Training, params: Any, rounds: int) -> None:
    """The input alone against the smallest net's step, and `augment` against the decoder."""
    from pocketdet.inputs import shards
    from pocketdet.preprocess import Preprocessing

    ready = list(small.batches.prefetch(0))
    rows = compare(lambda: list(small.batches.prefetch(0)), lambda: small.learn(ready), rounds)
    counts = (small.pictures, small.pictures)
    show("smallest net", ("input", "training"), counts, rows, "at least 4")

    workers, recipe, design = os.cpu_count() or 1, params.augment, params.design
    rule = Preprocessing(design.input_wh, design.resize, design.interpolation)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = photos(folder, JPEGS)

        def alone() -> None:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(decode, [folder / image.path for image in data]))

        for copies in (recipe.copies, 0):

            def ours(copies: int = copies) -> None:
                with tempfile.TemporaryDirectory() as out:
                    target = Path(out) / "train"
                    given = (data, rule, recipe, params.seed, copies, workers)
                    list(shards.write(target, folder, *given))

            title = f"original JPEGs, {1 + copies} pictures of each"
            counts = ((1 + copies) * JPEGS, JPEGS)
            bar = "at least 0.7" if copies else "for comparison"
            show(title, ("augment", "decoder"), counts, compare(ours, alone, rounds), bar)


def measure_training(name: str, net: Training, rounds: int) -> None:
    """An epoch with its input against the same batches in memory."""
    ready = list(net.batches.prefetch(1))
    rows = compare(
        lambda: net.learn(net.batches.prefetch(1)), lambda: net.learn(ready), rounds
    )  # fmt: skip
    counts = (net.pictures, net.pictures)
    show(f"{name} net", ("training", "in memory"), counts, rows, "at least 0.95")


def measure_start(folder: Path, rounds: int) -> None:
    """Seconds until the first step of a training in a new process is done."""
    clocks, processors = [], []
    for _ in range(rounds):
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *TRAIN],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("first step done"):
                break
        else:
            sys.exit("tasks.train ended before its first step")
        clocks.append(time.monotonic() - started)
        process.kill()
        processors.append(_processor_s(process.pid))
        process.communicate()
    clock, processor = statistics.median(clocks), statistics.median(processors)
    print(f"start-up: {clock:.1f} s, {processor:.1f} s of processor time (at most 35 s)")


def _processor_s(pid: int) -> float:
    """Seconds of processor time of a process that has ended or is ending, not yet waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "clone"
        clone(folder)
        if "start-up" in given.only:
            measure_start(folder, min(given.rounds, 3))
        if {"input", "training"} & set(given.only):
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            import keras
            import tensorflow as tf

            from pocketdet.detector.spec import NetSpec
            from tasks import params

            keras.utils.set_random_seed(0)
            tf.config.experimental.enable_op_determinism()
            settings = params.load(folder / "params.yaml")
            small = smallest(folder, settings)
            if "input" in given.only:
                measure_input(small, settings, given.rounds)
            if "training" in given.only:
                measure_training("smallest", small, given.rounds)
                spec = NetSpec.load(folder / "models/design/net.json")
                default = Training(folder / "data/shards", spec, settings)
                measure_training("default", default, given.rounds)


if __name__ == "__main__":
    main()
