"""A short version of the main job on real photos."""

import csv
import json
from pathlib import Path

import pytest
from conftest import REPOSITORY, TINY, copy_of_repository, run, set_params

DATA = REPOSITORY.parent / "shared/data"
SHORT = {**TINY, "augment.copies": 0, "train.epochs": 1}


def imported(folder: Path, source: str, *options: str) -> Path:
    """A new project whose only source is one of the shared data sets."""
    if not (DATA / source).is_dir():
        pytest.skip(f"no {source} in a folder `shared` beside the repository")
    project = copy_of_repository(folder / "project")
    run(project, "pocketdet", "import", str(DATA / source), "--name", source, *options)
    set_params(project, SHORT)
    return project


def test_blood_cells_with_their_own_lists(tmp_path):
    project = imported(tmp_path, "bccd", "--format", "voc", "--classes", "RBC,WBC,Platelets")
    run(project, "dvc", "repro", "evaluate")
    subsets = json.loads((project / "data/subsets/subsets.json").read_text())
    assert [subsets[name]["images"] for name in ("train", "val", "test")] == [205, 87, 72]
    with (project / "reports/evaluate/per_class.csv").open() as file:
        assert {row["class"] for row in csv.DictReader(file)} >= {"RBC", "WBC", "Platelets"}
    assert not (project / "data/raw/street_voc").exists()


def test_persons_of_coco_keep_crowds_as_ignore(tmp_path):
    options = ["--format", "coco", "--classes", "person", "--others", "drop"]
    project = imported(tmp_path, "coco128", *options)
    run(project, "dvc", "repro", "augment")
    summary = json.loads((project / "reports/validate/summary.json").read_text())
    counts = summary["sources"]["coco128"]
    (file,) = (DATA / "coco128/annotations").glob("*.json")
    annotations = json.loads(file.read_text())["annotations"]
    persons = [row for row in annotations if row["category_id"] == 1]
    crowds = sum(row["iscrowd"] for row in persons)
    assert counts["ignored"]["iscrowd"] == crowds > 0
    assert counts["classes"]["person"] + sum(counts["ignored"].values()) == len(persons)
