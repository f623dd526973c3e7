"""Channels last against channels first: what a step takes of the processor on this machine.

    python benchmarks/layout.py [--rounds 7]

Forward and back through an inverted residual at each resolution of the default net on BCCD, 16
pictures, in turn. Exported files are channels last whatever training is.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

BATCH = 16
BLOCKS = ((64, 80, 24), (32, 40, 40), (16, 20, 112), (8, 10, 192))  # height, width, channels
WIDENED = 6  # times the channels, between expansion and projection


def step(layout: str) -> Callable[[], Any]:
    """A compiled step of blocks in a layout, NHWC or NCHW."""
    pictures, weights = [], []
    for height, width, channels in BLOCKS:
        wide = WIDENED * channels
        shapes = ((1, 1, channels, wide), (3, 3, wide, 1), (1, 1, wide, channels))
        weights.append([tf.Variable(0.05 * tf.random.normal(shape)) for shape in shapes])
        picture = tf.random.normal((BATCH, height, width, channels))
        pictures.append(tf.transpose(picture, (0, 3, 1, 2)) if layout == "NCHW" else picture)

    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            loss = 0.0
            for x, (expand, depthwise, project) in zip(pictures, weights, strict=True):
                x = tf.nn.relu6(tf.nn.conv2d(x, expand, 1, "SAME", layout))
                x = tf.nn.relu6(tf.nn.depthwise_conv2d(x, depthwise, [1] * 4, "SAME", layout))
                x = tf.nn.conv2d(x, project, 1, "SAME", layout)
                loss += tf.reduce_mean(x * x)
        return tape.gradient(loss, [kernel for block in weights for kernel in block])

    run()
    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    steps = {layout: step(layout) for layout in ("NHWC", "NCHW")}
    seconds: dict[str, list[float]] = {layout: [] for layout in steps}
    for _ in range(given.rounds):
        for layout, run in steps.items():
            start = time.process_time()
            run()
            seconds[layout].append(time.process_time() - start)
    for layout, found in seconds.items():
        print(f"{layout}: {1e3 * statistics.median(found):.0f} ms of processor time a step")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"channels first takes {statistics.median(ratios):.2f} times as much")


if __name__ == "__main__":
    main()
