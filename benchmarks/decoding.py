"""Pixel integrity at speed: `validate` against the same JPEG decoder alone, and a second run.

    python benchmarks/decoding.py [--images 240] [--rounds 5]

Photos of 1,280 x 960 px are made. In turn, on all cores: Pillow decodes each and nothing else, in
colour and its luma alone; then `checks.inspect` hashes, decodes (luma alone) and fingerprints each.
The bar is 85 % of the decoder's speed, in colour.
Processor time is compared too, because another program's work disturbs the clock. Then everything
is inspected again with the memory of the first time: nothing may be decoded.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.curation import checks
from pocketdet.dataset import Dataset, Image

SIZE_WH = (1280, 960)


def photos(folder: Path, count: int) -> Dataset:
    """JPEGs with the detail of a photo: noise of several sizes."""
    images = []
    for n in range(count):
        rng = np.random.default_rng(n)
        layers = []
        for cell in (4, 16, 64, 256):
            w, h = (side // cell for side in SIZE_WH)
            noise = PIL.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8))
            layers.append(np.asarray(noise.resize(SIZE_WH, PIL.Resampling.BICUBIC), np.float32))
        path = folder / f"{n:04}.jpg"
        PIL.fromarray(np.mean(layers, axis=0).astype(np.uint8)).save(path, quality=88)
        images.append(Image(path.name, SIZE_WH))
    return Dataset(("object",), tuple(images))


def decode(path: Path, luma: bool = False) -> None:
    """What the decoder does alone."""
    with PIL.open(path) as picture:
        if luma:
            picture.draft("L", picture.size)
        picture.load()


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of clock and of processor."""
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = photos(folder, given.images)
        paths = [folder / image.path for image in dataset]

        def alone(luma: bool = False) -> None:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(decode, paths, [luma] * len(paths)))

        def ours() -> None:
            with checks.Memory(None) as memory:
                checks.inspect(dataset, folder, memory, workers)

        rounds = [
            (timed(alone), timed(lambda: alone(True)), timed(ours)) for _ in range(given.rounds)
        ]
        for unit, label in enumerate(("clock", "processor")):
            bare, luma, whole = (
                statistics.median(one[unit] for one in side) for side in zip(*rounds, strict=True)
            )
            print(
                f"{label:<10} decoder {given.images / bare:6.1f} photos/s, inspect "
                f"{given.images / whole:6.1f} photos/s: {bare / whole:.1%}; "
                f"of luma alone {luma / whole:.1%}"
            )
        file = folder / "memory.jsonl"
        with checks.Memory(file) as memory:
            checks.inspect(dataset, folder, memory, workers)
        decoded = 0
        original = checks.load_grey

        def counting(path: Path) -> PIL.Image:
            nonlocal decoded
            decoded += 1
            return original(path)

        checks.load_grey = counting
        with checks.Memory(file) as memory:
            seconds, _ = timed(lambda: checks.inspect(dataset, folder, memory, workers))
        print(f"second run: {given.images / seconds:.0f} photos/s, {decoded} decoded")


if __name__ == "__main__":
    main()
