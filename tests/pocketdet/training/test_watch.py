from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PIL

from pocketdet.config import Augment
from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.detector.spec import BINS, Level, NetSpec
from pocketdet.inputs import shards
from pocketdet.inputs.batches import Batches
from pocketdet.preprocess import Preprocessing
from pocketdet.training.watch import Watch

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
SPEC = NetSpec(
    "mobilenet_v2", 0.35, "none", 8, 0, (64, 32), ("a", "b"), (Level(8, ()),), "anchor_free"
)  # fmt: skip


@pytest.fixture
def val(tmp_path):
    """Five photos, twice as large as the input, each with a "b" of 16 x 16 px at the input."""
    images = []
    for i in range(5):
        PIL.new("RGB", (128, 64), (50 * i, 90, 120)).save(tmp_path / f"{i}.png")
        boxes = (
            Box("b", (16.0 * i, 16, 16.0 * i + 32, 48)),
            Box(DONT_CARE, (96.0, 0, 128, 64), "policy: unclear"),
        )
        images.append(Image(f"{i}.png", (128, 64), boxes))
    recipe = Augment(**yaml.safe_load(PARAMS.read_text())["augment"])
    rule = Preprocessing(SPEC.input_wh, "stretch")
    data = Dataset(("a", "b"), tuple(images))
    list(shards.write(tmp_path / "s/val", tmp_path, data, rule, recipe, 0, 0, 1))
    return Batches(tmp_path / "s", "val", None, 2, 0)


def outputs(count, cells):
    """Maps of a net that is sure of a "b" of 16 x 16 px around the left top corner of one cell."""
    scores = np.full((count, 4, 8, 2), -9, np.float32)
    boxes = np.full((count, 4, 8, 4, BINS), -30, np.float32)
    for i, (row, column) in enumerate(cells):
        scores[i, row, column, 1] = 3
        # Centre (8 column + 4, 8 row + 4): 1.5 cells to the left and up, 0.5 to the others.
        for side, bins in enumerate(([1, 2], [1, 2], [0, 1], [0, 1])):
            boxes[i, row, column, side, bins] = 0
    return {"scores_8": scores, "boxes_8": boxes.reshape(count, 4, 8, 4 * BINS)}


def watched(val, images, place):
    watch, first = Watch(SPEC, val, images), 0
    for i in range(val.steps):
        batch = val.batch(0, i)
        n = len(batch.images)
        watch.add(first, batch, outputs(n, [place(first + k) for k in range(n)]))
        first += n
    return watch


def test_boxes_in_the_right_place_score_1_and_others_0(val):
    # At the input the object of picture i is at (8 i, 8) to (8 i + 16, 24).
    assert watched(val, 5, lambda i: (2, i + 1)).ap() == (1.0, 1.0)
    assert watched(val, 5, lambda i: (2, (i + 4) % 5)).ap() == (0.0, 0.0)


def test_what_lies_in_an_ignore_region_costs_nothing(val):
    found = watched(val, 5, lambda i: (2, i + 1))
    before = found.ap()
    extra = outputs(2, [(2, 1), (2, 2)])
    extra["scores_8"][:, 2, 7, 1] = 9  # surer than the objects; x from 52 to 64, ignored from 48
    extra["boxes_8"].reshape(2, 4, 8, 4, BINS)[:, 2, 7, :, [0, 1]] = 0
    found.add(0, val.batch(0, 0), extra)
    assert found.ap() == before


def test_only_the_chosen_pictures_count_and_are_the_same_every_time(val):
    # Two of five: the first and the last.
    assert watched(val, 2, lambda i: (2, i + 1) if i in (0, 4) else (0, 0)).ap() == (1.0, 1.0)


def test_the_sheet_shows_what_was_found_last(val):
    watch = watched(val, 5, lambda i: (2, i + 1))
    first = np.asarray(watch.sheet())
    for i in range(val.steps):
        batch = val.batch(0, i)
        watch.add(2 * i, batch, outputs(len(batch.images), [(3, 6)] * len(batch.images)))
    second = np.asarray(watch.sheet())
    assert first.shape == second.shape
    assert not np.array_equal(first, second)
