"""Clean clones and the editing of params.yaml."""

import fcntl
import os
from pathlib import Path

import pytest
from conftest import git

from flows import workspace
from pocketdet.errors import ParamsError

# Of DVC, about a package that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


@pytest.fixture
def params(tmp_path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text("seed: 0   # of everything\ntrain:\n  epochs: 30  # in all\n  size: [1, 2]\n")
    return path


def test_edit_changes_the_value_and_keeps_the_rest(params):
    workspace.edit(params, ["train.epochs=3", "seed = 7", "train.size=[4, 5]"])
    assert params.read_text() == (
        "seed: 7   # of everything\ntrain:\n  epochs: 3   # in all\n  size: [4, 5]\n"
    )


@pytest.mark.parametrize("override", ["train.epochs", "trian.epochs=3", "seed.x=1", "seed=[1"])
def test_edit_is_all_or_nothing(params, override):
    before = params.read_text()
    with pytest.raises(ParamsError, match=override.replace("[", r"\[")):
        workspace.edit(params, ["train.epochs=3", override])
    assert params.read_text() == before


def test_clone_has_the_commit_the_outputs_and_the_cache(toy, monkeypatch):
    toy.edit("toy/words.py", "not committed")
    monkeypatch.chdir(toy.root)
    with workspace.clone(toy.root, "one") as clone:
        assert "upper" in (clone.root / "toy/words.py").read_text()
        assert (clone.root / "scores/metrics.json").exists()
        shared = (clone.root / "scores/metrics.json").stat()
        assert shared.st_nlink > 1  # a link into the cache, not a copy
        assert clone.env["MLFLOW_TRACKING_URI"] == f"sqlite:///{toy.root}/mlflow.db"
        assert clone.env["POCKETDET_STATE"] == str(toy.root / ".pocketdet")
        assert not clone.publish("nothing to say")
    assert toy.branches() == []
    assert workspace.uncommitted(toy.root) == ["toy/words.py"]


def test_publish_commits_and_pushes_without_a_known_author(toy, monkeypatch):
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    with workspace.clone(toy.root, "one") as clone:
        clone.override(["train.epochs=3"], "Try three epochs")
        (clone.root / "dvc.lock").write_text("{}")
        assert clone.publish("Results")
    assert toy.branches() == ["runs/one"]
    log = git(toy.root, "log", "--format=%s %ae", "HEAD..runs/one").splitlines()
    assert log == ["Results pocketdet@local", "Try three epochs pocketdet@local"]
    assert toy.status() == ""


def test_folder_that_is_no_repository_is_refused(tmp_path):
    with (
        pytest.raises(workspace.CloneError, match="not the top folder of a Git repository"),
        workspace.clone(tmp_path, "one"),
    ):
        pass


def test_old_clones_go_but_not_one_in_use(tmp_path):
    for number in range(workspace.KEEP + 3):
        folder = tmp_path / f"clone{number}"
        folder.mkdir()
        os.utime(folder, (number, number))
    with (tmp_path / "clone0.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        workspace._prune(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert left == sorted(["clone0", *(f"clone{n}" for n in range(3, workspace.KEEP + 3))])
