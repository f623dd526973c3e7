import json
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image as PIL

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.inputs.batches import Batches
from pocketdet.preprocess import Preprocessing
from tasks import augment
from tasks import params as params_file

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
COMMAND = (
    "augment --raw raw --dataset dataset --subsets subsets --preprocessing preprocessing.json "
    "--shards out/shards --report out/report"
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project up to the design stage, with six photos; it is the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", COMMAND.split())
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    for name in ("raw", "dataset", "subsets"):
        (tmp_path / name).mkdir()
    images = []
    for i in range(6):
        PIL.new("RGB", (80, 60), (40 * i, 80, 80)).save(tmp_path / "raw" / f"{i}.png")
        images.append(Image(f"{i}.png", (80, 60), (Box("person", (9.0, 9.0, 30.0, 50.0)),)))
    Dataset(("person", "bicycle"), tuple(images)).save(tmp_path / "dataset/dataset.json")
    (tmp_path / "subsets/train.txt").write_text("0.png\n1.png\n2.png\n5.png\n")
    (tmp_path / "subsets/val.txt").write_text("3.png\n")
    (tmp_path / "subsets/test.txt").write_text("4.png\n")
    Preprocessing((64, 32), "stretch").save(tmp_path / "preprocessing.json")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_writes_shards_recipe_and_preview_the_same_twice(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    augment.augment()
    first = contents(project / "out")
    augment.augment()
    assert contents(project / "out") == first
    assert "train: 4 of 4 photos" in capsys.readouterr().out

    params = params_file.load()
    train = Batches(project / "out/shards", "train", params.augment, 4, 0)
    assert sorted(train.names(0, 0)) == ["0.png", "1.png", "2.png", "5.png"]
    assert len(Batches(project / "out/shards", "val", None, 4, 0)) == 1
    recipe = json.loads(first["report/recipe.json"])
    manifest = json.loads(first["shards/manifest.json"])
    assert recipe["recipe"]["copies"] == params.augment.copies
    assert manifest["recipe_sha256"] == recipe["sha256"]
    assert set(manifest["subsets"]) == {"train", "val"}
    with PIL.open(project / "out/report/preview.jpg") as sheet:
        assert min(sheet.size) > 300


def test_a_photo_that_is_gone_fails_and_leaves_the_old_output(
    project: Path, capsys: pytest.CaptureFixture[str]
):
    augment.augment()
    first = contents(project / "out")
    (project / "raw/2.png").unlink()
    with pytest.raises(SystemExit) as exit_:
        augment.augment()
    assert exit_.value.code == 1
    assert "2.png: image file not found" in capsys.readouterr().err
    assert contents(project / "out") == first
