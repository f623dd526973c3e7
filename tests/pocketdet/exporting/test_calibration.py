from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.config import Remedy
from pocketdet.exporting import calibration

NAMES = [f"{k:03}.jpg" for k in range(100)]


def never(name: str) -> npt.NDArray[np.uint8]:
    raise AssertionError("random pictures are not looked at")


def test_random_pictures_depend_on_the_seed_alone() -> None:
    recipe = Remedy(images=10)
    chosen = calibration.choose(NAMES, recipe, 0, never)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen == calibration.choose(NAMES[::-1], recipe, 0, never)
    assert chosen != calibration.choose(NAMES, recipe, 1, never)


@pytest.mark.parametrize("selection", ["random", "varied"])
def test_a_small_subset_is_taken_whole(selection: str) -> None:
    recipe = Remedy(images=10, selection=selection)
    grey = np.zeros((8, 8, 3), np.uint8)
    assert calibration.choose(["b.jpg", "a.jpg"], recipe, 0, lambda n: grey) == ["a.jpg", "b.jpg"]


def test_varied_pictures_hold_the_one_that_is_like_no_other() -> None:
    """97 dark ones, and three that stand alone: a draw of 8 nearly always misses one of these."""
    looks = dict.fromkeys(NAMES, np.full((16, 16, 3), 20, np.uint8))
    for name, channel in (("031.jpg", 0), ("052.jpg", 1), ("093.jpg", 2)):
        looks[name] = looks[name].copy()
        looks[name][..., channel] = 250
    chosen = calibration.choose(NAMES, Remedy(images=25, selection="varied"), 0, looks.__getitem__)
    assert {"031.jpg", "052.jpg", "093.jpg"} <= set(chosen)
    assert len(set(chosen)) == 25


def test_a_list_is_named_by_its_files_hash(tmp_path: Path) -> None:
    calibration.save(tmp_path, ["a.png", "b.png"])
    assert (tmp_path / "calibration.txt").read_text() == "a.png\nb.png\n"
    assert calibration.names(tmp_path) == ["a.png", "b.png"]
    found = calibration.digest(["a.png", "b.png"])
    assert found["images"] == 2
    assert found["sha256"].startswith("06c1456d")
