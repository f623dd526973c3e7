"""The pictures that int8 gets its ranges from: a named part of the training subset, with a hash."""

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.config import Remedy

Picture = npt.NDArray[np.uint8]

FILE = "calibration.txt"  # beside the converted files
CANDIDATES = 4  # times as many pictures as wanted are looked at for the varied ones
SMALL_WH = (8, 8)  # px, at which pictures are compared: light and colour, and where


def choose(
    paths: Sequence[str], remedy: Remedy, seed: int, load: Callable[[str], Picture]
) -> list[str]:
    """Image paths for calibration, sorted; all there are if no more.

    Args:
        paths: Of the training subset, in any order.
        remedy: How many, and chosen how.
        seed: Of the draw.
        load: Image path -> picture; called for varied pictures alone.
    """
    pool, rng = sorted(paths), random.Random(seed)
    if remedy.selection == "random":
        return sorted(rng.sample(pool, min(remedy.images, len(pool))))
    pool = sorted(rng.sample(pool, min(CANDIDATES * remedy.images, len(pool))))
    small = [PIL.fromarray(load(path)).resize(SMALL_WH, PIL.Resampling.BOX) for path in pool]
    looks = np.asarray([np.asarray(picture, np.float64).ravel() for picture in small])
    return sorted(pool[k] for k in _apart(looks, min(remedy.images, len(pool))))


def _apart(points: npt.NDArray[np.float64], count: int) -> list[int]:
    """Rows that lie far apart: each the one furthest from those before (Gonzalez 1985)."""
    chosen = [int(np.linalg.norm(points - points.mean(0), axis=1).argmin())]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, np.linalg.norm(points - points[chosen[-1]], axis=1))
        nearest[chosen] = -1  # never twice, also among pictures that look the same
        chosen.append(int(nearest.argmax()))
    return chosen


def save(converted: Path, names: Sequence[str]) -> None:
    """Write the list beside the converted files."""
    (converted / FILE).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def names(converted: Path) -> list[str]:
    """The image paths of the list."""
    return (converted / FILE).read_text(encoding="utf-8").splitlines()


def digest(names: Sequence[str]) -> dict[str, Any]:
    """What identifies a list: how many pictures, and the hash of the file that holds it."""
    content = "".join(f"{name}\n" for name in names).encode()
    return {"images": len(names), "sha256": hashlib.sha256(content).hexdigest()}
