"""All tags of MLflow's runs: what links them, and where a result comes from."""

import os
import subprocess
from pathlib import Path

import yaml

from tasks import spool

# By these a run is found, so that no output of a stage needs to hold an id.
TRAINING = "pocketdet.training"  # key of the training that the run records
WEIGHTS = "pocketdet.weights"  # sha256 of its weights, once it is complete
RESULT = "pocketdet.result"  # key of the result that the run records
RECORDED = "pocketdet.recorded"  # "true" once the result is complete
PARENT = "pocketdet.training_run"  # id of the run that trained a result's weights
SOURCE = {"mlflow.source.name": "pocketdet", "mlflow.source.type": "PROJECT"}


def of_training(backend: str) -> dict[str, str]:
    """Tags of a training: what Keras ran on."""
    return {"keras.backend": backend}


def of_result(verdict: str) -> dict[str, str]:
    """Tags of a result, to search by."""
    return {"verdict": verdict}


def origin() -> dict[str, str]:
    """Tags: git commit, whether files differ from it, dvc.lock's stages so far, the flow run."""
    tags = lock_hashes(Path())
    commit = _git("rev-parse", "HEAD")
    if commit:
        tags["mlflow.source.git.commit"] = commit
        tags["git.dirty"] = str(bool(_git("status", "--porcelain", "--untracked-files=no"))).lower()
    flow_run = os.environ.get("PREFECT__FLOW_RUN_ID")
    if flow_run:
        tags["prefect.flow_run_id"] = flow_run
    return tags


def lock_hashes(folder: Path) -> dict[str, str]:
    """`dvc.lock.STAGE` to the hash of its entry, for the stages that the running one follows.

    The running stage's own entry, and those after it, are of an earlier run. dvc.yaml lists the
    stages in an order in which they can run, which makes "before" a matter of lines.
    """
    lock, pipeline = folder / "dvc.lock", folder / "dvc.yaml"
    running = os.environ.get("DVC_STAGE", "")
    if not running or not lock.exists() or not pipeline.exists():
        return {}
    entries = yaml.safe_load(lock.read_text(encoding="utf-8")).get("stages", {})
    order = list(yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"])
    name = running.rpartition(":")[2].partition("@")[0]
    before = set(order[: order.index(name)]) if name in order else set()
    return {
        f"dvc.lock.{stage.replace('@', '.')}": spool.key_of(entry)[:16]
        for stage, entry in sorted(entries.items())
        if stage.partition("@")[0] in before
    }


def _git(*arguments: str) -> str:
    """Git's answer; empty where there is no repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
