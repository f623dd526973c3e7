"""What users get wrong: a clear error, a non-zero exit status, and nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import environment, run, set_params


def refused(project: Path, *command: str, says: list[str], status: int = 1) -> None:
    """Run a module; it must fail with these words, without a traceback or litter."""
    before = listing(project)
    done = run(project, *command, ok=False)
    assert done.returncode == status, done.stdout + done.stderr
    for words in says:
        assert words in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr
    assert listing(project) == before


def listing(project: Path) -> set[str]:
    """Everything that a user sees below data, models and reports."""
    return {
        str(path.relative_to(project))
        for folder in ("data", "models", "reports")
        for path in (project / folder).rglob("*")
    }


def validate(project: Path) -> list[str]:
    out = ["--raw", "data/raw", "--dataset", "data/dataset", "--report", "reports/validate"]
    return ["tasks.validate", *out]


@pytest.fixture
def raw(project: Path) -> Path:
    return project / "data/raw"


def test_typo_in_params(project):
    set_params(project, {"train.epoch": 3})
    refused(project, *validate(project), says=["params.yaml", "train.epoch", "unknown"], status=2)


def test_refused_import_leaves_what_was_there(project, raw):
    shutil.copytree(raw / "street_voc", raw / "mine")
    words = ["import", "data/raw/mine", "--format", "voc", "--name", "mine"]
    says = ["params.yaml: not changed"]
    refused(project, "pocketdet", *words, "--classes", "person,person", says=says, status=2)
    assert (raw / "mine/Annotations").is_dir()


def test_import_of_the_project_itself(project):
    words = ["import", ".", "--format", "voc", "--name", "mine"]
    refused(project, "pocketdet", *words, says=["the project's own sources"])


def test_missing_image(project, raw):
    picture = sorted((raw / "street_voc/JPEGImages").iterdir())[0]
    picture.unlink()
    refused(project, *validate(project), says=[picture.name])


def test_truncated_jpeg(project, raw):
    picture = sorted((raw / "street_coco/images").iterdir())[0]
    picture.write_bytes(picture.read_bytes()[:-400])
    refused(project, *validate(project), says=[picture.name])


def test_label_of_an_unknown_class(project, raw):
    label = next(
        path
        for path in sorted((raw / "street_voc/Annotations").iterdir())
        if "<name>person</name>" in path.read_text()
    )
    label.write_text(label.read_text().replace("<name>person</name>", "<name>perzon</name>"))
    refused(project, *validate(project), says=[label.name, "perzon", "validate.mapping"])


def test_empty_source(project, raw):
    shutil.rmtree(raw / "street_kitti")
    (raw / "street_kitti").mkdir()
    refused(project, *validate(project), says=["street_kitti"])


def test_xml_entity_bomb(project, raw):
    label = sorted((raw / "street_voc/Annotations").iterdir())[0]
    label.write_text(
        '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
        "<annotation><filename>&c;</filename></annotation>"
    )
    refused(project, *validate(project), says=[label.name])


def test_file_name_that_leaves_the_data_folder(project, raw):
    path = raw / "street_coco/annotations.json"
    text = path.read_text()
    name = sorted((raw / "street_coco/images").iterdir())[0].name
    assert name in text
    path.write_text(text.replace(name, f"../../../{name}"))
    refused(project, *validate(project), says=["annotations.json", f"../../../{name}"])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting tmpfs needs root")
def test_full_disk(project, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    try:
        refused(
            project,
            "tasks.augment",
            *["--raw", "data/raw", "--dataset", "data/dataset", "--subsets", "data/subsets"],
            *["--preprocessing", "models/design/preprocessing.json"],
            *["--shards", str(small / "shards"), "--report", str(small / "report")],
            says=["No space left"],
        )
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_kill_during_training_and_the_same_command_again(project):
    """The second run carries on from the checkpoint."""
    set_params(project, {"train.epochs": 6})
    with subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "train"],
        cwd=project,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as killed:
        assert killed.stdout
        for line in killed.stdout:
            if "epoch 2/6" in line:
                break
        os.killpg(killed.pid, signal.SIGKILL)
    time.sleep(0.5)
    again = run(project, "dvc", "repro", "train")
    lines = [line for line in again.stdout.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 6
    assert lines[0].endswith("(from the checkpoint)")
    assert "images/s" in lines[5]
