from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PIL

from pocketdet.config import Augment
from pocketdet.dataset import ANY_CLASS, PADDING, Box, Dataset, Image
from pocketdet.inputs import batches, shards
from pocketdet.inputs.batches import Batch, Batches
from pocketdet.preprocess import Preprocessing

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
RECIPE = Augment.model_validate(yaml.safe_load(PARAMS.read_text())["augment"])
PHOTOS = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of ten photos, photo i with i % 4 boxes; of a plain colour each."""
    root = tmp_path_factory.mktemp("batches")
    images = []
    for i in range(PHOTOS):
        PIL.new("RGB", (80, 60), (20 * i, 100, 250 - 20 * i)).save(root / f"{i}.png")
        boxes = tuple(Box("person", (10.0 * k, 5.0, 10.0 * k + 20, 45.0)) for k in range(i % 4))
        crowd = (Box("DontCare", (0.0, 50.0, 20.0, 60.0), ignore="DontCare"),) if i == 3 else ()
        images.append(Image(f"{i}.png", (80, 60), boxes + crowd))
    data = Dataset(("person",), tuple(images))
    for name, copies in (("train", 2), ("val", 0)):
        folder = root / "shards" / name
        rule = Preprocessing((64, 32), "stretch")
        list(shards.write(folder, root, data, rule, RECIPE, 0, copies, 1))
    return root / "shards"


def same(a: Batch, b: Batch) -> bool:
    return all((x == y).all() for x, y in zip(a, b, strict=True))


def test_shapes_and_types(folder: Path):
    train = Batches(folder, "train", RECIPE, 4, seed=0)
    images, boxes, labels, ignore = train.batch(0, 0)
    m = train.max_boxes
    assert (images.shape, images.dtype) == ((4, 32, 64, 3), np.uint8)
    assert (boxes.shape, boxes.dtype) == ((4, m, 4), np.float32)
    assert (labels.shape, labels.dtype) == ((4, m), np.int32)
    assert (ignore.shape, ignore.dtype) == ((4, m), bool)
    assert (boxes[labels == PADDING] == 0).all()
    assert not ignore[labels == PADDING].any()
    assert (boxes[labels != PADDING, 2:] > boxes[labels != PADDING, :2]).all()


def test_a_batch_depends_on_seed_epoch_and_step_alone(folder: Path):
    first = Batches(folder, "train", RECIPE, 4, seed=7)
    seen = {(e, s): first.batch(e, s) for e in range(3) for s in range(first.steps)}
    again = Batches(folder, "train", RECIPE, 4, seed=7)
    for (epoch, step), batch in reversed(seen.items()):
        assert same(batch, again.batch(epoch, step))
    assert not same(seen[0, 0], Batches(folder, "train", RECIPE, 4, seed=8).batch(0, 0))
    assert not same(seen[0, 0], seen[1, 0])


def test_prefetch_gives_the_same(folder: Path):
    train = Batches(folder, "train", RECIPE, 4, seed=0)
    ahead = list(train.prefetch(2))
    assert len(ahead) == train.steps
    assert all(same(batch, train.batch(2, i)) for i, batch in enumerate(ahead))


def test_every_epoch_shows_every_photo_in_another_order(folder: Path):
    train = Batches(folder, "train", RECIPE, 4, seed=0)
    assert train.steps == 3
    epochs = [[name for s in range(3) for name in train.names(e, s)] for e in range(2)]
    for names in epochs:
        assert len(names) == 12
        assert set(names) == {f"{i}.png" for i in range(PHOTOS)}
        assert names[PHOTOS:] == names[:2]  # the last batch is filled up from the beginning
    assert epochs[0] != epochs[1]


def test_a_batch_larger_than_the_subset_is_full(folder: Path):
    train = Batches(folder, "train", RECIPE, 32, seed=0)
    assert train.steps == 1
    assert len(train.batch(0, 0).images) == 32


def test_validation_is_plain_in_order_and_no_photo_comes_twice(folder: Path):
    val = Batches(folder, "val", None, 4, seed=0)
    parts = list(val.prefetch(0))
    assert [len(part.images) for part in parts] == [4, 4, 2]
    images = np.concatenate([part.images for part in parts])
    for i, rgb in enumerate(images):
        assert np.abs(rgb.astype(int) - [20 * i, 100, 250 - 20 * i]).max() <= 3
    assert same(val.batch(0, 1), val.batch(5, 1))
    assert val.names(0, 2) == ["8.png", "9.png"]
    labels = np.concatenate([part.labels for part in parts])
    assert (labels == 0).sum(1).tolist() == [i % 4 for i in range(PHOTOS)]
    assert labels[3].tolist() == [0, 0, 0, ANY_CLASS]
    assert parts[0].ignore[3].tolist() == [False, False, False, True]


def test_all_variants_and_both_flips_come_up(folder: Path):
    recipe = RECIPE.model_copy(update={"mosaic": 0.0, "jitter": 0.0})
    train = Batches(folder, "train", recipe, PHOTOS, seed=0)
    at = train.names(0, 0).index("1.png")
    seen = set()
    for epoch in range(30):
        at = train.names(epoch, 0).index("1.png")
        seen.add(tuple(train.batch(epoch, 0).boxes_xyxy[at, 0].round(1)))
    assert len(seen) == 6


def test_mosaics_show_more_colours_and_can_be_turned_off(folder: Path):
    recipe = RECIPE.model_copy(update={"mosaic": 1.0})
    train = Batches(folder, "train", recipe, 4, seed=0)
    with_mosaic, without = train.batch(0, 0), train.batch(0, 0, mosaic=False)
    quadrants = with_mosaic.images[:, [1, 1, -2, -2], [1, -2, 1, -2]].astype(int)
    assert (np.ptp(quadrants, axis=1).max(1) > 20).all()
    assert not same(with_mosaic, without)
    assert without.boxes_xyxy.shape == with_mosaic.boxes_xyxy.shape


def test_a_mosaic_that_is_too_full_is_not_made(folder: Path, monkeypatch):
    monkeypatch.setattr(batches, "MOSAIC_BOXES", 1)
    recipe = RECIPE.model_copy(update={"mosaic": 1.0})
    train = Batches(folder, "train", recipe, PHOTOS, seed=0)
    assert train.max_boxes == 4  # the fullest photo
    for epoch in range(10):
        train.batch(epoch, 0)


def test_pairs_show_what_the_batch_shows(folder: Path):
    train = Batches(folder, "train", RECIPE, 4, seed=0)
    pairs = train.pairs(0, 0)
    assert [name for name, _, _ in pairs] == train.names(0, 0)
    assert (np.stack([after[0] for _, _, after in pairs]) == train.batch(0, 0).images).all()


def test_a_class_in_few_photos_is_shown_more_often(tmp_path: Path):
    images = []
    for i in range(PHOTOS):
        PIL.new("RGB", (80, 60)).save(tmp_path / f"{i}.png")
        box = Box("dog" if i == 0 else "person", (10.0, 5.0, 30.0, 45.0))
        images.append(Image(f"{i}.png", (80, 60), (box,)))
    data = Dataset(("person", "dog"), tuple(images))
    rule = Preprocessing((64, 32), "stretch")
    list(shards.write(tmp_path / "shards/train", tmp_path, data, rule, RECIPE, 0, 1, 1))
    batches = Batches(tmp_path / "shards", "train", RECIPE, PHOTOS, 0, "class")
    shown = [batches.names(epoch, 0).count("0.png") for epoch in range(20)]
    assert set(shown) == {2, 3}  # a weight of 2.5: sqrt(9) beside nine of 1
    assert shown == [batches.names(epoch, 0).count("0.png") for epoch in range(20)]
