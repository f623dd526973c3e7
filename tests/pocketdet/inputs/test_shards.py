import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PIL

from pocketdet.config import Augment
from pocketdet.dataset import ANY_CLASS, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.inputs import shards
from pocketdet.inputs.shards import Shards
from pocketdet.preprocess import Preprocessing, load_rgb, to_input

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
RECIPE = Augment.model_validate(yaml.safe_load(PARAMS.read_text())["augment"])
SPEC = Preprocessing((64, 32), "stretch")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Five smooth photos of 100 x 80 px."""
    rng = np.random.default_rng(0)
    (tmp_path / "raw" / "src").mkdir(parents=True)
    for i in range(5):
        coarse = PIL.fromarray(rng.integers(0, 255, (5, 6, 3), np.uint8))
        coarse.resize((100, 80), PIL.Resampling.BICUBIC).save(tmp_path / "raw/src" / f"{i}.png")
    return tmp_path / "raw"


def data(*numbers: int) -> Dataset:
    boxes = (
        Box("person", (10.0, 20.0, 50.0, 60.0)),
        Box("DontCare", (60.0, 8.0, 80.0, 24.0), ignore="DontCare"),
        Box("bicycle", (0.0, 0.0, 100.0, 80.0), ignore="iscrowd"),
    )
    images = (Image(f"src/{i}.png", (100, 80), boxes[: i % 4]) for i in numbers)
    return Dataset(("person", "bicycle"), tuple(images))


def write(folder: Path, raw: Path, dataset: Dataset, copies: int = 2, workers: int = 2) -> Shards:
    counts = list(shards.write(folder, raw, dataset, SPEC, RECIPE, 0, copies, workers))
    assert counts == list(range(1, len(dataset) + 1))
    return Shards.open(folder)


def test_plain_picture_is_the_preprocessing_and_boxes_are_stretched(tmp_path: Path, raw: Path):
    shard = write(tmp_path / "train", raw, data(0, 1, 2, 3))
    assert shard.images == ("src/0.png", "src/1.png", "src/2.png", "src/3.png")
    assert (len(shard), shard.variants, shard.most_boxes) == (4, 3, 3)
    rgb, objects = shard.picture(3, 0)
    plain = to_input(load_rgb(raw / "src/3.png"), SPEC)
    assert rgb.shape == plain.shape
    assert np.abs(rgb.astype(int) - plain).mean() < 3  # JPEG
    assert objects.boxes_xyxy == pytest.approx(
        np.array([[6.4, 8, 32, 24], [38.4, 3.2, 51.2, 9.6], [0, 0, 64, 32]]), abs=1e-5
    )
    assert objects.labels.tolist() == [0, ANY_CLASS, 1]
    assert objects.ignore.tolist() == [False, True, True]
    assert shard.objects[1] == 0  # ignored ones do not count
    assert 3 <= shard.objects[0] <= 9  # in copies some have left the picture
    assert len(shard.picture(0, 0)[1]) == 0


def test_variants_differ_from_each_other_and_between_photos(tmp_path: Path, raw: Path):
    shard = write(tmp_path / "train", raw, data(1, 2))
    pictures = [shard.picture(i, v)[0] for i in range(2) for v in range(3)]
    for i, a in enumerate(pictures):
        assert all(np.abs(a.astype(int) - b).mean() > 3 for b in pictures[:i])


def hashes(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_same_bytes_whatever_the_number_of_threads(tmp_path: Path, raw: Path):
    write(tmp_path / "a", raw, data(0, 1, 2, 3, 4), workers=1)
    write(tmp_path / "b", raw, data(0, 1, 2, 3, 4), workers=4)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_more_photos_and_more_copies_change_no_picture(tmp_path: Path, raw: Path):
    few = write(tmp_path / "few", raw, data(3), copies=1)
    many = write(tmp_path / "many", raw, data(0, 1, 3), copies=3)
    for variant in range(2):
        (a, objects_a), (b, objects_b) = few.picture(0, variant), many.picture(2, variant)
        assert (a == b).all()
        assert (objects_a.boxes_xyxy == objects_b.boxes_xyxy).all()


def test_pictures_go_on_in_another_file(tmp_path: Path, raw: Path, monkeypatch):
    one = write(tmp_path / "one", raw, data(0, 1, 2, 3))
    monkeypatch.setattr(shards, "FILE_BYTES", 5000)
    several = write(tmp_path / "several", raw, data(0, 1, 2, 3))
    assert len(list((tmp_path / "several").glob("pictures-*.bin"))) > 2
    for i in range(4):
        for variant in range(3):
            assert (one.picture(i, variant)[0] == several.picture(i, variant)[0]).all()


def test_manifest_is_the_identity_of_the_contents(tmp_path: Path, raw: Path):
    identities = []
    for name, numbers in (("a", (0, 1, 2)), ("b", (0, 1, 2)), ("c", (0, 1, 3))):
        write(tmp_path / name / "train", raw, data(*numbers))
        write(tmp_path / name / "val", raw, data(4), copies=0)
        manifest = shards.write_manifest(tmp_path / name, "recipe")
        assert json.loads((tmp_path / name / shards.MANIFEST).read_text()) == manifest
        identities.append(manifest["sha256"])
    assert identities[0] == identities[1] != identities[2]
    assert manifest["recipe_sha256"] == "recipe"
    assert manifest["subsets"]["val"] | {"sha256": ""} == {
        "images": 1,
        "variants": 1,
        "boxes": 0,
        "ignored": 0,
        "most_boxes": 0,
        "sha256": "",
    }


@pytest.mark.parametrize("victim", [shards.INDEX, shards.IMAGES, "pictures-000.bin"])
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_damaged_or_missing_file_is_refused(tmp_path: Path, raw: Path, victim: str, keep: float):
    write(tmp_path / "train", raw, data(0, 1, 2))
    path = tmp_path / "train" / victim
    content = path.read_bytes()
    path.unlink()
    if keep:
        path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(DatasetError, match="run augment again"):
        Shards.open(tmp_path / "train")


def test_a_subset_that_was_interrupted_is_refused(tmp_path: Path, raw: Path):
    writing = shards.write(tmp_path / "train", raw, data(0, 1, 2), SPEC, RECIPE, 0, 1, 1)
    next(writing)
    writing.close()
    with pytest.raises(DatasetError, match="run augment again"):
        Shards.open(tmp_path / "train")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image("src/9.png", (100, 80)), r"src/9\.png: image file not found"),
        (Image("src/1.png", (80, 100)), r"src/1\.png: \(100, 80\) px.*\(80, 100\)"),
        (Image("src/1.png", (100, 80), (Box("dog", (0.0, 0.0, 1.0, 1.0)),)), "'dog' is none of"),
    ],
)
def test_what_cannot_be_trained_on_is_an_error(
    tmp_path: Path, raw: Path, image: Image, message: str
):
    dataset = Dataset(("person", "bicycle"), (image,))
    with pytest.raises(DatasetError, match=message):
        write(tmp_path / "train", raw, dataset)


def test_an_empty_subset_is_an_error(tmp_path: Path, raw: Path):
    with pytest.raises(DatasetError, match="train: no photos"):
        write(tmp_path / "train", raw, data())


def test_a_picture_is_what_pillow_decodes_and_a_damaged_one_is_named(tmp_path: Path, raw: Path):
    shard = write(tmp_path / "train", raw, data(0, 1))
    file = tmp_path / "train/pictures-000.bin"
    content, where = file.read_bytes(), shard._index["where"]
    for number, (_, start, size) in enumerate(where.tolist()):
        with PIL.open(io.BytesIO(content[start : start + size])) as picture:
            assert (np.asarray(picture) == shard.picture(*divmod(number, 3))[0]).all()
    file.write_bytes(content[: where[3, 1]] + bytes(where[3:, 2].sum()))
    with pytest.raises(DatasetError, match=r"src/1\.png: damaged .*; run augment again"):
        Shards.open(tmp_path / "train").picture(1, 0)
