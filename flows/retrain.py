"""The scheduled job: newest committed data and code, the whole pipeline, a champion or not.

    python -m flows.retrain

It runs in a clean clone, registers the result in MLflow and moves the alias `champion` to it if AP
on the frozen test subset is not lower than the champion's. With nothing new it ends as Cached.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import dag, workspace
from flows.pipeline import conclude
from flows.run_account import RunAccount
from flows.walk import walk
from pocketdet import project
from pocketdet.errors import PocketdetError
from pocketdet.files import sha256
from tasks import params, registry
from tasks.registry import Version
from tasks.store import Store
from tasks.tracking import sync


class ResultError(PocketdetError):
    """A result of the pipeline that cannot become a registered model."""


@flow(name="retrain", task_runner=ThreadPoolTaskRunner(max_workers=2), persist_result=False)
def retrain() -> State:
    """Run the last commit in a clean clone; register its model, and promote it if it is as good."""
    origin = Path.cwd()
    try:
        with workspace.clone(origin, f"retrain-{flow_run.name}") as clone:
            account = RunAccount(clone.root, origin, tuple(walk(clone.root, (), clone.env)))
            if not account.failed:
                account = replace(account, news=tuple(register(account)))
                if clone.publish(f"Results of retrain {flow_run.name}"):
                    account = replace(account, branch=clone.branch)
                if account.news and dag.has_remote(clone.root):
                    dag.push(clone.root)
    except PocketdetError as error:  # meant for the user: no traceback
        return Failed(message=str(error), data=error)
    return conclude(account)


def register(account: RunAccount) -> list[str]:
    """Make the result a version in MLflow, and the champion if it deserves it.

    Returns:
        What happened, line by line; nothing if this result is registered already.

    Raises:
        ResultError: The result lacks what a version needs.
        tasks.store.TrackingError: MLflow does not answer.
    """
    log = get_run_logger()
    sync()  # what waits in the spool may be this very result
    store = Store.open()
    model = params.load(account.root / "params.yaml").package.name
    result = candidate(account, store)
    known = registry.find(store, model, result.bundle)
    if known and known.decided:
        return []
    champion = registry.champion(store, model)
    version = registry.register(store, model, result)
    promoted, why = verdict(version, champion)
    registry.decide(store, model, version, promoted)
    news = [
        f"registered as {model} version {version.number}, AP {version.ap:.3f} on test",
        f"{'champion now' if promoted else 'not champion'}: {why}",
    ]
    for line in news:
        log.info("%s", line)
    return news


def verdict(version: Version, champion: Version | None) -> tuple[bool, str]:
    """Whether a version takes the champion's place, and why."""
    if champion is None:
        return True, "there was none"
    if version.test != champion.test:
        return False, (
            f"its test subset {version.test[:12]} is not the champion's {champion.test[:12]}, so "
            "their AP cannot be compared; keep the test subset frozen, or set the alias by hand"
        )
    if version.ap < champion.ap:
        return False, f"AP {version.ap:.4f} < {champion.ap:.4f} of version {champion.number}"
    return True, f"AP {version.ap:.4f} >= {champion.ap:.4f} of version {champion.number}"


def candidate(account: RunAccount, store: Store) -> Version:
    """The result as a version without a number.

    Raises:
        ResultError: It has no bundle or no AP, or was never recorded in MLflow.
    """
    root = account.root
    if account.bundle is None:
        raise ResultError(f"{root}: stage package left no bundle (*.zip)")
    metrics = project.option(root, "evaluate", "report") / "metrics.json"
    subsets = project.option(root, "evaluate", "subsets") / "subsets.json"
    weights = project.option(root, "train", "trained") / "weights.safetensors"
    ap = json.loads(metrics.read_text(encoding="utf-8"))["test"]["AP"]
    if ap is None:
        raise ResultError(f"{metrics}: test.AP is undefined, so there is nothing to compare")
    run = account.mlflow_run
    run_id = run.run if run else store.last_result(sha256(weights))
    if run_id is None:
        raise ResultError(
            f"{store.uri} has no run with the result of {weights}; record it again: "
            "dvc repro --force --single-item package"
        )
    test = json.loads(subsets.read_text(encoding="utf-8"))["test"]["sha256"]
    return Version(run_id, float(ap), test, sha256(account.bundle))


if __name__ == "__main__":
    sys.exit(int(not retrain(return_state=True).is_completed()))
