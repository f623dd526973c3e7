"""Where a project is, and what its dvc.yaml says of paths; for the command line."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pocketdet.errors import ParamsError, PocketdetError

if TYPE_CHECKING:
    from pydantic import BaseModel

Checked = TypeVar("Checked", bound="BaseModel")


class ProjectError(PocketdetError):
    """The command needs a project, or the project does not say what the command needs."""


def root(start: Path | None = None) -> Path:
    """The folder of the nearest dvc.yaml at or above `start`, by default the current folder.

    Raises:
        ProjectError: There is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file() and (folder / "params.yaml").is_file():
            return folder
    raise ProjectError(
        f"no project here: neither {here} nor a folder above it holds dvc.yaml and params.yaml; "
        "go to your clone of the project"
    )


def option(project: Path, stage: str, name: str) -> Path:
    """The path that a stage's command in dvc.yaml gets as `--name`.

    Raises:
        ProjectError: The file is broken, or the stage has no such option.
    """
    import yaml

    path = project / "dvc.yaml"
    names: dict[str, Any] = {}
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        for group in raw.get("vars", []):
            names |= group
        words = str(raw.get("stages", {}).get(stage, {}).get("cmd", "")).split()
    except (yaml.YAMLError, ValueError, AttributeError, TypeError) as error:
        raise ProjectError(
            f"{path}: cannot be read ({error}); restore it: git checkout dvc.yaml"
        ) from None
    if f"--{name}" not in words[:-1]:
        raise ProjectError(f"{path}: the command of stage {stage} has no --{name}")
    text = words[words.index(f"--{name}") + 1]
    return project / re.sub(r"\$\{([\w.]+)\}", lambda match: _path(names, match[1]), text)


def _path(names: dict[str, Any], dotted: str) -> str:
    found: Any = names
    for part in dotted.split("."):
        found = found[part]
    return str(found)


def value(project: Path, section: str) -> Any:
    """What params.yaml holds under a name, unchecked.

    Raises:
        ParamsError: The file is broken.
    """
    from pocketdet.params_file import read

    return read(project / "params.yaml").get(section)


def section(project: Path, name: str, kind: type[Checked]) -> Checked:
    """A section of params.yaml, checked.

    Raises:
        ParamsError: The file is broken, or the section breaks a rule.
    """
    from pydantic import ValidationError

    from pocketdet.params_file import mistakes

    try:
        return kind.model_validate(value(project, name))
    except ValidationError as error:
        lines = "\n".join(mistakes(error, kind))
        raise ParamsError(f"{project / 'params.yaml'}: {name}:\n{lines}") from error


def call(project: Path, module: str, *arguments: str) -> int:
    """Run a Python module in the project's folder with this interpreter; its exit status."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=project, env=environment(), check=False
    ).returncode


def output(project: Path, module: str, *arguments: str) -> str:
    """What a Python module prints when run in the project's folder.

    Raises:
        ProjectError: It fails; the message holds what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise ProjectError(f"{module} {' '.join(arguments)}: {said}")
    return done.stdout


def environment() -> dict[str, str]:
    """The environment in which `python` is this interpreter, as dvc.yaml's commands expect."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}
