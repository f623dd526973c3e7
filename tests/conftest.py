"""A tiny project that has run once, shared by the tests that need a whole pipeline."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]
# On a busy machine any example may take long; that is no failure.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
TINY = {
    "sample.images": 48,
    "sample.size_wh": [200, 150],
    "design.input_wh": [96, 64],
    "design.backbone": "mobilenet_v2",
    "design.width": 0.35,
    "design.weights": "none",
    "design.neck_channels": 16,
    "design.candidates.inputs_wh": [[64, 64]],
    "design.candidates.backbones": [],
    "augment.copies": 1,
    "train.batch": 8,
    "train.epochs": 2,
    "evaluate.resamples": 50,
    "evaluate.pictures": 3,
    "convert.variants": ["fp32", "int8", "int8_nms", "onnx", "coreml"],
    "convert.calibration_images": 8,
    "convert.trial_images": 4,
    "convert.max_trial_drop": 100.0,
    "verify.images": 4,
    "verify.coreml_images": 1,
    "verify.max_lost": 10.0,  # an untrained net has no boxes worth the name
    "verify.max_ap_drop": dict.fromkeys(("fp32", "int8", "int8_nms", "onnx"), 100.0),
    "profile.runs": 5,
    "profile.warmup": 1,
}


def environment() -> dict[str, str]:
    """The tests' own environment, with this interpreter first and no servers of the user's."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PREFECT_", "DVC_"))
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**kept, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "true"}


def set_params(project: Path, values: dict[str, object]) -> None:
    """Change keys of a project's params.yaml, given by dotted names."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        section = params
        for name in sections:
            section = section[name]
        section[key] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def run(project: Path, *command: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `python -m COMMAND` in a project; its output is part of a failure's message."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if ok:
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def copy_of_repository(target: Path) -> Path:
    """This working tree (what Git tracks or would), committed in a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file() and name != "dvc.lock":
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, target / name)
    git(target, "init", "-q")
    commit(target, "start")
    return target


def git(project: Path, *arguments: str) -> str:
    """Run git in a project, as a user of its own."""
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    return subprocess.run(
        ["git", *who, *arguments],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def commit(project: Path, message: str) -> None:
    """Commit everything."""
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", message)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first `dvc repro`. Read only: tests that edit take `project`."""
    base = tmp_path_factory.getbasetemp()
    # The processes of one run share it: the first makes it, as it takes a minute and a half.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, ready = shared / "finished", shared / "finished.ready"
    with FileLock(shared / "finished.lock"):
        if not ready.exists():
            set_params(copy_of_repository(folder), TINY)
            run(folder, "dvc", "repro")
            commit(folder, "first run")
            ready.touch()
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, with its cache, to edit and rerun."""
    return shutil.copytree(finished, tmp_path / "project", symlinks=True)


@pytest.fixture
def reran() -> Callable[[Path], list[str]]:
    """Run `dvc repro` and name the stages that it ran (restored ones are not among them)."""

    def repro(project: Path, *arguments: str) -> list[str]:
        done = run(project, "dvc", "repro", *arguments)
        return [
            line.split("'")[1]
            for line in done.stdout.splitlines()
            if line.startswith("Running stage '")
        ]

    return repro
