"""The main job as a Prefect flow: every stage of dvc.yaml, in order, unchanged ones as Cached.

    python -m flows.pipeline [--set train.epochs=3 ...] [--stage train ...]

Without overrides it brings the present folder up to date, as `dvc repro` does. With overrides it
runs in a clean clone of the last commit and leaves its results on a branch `runs/NAME`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import AfterValidator, Field
from rich.console import Console
from rich.table import Table

from flows import dag, workspace
from flows.run_account import RunAccount
from flows.walk import walk
from pocketdet.devices import cards
from pocketdet.errors import ParamsError, PocketdetError
from tasks import params

ROOT = Path(__file__).resolve().parents[1]  # of the project that this flow belongs to
Override = Annotated[str, Field(pattern=r"^\s*[a-z_0-9]+(\.\w+)*\s*=.+$")]
COLOURS = {"Failed": "red", "Not run": "yellow", "Ran": "green", "Restored": "cyan"}


def _known(name: str) -> str:
    if name not in (names := dag.stages(ROOT)):
        raise ValueError(f"{name!r} is no stage of dvc.yaml: one of {', '.join(names)}")
    return name


class _OfDvcYaml:
    """Makes the form in Prefect's page offer the stages of dvc.yaml."""

    @classmethod
    def __get_pydantic_json_schema__(cls, *_: object) -> dict[str, object]:
        return {"type": "string", "enum": dag.stages(ROOT)}


StageName = Annotated[str, AfterValidator(_known), _OfDvcYaml]


@flow(
    name="pipeline",
    task_runner=ThreadPoolTaskRunner(max_workers=2),  # more would take each other's cores
    persist_result=False,
)
def pipeline(overrides: list[Override] = [], stages: list[StageName] = []) -> State:  # noqa: B006
    """Bring the pipeline of dvc.yaml up to date.

    Args:
        overrides: KEY=VALUE of params.yaml, such as train.epochs=3. With any, the run happens in a
            clean clone of the last commit and leaves a branch runs/NAME.
        stages: Bring these up to date, with all that they need. None means all.
    """
    origin = Path.cwd()
    try:
        if overrides:
            account = run_in_clone(origin, overrides, stages)
        else:
            params.load(origin / "params.yaml")  # a typo that DVC passes over
            account = RunAccount(origin, origin, tuple(walk(origin, stages)))
    except PocketdetError as error:  # meant for the user: no traceback
        return Failed(message=str(error), data=error)
    return conclude(account)


def run_in_clone(origin: Path, overrides: Sequence[str], stages: Sequence[str]) -> RunAccount:
    """Run the last commit with other params, away from the checkout, and push the results to it.

    Raises:
        ParamsError: An override breaks a rule of params.yaml.
        flows.workspace.CloneError: Git refuses.
    """
    log = get_run_logger()
    changes = ", ".join(overrides)
    with workspace.clone(origin, flow_run.name) as clone:
        if edited := workspace.uncommitted(origin):
            log.warning("not in this run, as not committed: %s", ", ".join(edited))
        clone.override(overrides, f"Params of run {flow_run.name}: {changes}")
        log.info("running in %s", clone.root)
        account = RunAccount(
            clone.root,
            origin,
            tuple(walk(clone.root, stages, clone.env)),
            notes=(f"with {changes}", f"in a clean clone: {clone.root}"),
        )
        if not account.failed and clone.publish(f"Results of run {flow_run.name}"):
            account = replace(account, branch=clone.branch)
    return account


def conclude(account: RunAccount) -> State:
    """Leave an artifact, and say how the flow ended."""
    create_markdown_artifact(account.markdown(), key=flow_run.flow_name)
    if account.failed:
        first = account.failed[0]
        return Failed(message=f"{account.summary()}\n{first.error}", data=account)
    if account.unchanged:
        return Completed(name="Cached", message=account.summary(), data=account)
    return Completed(message="; ".join([account.summary(), *account.news]), data=account)


def show(account: RunAccount) -> None:
    """A table of the stages, and where the results are, on standard output."""
    console = Console()
    table = Table("stage", "state", "seconds")
    table.columns[2].justify = "right"
    for outcome in account.outcomes:
        colour = COLOURS.get(outcome.status, "dim")
        table.add_row(outcome.stage, f"[{colour}]{outcome.status}", f"{outcome.seconds:.1f}")
    console.print(table)
    for outcome in account.failed:
        console.print(outcome.error, style="red", markup=False, soft_wrap=True)
    for what, where in account.places():
        console.print(f"{what}: {where}", markup=False, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The flow from the command line; exit status 0, 1 (a stage failed) or 2 (bad usage)."""
    parser = argparse.ArgumentParser(prog="python -m flows.pipeline", description=__doc__)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--stage", action="append", default=[], metavar="NAME")
    given = parser.parse_args(arguments)
    try:
        # Here too, as Prefect takes long to start, and before there is a clone.
        given_params = workspace.overridden(Path.cwd(), given.set) if given.set else params.load()
        cards.load(given_params.design.device)
    except PocketdetError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, ParamsError) else 1
    state = pipeline(given.set, given.stage, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, RunAccount):
        show(result)
    else:
        sys.stderr.write(f"{result}\n")
    bad_usage = isinstance(result, ParamsError | ParameterTypeError)
    return 2 if bad_usage else int(not state.is_completed())


if __name__ == "__main__":
    sys.exit(main())
