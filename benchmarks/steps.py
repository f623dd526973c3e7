"""What makes a step of training faster: settings of TensorFlow, each against none of them.

    python benchmarks/steps.py [--only one_thread no_onednn] [--rounds 5] [--steps 3]

The default net learns from 16 pictures that are in memory, in its longest phase. The plain process
and one with the setting are started together and take turns, so that the ratio of their times holds
on a busy machine. Processor time stands beside the clock's.

    one_thread    one thread inside of an operation
    in_order      one operation at a time
    two_by_two    two threads inside, and two operations at a time
    no_onednn     TF_ENABLE_ONEDNN_OPTS=0
    any_order     without enable_op_determinism
    bfloat16      Keras' policy mixed_bfloat16
    halves        two steps of 8 pictures, which accumulating gradients would cost at most
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

SETTINGS = ("one_thread", "in_order", "two_by_two", "no_onednn", "any_order", "bfloat16", "halves")
THREADS = {"one_thread": (1, 2), "in_order": (2, 1), "two_by_two": (2, 2)}  # intra-op, inter-op
BOXES = 6  # in each picture


class Child:
    """A process that learns when asked to."""

    def __init__(self, setting: str, steps: int) -> None:
        """Start it and wait until its step is compiled."""
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        if setting == "no_onednn":
            environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child", setting, "--steps", str(steps)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def learn(self) -> tuple[float, float]:
        """Seconds of a step, by clock and processor.

        Raises:
            RuntimeError: The process has ended; with the last line that it wrote.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr is not None
            raise RuntimeError(self._process.stderr.read().strip().rpartition("\n")[2])
        clock, processor = json.loads(line)
        return clock, processor

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


def serve(setting: str, steps: int) -> None:
    """Learn for each line of stdin, and write the seconds of a step."""
    import keras
    import tensorflow as tf

    from pocketdet.training import backends

    if setting in THREADS:
        intra, inter = THREADS[setting]
        tf.config.threading.set_intra_op_parallelism_threads(intra)
        tf.config.threading.set_inter_op_parallelism_threads(inter)
    if setting != "any_order":
        backends.current().prepare()
    if setting == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    learn = _learning(2 if setting == "halves" else 1)
    learn(2)
    for _ in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        learn(steps)
        spent = time.perf_counter() - clock, time.process_time() - processor
        print(json.dumps([value / steps for value in spent]), flush=True)


def _learning(parts: int) -> Any:
    """A function that does so many steps, each in parts."""
    from pocketdet.detector import net
    from pocketdet.detector.spec import Level, NetSpec
    from pocketdet.inputs.batches import Batch
    from pocketdet.training.learner import Learner
    from pocketdet.training.schedule import Schedule
    from tasks import params

    given = params.load()
    design = given.design
    levels = tuple(Level(stride, ()) for stride in design.strides)
    spec = NetSpec(
        design.backbone, design.width, design.weights, design.neck_channels, design.head_blocks,
        design.input_wh, ("a", "b"), levels, "anchor_free",
    )  # fmt: skip
    schedule = Schedule(given.train, 26)
    step = max(schedule.parts, key=lambda part: part.stop - part.start).start
    learner = Learner(net.build(spec), spec, schedule)
    rng, (w, h) = np.random.default_rng(0), spec.input_wh
    count = given.train.batch // parts
    corners = rng.uniform(0, 0.6, (count, BOXES, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.4, corners.shape)], -1)
    batch = Batch(
        rng.integers(0, 256, (count, h, w, 3), np.uint8),
        (boxes * [w, h, w, h]).astype(np.float32),
        rng.integers(0, 2, (count, BOXES), np.int32),
        np.zeros((count, BOXES), bool),
    )

    def learn(steps: int) -> None:
        for _ in range(steps * parts):
            learner.learn(step, batch)

    return learn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SETTINGS, default=SETTINGS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of a round")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        serve(given.child, given.steps)
        return
    plain = Child("none", given.steps)
    plain.learn()
    for setting in given.only:
        child, rows = Child(setting, given.steps), []
        try:
            child.learn()
            rows = [(plain.learn(), child.learn()) for _ in range(given.rounds)]
        except RuntimeError as error:
            print(f"{setting}: {error}", flush=True)
            continue
        finally:
            child.end()
        clock, processor = (
            statistics.median(theirs[unit] / ours[unit] for ours, theirs in rows) for unit in (0, 1)
        )
        seconds = statistics.median(ours[1] for ours, _ in rows)
        print(
            f"{setting}: {clock:.2f} of the clock's time, {processor:.2f} of the processor's "
            f"(plain: {seconds:.2f} s of processor time a step)",
            flush=True,
        )
    plain.end()


if __name__ == "__main__":
    main()
