"""`pocketdet report` and `pocketdet compare`: the page of a run, and of two beside each other."""

import json
import subprocess
import sys
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from pocketdet import project
from pocketdet.files import write_text

NEEDED = ("evaluate",)
"""Stages without whose report two runs cannot be compared."""

USEFUL = ("design", "verify", "profile")
"""Stages whose report a comparison shows too."""


def report(
    out: Annotated[
        Path | None, typer.Option(help="Write a copy with links to MLflow run and commit.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Say where the report of the last run lies, its MLflow run and its commit; or open it."""
    from pocketdet.report.page import LINKS

    here = project.root()
    page = project.option(here, "package", "page") / "index.html"
    if not page.is_file():
        raise project.ProjectError(f"no report at {page} yet; run: dvc repro")
    found = json.loads(project.output(here, "tasks.links", str(page)))
    if out:
        links = "; ".join(_html(what, where) for what, where in found.items())
        text = page.read_text(encoding="utf-8").replace(LINKS, f"<p>{links}</p>" if links else "")
        write_text(out, text)
        page = out
    sys.stdout.write(f"{page}\n")
    for what, where in found.items():
        sys.stdout.write(f"{what}: {where}\n")
    if open_:
        webbrowser.open(page.resolve().as_uri())


def compare(
    old: Annotated[str, typer.Argument(help="A project's folder, or a revision of this one.")],
    new: Annotated[str, typer.Argument(help="Likewise; the run in question.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("comparison.html"),
    resamples: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 1000,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a page of two runs: differences with paired intervals, and the same pictures of both.

    A revision's results come from DVC's cache, so they must have been made or pulled here.
    """
    from pocketdet.report import comparison, paired
    from pocketdet.scoring.bootstrap import LEVEL, Plan

    plan = Plan(resamples, LEVEL, seed=0)
    with _run(old) as before, _run(new) as after:
        old, new = (_title(name) for name in (old, new))
        a, b = paired.read(old, before), paired.read(new, after)
        difference = paired.paired(a, b, plan)
        write_text(out, comparison.render(a, b, plan, difference))
    word, sentence = paired.verdict(difference.intervals, old, new)
    Console().print(Text(f"{word}: {sentence}\n{out}"), soft_wrap=True)
    if open_:
        webbrowser.open(out.resolve().as_uri())


def _title(name: str) -> str:
    """A folder's own name; a revision as it was given."""
    return Path(name).resolve().name if Path(name).is_dir() else name


@contextmanager
def _run(name: str) -> Iterator[Path]:
    """A folder with a run's reports, for as long as it is needed."""
    if Path(name).is_dir():
        yield Path(name)
        return
    here = project.root()
    asked = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
    done = subprocess.run(asked, cwd=here, capture_output=True, text=True, check=False)
    if done.returncode:
        raise project.ProjectError(f"{name}: neither a folder nor a revision of {here}")
    revision = done.stdout.strip()
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        target = Path(folder)
        reports = project.option(here, "evaluate", "report").parent.relative_to(here).as_posix()
        for stage in (*NEEDED, *USEFUL):
            source = f"{reports}/{stage}"
            words = ["get", "--rev", revision, "-o", f"{target}/reports/{stage}", ".", source]
            (target / "reports").mkdir(exist_ok=True)
            try:
                project.output(here, "dvc", *words)
            except project.ProjectError as error:
                if stage in NEEDED:
                    raise project.ProjectError(
                        f"{name}: {source} of this revision is not in DVC's cache; a run is kept "
                        "by committing dvc.lock after it, and fetched by dvc pull"
                    ) from error
        params = subprocess.run(
            ["git", "show", f"{revision}:params.yaml"], cwd=here, capture_output=True, check=False
        )
        if params.returncode == 0:
            (target / "params.yaml").write_bytes(params.stdout)
        yield target


def _html(what: str, where: str) -> str:
    link = where.startswith(("http://", "https://"))
    shown = f'<a href="{escape(where)}">{escape(where)}</a>' if link else escape(where)
    return f"{escape(what)}: {shown}"
