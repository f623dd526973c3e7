import csv
import json
import shutil
from dataclasses import replace

import pytest
import yaml
from PIL import Image as PIL

from pocketdet.dataset import Dataset


def test_subsets(small, stages):
    stages("validate", "split")
    table = json.loads((small / "subsets/subsets.json").read_text())
    listed = []
    for name in ("train", "val", "test"):
        paths = (small / f"subsets/{name}.txt").read_text().splitlines()
        assert len(paths) == table[name]["images"] > 0
        assert paths == sorted(paths)
        listed += paths
    assert sorted(listed) == [i.path for i in Dataset.load(small / "dataset/dataset.json")]
    assert len({table[name]["sha256"] for name in table}) == 3


def test_copies_stay_in_one_subset(small, stages):
    names = [f"{n:06d}.jpg" for n in range(6)]
    for name in names:
        shutil.copy(small / "raw/a_coco/images" / name, small / "raw/b_voc/JPEGImages" / name)
        with PIL.open(small / "raw/a_coco/images" / name) as photo:
            photo.save(small / "raw/c_kitti/image_2" / name, quality=60)
    stages("validate", "split")
    where = {
        path: name
        for name in ("train", "val", "test")
        for path in (small / f"subsets/{name}.txt").read_text().splitlines()
    }
    for name in names:
        paths = (f"a_coco/images/{name}", f"b_voc/JPEGImages/{name}", f"c_kitti/image_2/{name}")
        assert len({where[path] for path in paths}) == 1


def change(small, section, **values):
    params = yaml.safe_load((small / "params.yaml").read_text())
    params[section] |= values
    (small / "params.yaml").write_text(yaml.safe_dump(params))


def groups(small):
    with (small / "subsets/groups.csv").open(newline="") as file:
        return {row["image"]: row["group"] for row in csv.DictReader(file)}


def test_groups_of_a_file_stay_in_one_subset(small, stages):
    rows = "".join(f"images/{n:06d}.jpg,flat {n % 2}\n" for n in range(6))
    (small / "raw/a_coco/groups.csv").write_text(f"image,group\n{rows}")
    stages("validate", "split")
    found = groups(small)
    assert list(found) == [i.path for i in Dataset.load(small / "dataset/dataset.json")]
    assert [found[f"a_coco/images/{n:06d}.jpg"] for n in range(6)] == [
        f"a_coco/images/{n % 2:06d}.jpg" for n in range(6)
    ]
    listed = {
        name: (small / f"subsets/{name}.txt").read_text() for name in ("train", "val", "test")
    }
    for odd in (0, 1):
        names = [f"a_coco/images/{n:06d}.jpg" for n in range(6) if n % 2 == odd]
        assert len({k for k, text in listed.items() for name in names if name in text}) == 1


def test_official_lists_that_part_a_copy_are_an_error_by_default(small, stages, capsys):
    voc = small / "raw/b_voc"
    shutil.copy(voc / "JPEGImages/000000.jpg", voc / "JPEGImages/000001.jpg")
    (voc / "ImageSets/Main").mkdir(parents=True)
    (voc / "ImageSets/Main/train.txt").write_text("000000\n")
    (voc / "ImageSets/Main/test.txt").write_text("000001\n")
    stages("validate")
    with pytest.raises(SystemExit) as stop:
        stages("split")
    assert stop.value.code == 1
    message = capsys.readouterr().err
    assert "b_voc/JPEGImages/000000.jpg (train) and b_voc/JPEGImages/000001.jpg (test)" in message
    assert "split.leakage: allow" in message
    assert not (small / "subsets").exists()
    change(small, "split", leakage="allow")
    stages("split")
    assert groups(small)["b_voc/JPEGImages/000001.jpg"] == "b_voc/JPEGImages/000000.jpg"


@pytest.mark.parametrize("many", [20_000, 0])
def test_a_subset_without_a_class_is_named(small, stages, capsys, monkeypatch, many):
    monkeypatch.setattr("tasks.split.MANY", many)  # pictures from which on no salt is looked for
    stages("validate")
    path = small / "dataset/dataset.json"
    data = Dataset.load(path)
    (first, *_) = (i.path for i in data if any(box.label == "bicycle" for box in i.boxes))
    alone = [
        replace(i, boxes=tuple(b for b in i.boxes if b.label != "bicycle" or i.path == first))
        for i in data
    ]
    Dataset(data.classes, tuple(alone)).save(path)
    capsys.readouterr()
    stages("split")
    assert capsys.readouterr().out.count(" has no bicycle") == 2
