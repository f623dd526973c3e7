"""Which stages are up to date, why the others are not, and where the results lie.

python -m flows.status
"""

import sys
from pathlib import Path

import networkx
from dvc.repo import Repo, lock_repo
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pocketdet import project
from pocketdet.analysis import mongo
from pocketdet.devices import cards
from pocketdet.errors import ParamsError
from tasks import params


def stages(repo: Repo) -> list[tuple[str, str]]:
    """Every stage in running order with why it is not up to date ("" = it is)."""
    changes: dict[str, list] = repo.status()
    graph = repo.index.graph  # edges point from a stage to what it needs
    place = {stage: number for number, stage in enumerate(graph)}  # as in dvc.yaml
    order = networkx.lexicographical_topological_sort(graph.reverse(), key=place.__getitem__)
    waits: set[str] = set()
    rows = []
    for stage in order:
        name = stage.addressing
        before = sorted(s.addressing for s in graph.successors(stage) if s.addressing in waits)
        reason = _why(changes.get(name, []))
        if before and not reason:
            reason = f"follows {', '.join(before)}"
        if reason:
            waits.add(name)
        rows.append((name, reason))
    return rows


def _why(changes: list[str | dict[str, dict[str, str]]]) -> str:
    """DVC's account of a stage's changes in a few words."""
    states: dict[str, str] = {}
    for change in changes:
        if isinstance(change, str):
            states[change] = ""
        else:
            for paths in change.values():
                states |= paths
    if "new" in states.values():
        return "not run yet"
    return ", ".join(f"{path} {_flat(state)}".strip() for path, state in states.items())


def _flat(state: str | dict[str, str]) -> str:
    """A state in words: of a params file DVC gives one state a key."""
    if isinstance(state, str):
        return state
    return ", ".join(f"{key} {value}" for key, value in state.items())


def main() -> int:
    """Print the table; exit status 2 if params.yaml is wrong, which DVC alone would not say."""
    try:
        cards.load(params.load().design.device)
    except ParamsError as error:
        sys.stderr.write(f"status: {error}\n")
        return 2
    table = Table("stage", "state")
    with Repo(".", _wait_for_lock=True) as repo, lock_repo(repo):
        rows = stages(repo)
    for name, reason in rows:
        table.add_row(name, Text(reason, "yellow") if reason else Text("up to date", "green"))
    out = Console(markup=False)
    out.print(table)
    here = Path.cwd()
    places = {
        "report": project.option(here, "package", "page") / "index.html",
        "bundle": project.option(here, "package", "bundle"),
    }
    for name, path in places.items():
        out.print(f"{name}: {path if path.exists() else 'not made yet: dvc repro'}", soft_wrap=True)
    out.print(mongo.state(here), soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
