"""Walks dvc.yaml's stages as Prefect tasks: DVC says what to do, Prefect when, and shows it."""

import os
import re
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dvc.lock import LockError
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import dag
from flows.child import Family

Status = Literal["Ran", "Cached", "Restored", "Failed", "Not run"]
ERROR_LINES = 20
# DVC's advice, and its own words around what a stage says.
ADVICE = re.compile(r"^(\s*$|To (track|enable)|Use `dvc push`|\s+git add|\s+dvc config)")
CHATTER = re.compile(r"^(Running stage|> |(Updating|Generating) lock|ERROR: failed to reproduce)")
RESTORED = re.compile(r"skipping run, checking out outputs|didn't change, skipping")
# What comes from the machine and not from the stage: another DVC at work, a kill by the system.
TRANSIENT = re.compile(r"Unable to acquire lock|is busy|exited with (-9|137)\b")
NO_SOURCE = (
    "\nIt is gone from the folder and from DVC's cache. Put it back, or name a remote that has it: "
    "dvc remote add --default NAME ADDRESS"
)


class StageError(Exception):
    """A stage that failed; the message ends with what it said."""

    seconds = 0.0


class TransientError(StageError):
    """A stage that may well succeed when it is tried again."""


@dataclass(frozen=True)
class Outcome:
    """What became of a stage.

    Attributes:
        stage: Its name.
        status: Ran, Cached (DVC says unchanged), Restored (from DVC's cache), Failed, Not run.
        seconds: Of its task.
        error: The end of what it said, if it failed.
    """

    stage: str
    status: Status
    seconds: float = 0.0
    error: str = ""


def walk(
    root: Path, targets: Collection[str] = (), env: Mapping[str, str] | None = None
) -> list[Outcome]:
    """Bring stages up to date inside a flow: one task a stage, no stage before what it needs.

    Args:
        root: The folder of dvc.yaml.
        targets: Stages to bring up to date with all that they need; none = all.
        env: Variables for the stages' commands.

    Returns:
        An outcome for each stage, in running order.
    """
    nodes = dag.nodes(root, targets)
    futures: dict[str, PrefectFuture[State]] = {}
    family = Family()
    try:
        for node in nodes:
            named = bring_up_to_date.with_options(name=node.name, task_run_name=node.name)
            needs = [futures[name] for name in node.needs]
            futures[node.name] = named.submit(root, node, dict(env or {}), family, wait_for=needs)
        for future in futures.values():
            future.wait()
    finally:
        family.end()  # when the flow is cancelled
    return [_outcome(node.name, futures[node.name].state) for node in nodes]


def _is_transient(_task: object, _run: TaskRun, state: State) -> bool:
    return isinstance(state.result(raise_on_failure=False), TransientError)


@task(
    cache_policy=NO_CACHE,  # DVC is the cache: it sees edited code, inputs and deleted outputs
    retries=2,
    retry_delay_seconds=3,
    retry_condition_fn=_is_transient,
    persist_result=False,
)
def bring_up_to_date(root: Path, node: dag.Node, env: dict[str, str], family: Family) -> State:
    """Run a stage if DVC says that it is out of date.

    Raises:
        StageError: Its command failed.
    """
    start = time.monotonic()
    try:
        # Asked here and not before the walk: it is known only once the stages before it have run.
        out_of_date = dag.changed(root, node.name)
        status: Status = _run(root, node, env, family) if out_of_date else "Cached"
    except LockError as error:
        raise TransientError(f"{node.name}: {error}") from error
    except StageError as error:
        error.seconds = time.monotonic() - start
        raise
    outcome = Outcome(node.name, status, time.monotonic() - start)
    return Completed(name="Completed" if status == "Ran" else status, data=outcome)


def _run(root: Path, node: dag.Node, env: dict[str, str], family: Family) -> Status:
    if node.is_source and dag.missing(root, node.name):
        command = ["pull" if dag.has_remote(root) else "checkout", node.name]
    else:
        command = ["repro", "--single-item", node.name]
    log = get_run_logger()

    def show(line: str) -> None:
        if not ADVICE.match(line):
            log.info("%s", line)

    status, tail = family.run(
        # Waiting for the lock, as another stage may be writing dvc.lock just now.
        [sys.executable, "-m", "dvc", "--wait-for-lock", *command],
        root,
        show,
        {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PYTHONUNBUFFERED": "1",
            "PREFECT__FLOW_RUN_ID": str(flow_run.id or ""),
            **env,
        },
    )
    text = "\n".join(tail)
    if family.ended:
        raise StageError(f"{node.name} was cancelled")
    if status:
        said = [line for line in tail if not ADVICE.match(line) and not CHATTER.match(line)]
        exit_status = re.search(r"exited with (-?\d+)", text)
        kind = TransientError if TRANSIENT.search(text) else StageError
        raise kind(
            f"{node.name} failed with exit status {exit_status[1] if exit_status else status}:\n"
            + "\n".join((said or tail)[-ERROR_LINES:])
            + (NO_SOURCE if command[0] in ("pull", "checkout") else "")
        )
    return "Ran" if command[0] == "repro" and not RESTORED.search(text) else "Restored"


def _outcome(stage: str, state: State) -> Outcome:
    result = state.result(raise_on_failure=False) if state.is_final() else None
    if isinstance(result, Outcome):
        return result
    if isinstance(result, StageError):
        return Outcome(stage, "Failed", result.seconds, str(result))
    if state.is_failed() or state.is_crashed():
        return Outcome(stage, "Failed", error=f"{stage}: {result!r}")
    return Outcome(stage, "Not run")
