"""Makes the pictures of a source, each a pure function of (seed, source, index, size)."""

import multiprocessing
import os
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pocketdet.dataset import Image
from pocketdet.errors import ParamsError
from pocketdet.sample.painting import Painting, paint
from pocketdet.sample.photo import develop, encode
from pocketdet.sample.scene import Director
from pocketdet.sample.truth import Convention, boxes

# Folder and first number of the pictures, as each convention has it. KITTI's own pictures are
# PNG; here they are JPEG too, a fifth of the size.
LAYOUTS: dict[Convention, tuple[str, int]] = {
    "coco": ("images", 1),
    "voc": ("JPEGImages", 1),
    "kitti": ("image_2", 0),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture: its annotation, with the path below the source's folder, and its file."""

    image: Image
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Rendering:
    """A picture before it becomes a file.

    Attributes:
        rgb: (h, w, 3) uint8.
        painting: The scene with the owner of every pixel.
        quality: Of the JPEG, 1..95.
    """

    rgb: npt.NDArray[np.uint8]
    painting: Painting
    quality: int


def convention(source: str) -> Convention:
    """How a source is annotated: the part of its name behind the last underscore.

    Raises:
        ParamsError: It is no convention.
    """
    suffix = source.rpartition("_")[2]
    if suffix not in LAYOUTS:
        raise ParamsError(
            f"sample source {source!r}: expected a name that ends with _{', _'.join(LAYOUTS)}"
        )
    return suffix


def count_of(source: str, sources: tuple[str, ...], images: int) -> int:
    """How many of all images a source gets; the first sources take what is left over.

    Raises:
        ParamsError: The source is none of the sources.
    """
    if source not in sources:
        raise ParamsError(f"source {source!r}: expected one of sample.sources {list(sources)}")
    return images // len(sources) + (sources.index(source) < images % len(sources))


def generate(
    source: str, count: int, seed: int, size_wh: tuple[int, int], workers: int
) -> Iterator[Picture]:
    """The pictures of a source, in order.

    Args:
        source: Its name; the suffix is the convention.
        count: Number of pictures; more of them change none of the earlier ones.
        seed: Of everything.
        size_wh: Of most pictures, px; some are upright, wide or square.
        workers: Processes; the result does not depend on it.

    Raises:
        ParamsError: The source's name tells no convention.
    """
    convention(source)
    make = partial(picture, source, seed, size_wh)
    if min(workers, count) < 2:
        yield from map(make, range(count))
        return
    # "spawn" starts clean processes: a fork of one that has threads (a test runner) may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, count), context, _end_with_parent) as pool:
        yield from pool.map(make, range(count), chunksize=4)


def picture(source: str, seed: int, size_wh: tuple[int, int], index: int) -> Picture:
    """One picture of a source."""
    name = convention(source)
    folder, first = LAYOUTS[name]
    rendering = render(source, seed, size_wh, index)
    h, w = rendering.rgb.shape[:2]
    path = f"{folder}/{first + index:06d}.jpg"
    image = Image(path, (w, h), boxes(rendering.painting, name))
    return Picture(image, encode(rendering.rgb, rendering.quality))


def render(source: str, seed: int, size_wh: tuple[int, int], index: int) -> Rendering:
    """One picture of a source as pixels."""
    rng = np.random.default_rng([seed, zlib.crc32(source.encode()), index])
    painting = paint(Director(rng, _size(rng, size_wh)).scene(), rng)
    return Rendering(develop(painting.colour, rng), painting, int(rng.integers(84, 95)))


def _end_with_parent() -> None:
    """Make a worker end when its parent is killed, instead of waiting for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _size(rng: np.random.Generator, size_wh: tuple[int, int]) -> tuple[int, int]:
    w, h = size_wh
    shapes = ((w, h), (h, w), (round(w * 1.2), round(h * 0.84)), (round(w * 0.86), round(h * 1.14)))
    return shapes[int(rng.choice(4, p=[0.76, 0.06, 0.1, 0.08]))]
