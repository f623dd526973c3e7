"""A folder with four small sources in four formats, and the stages that read them."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.dataset import Box, Dataset, Image
from tasks.analyse import analyse
from tasks.split import split
from tasks.validate import validate

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = {"a_coco": "coco", "b_voc": "voc", "c_kitti": "kitti", "d_yolo": "yolo"}
FOLDERS = {"coco": "images", "voc": "JPEGImages", "kitti": "image_2", "yolo": "images"}
STAGES = {
    "validate": (validate, {"raw": "raw", "dataset": "dataset", "report": "validate"}),
    "split": (split, {"dataset": "dataset", "subsets": "subsets"}),
    "analyse": (
        analyse,
        {
            "raw": "raw",
            "dataset": "dataset",
            "subsets": "subsets",
            "validation": "validate",
            "report": "analyse",
        },
    ),
}


def make_source(folder: Path, name: str, seed: int) -> None:
    """Six pictures of coloured blocks, with what the format can say of them."""
    rng = np.random.default_rng(seed)
    images = []
    for n in range(6):
        path = f"{FOLDERS[name]}/{n:06d}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        PIL.fromarray(pixels).resize((80, 60)).save(folder / path)
        boxes = [Box("pedestrian", (5, 5, 25, 55)), Box("bicycle", (30, 20, 70, 50))]
        if name != "yolo":
            boxes.append(Box("DontCare", (0, 0, 9, 9), "DontCare"))
        images.append(Image(path, (80, 60), tuple(boxes)))
    formats.write(name, Dataset(("pedestrian", "bicycle"), tuple(images)), folder)


@pytest.fixture(scope="session")
def four_sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    for seed, (source, name) in enumerate(SOURCES.items()):
        make_source(folder / "raw" / source, name, seed)
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["validate"] |= {
        "sources": {source: {"format": name} for source, name in SOURCES.items()},
        "classes": ["person", "bicycle"],
        "mapping": {"pedestrian": "person"},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


@pytest.fixture
def small(four_sources, tmp_path, monkeypatch):
    """A folder with four sources, as working directory."""
    folder = shutil.copytree(four_sources, tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def stages(small: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs stages in `small` by their commands: stages("validate", "split")."""

    def run(*names: str) -> None:
        for name in names:
            command, options = STAGES[name]
            words = [word for key, value in options.items() for word in (f"--{key}", value)]
            monkeypatch.setattr(sys, "argv", [name, *words])
            command()

    return run
