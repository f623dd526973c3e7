"""Clean clones: runs of committed code, data and overrides that nobody's checkout notices.

A clone lies in `.pocketdet/clones/NAME` of the project, uses the project's DVC cache by links, its
MLflow store and its spool, and gives its results back as the branch `runs/NAME`.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows import dag
from pocketdet import params_file
from pocketdet.config import Params
from pocketdet.errors import ParamsError, PocketdetError
from tasks import params, spool, store

KEEP = 5  # clones, newest first: links into the cache, so they cost little


class CloneError(PocketdetError):
    """The project cannot be cloned, or a clone cannot give its results back."""


@dataclass(frozen=True)
class Clone:
    """A clean clone.

    Attributes:
        root: Its folder.
        origin: The project that it was cloned from.
        branch: The branch of its results, `runs/NAME`.
        start: The commit that was cloned.
    """

    root: Path
    origin: Path
    branch: str
    start: str

    @property
    def env(self) -> dict[str, str]:
        """Variables by which stages record in the origin's MLflow store and spool."""
        return {
            "POCKETDET_STATE": str(spool.state(self.origin)),
            "MLFLOW_TRACKING_URI": store.tracking_uri(self.origin),
        }

    def override(self, overrides: Sequence[str], message: str) -> None:
        """Write `train.epochs=3` and the like into params.yaml and commit it.

        Raises:
            ParamsError: A key does not exist or a value breaks its rule.
            CloneError: Git refuses.
        """
        path = self.root / "params.yaml"
        edit(path, overrides)
        params.load(path)
        self._commit(message)  # now, so that MLflow's tags name a commit with these params

    def publish(self, message: str) -> bool:
        """Commit what changed and push all commits to the origin; False if there is nothing new.

        Raises:
            CloneError: Git refuses.
        """
        self._commit(message)
        if not git(self.root, "log", "--format=%h", f"{self.start}..HEAD"):
            return False
        git(self.root, "push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}")
        return True

    def _commit(self, message: str) -> None:
        git(self.root, "add", "--all")
        if git(self.root, "status", "--porcelain"):
            # The user's own name if Git knows it.
            known = git(self.root, "config", "--get", "--default", "", "user.email")
            name = (
                [] if known else ["-c", "user.name=pocketdet", "-c", "user.email=pocketdet@local"]
            )
            git(self.root, *name, "commit", "--quiet", "--no-verify", "--message", message)


@contextmanager
def clone(origin: Path, name: str) -> Iterator[Clone]:
    """Clone the committed state of a project, for as long as the context lasts safe from pruning.

    Raises:
        CloneError: The project is not the top folder of a Git repository with a commit.
    """
    if not (origin / ".git").exists():
        raise CloneError(f"{origin}: not the top folder of a Git repository; git init and commit")
    parent = spool.state(origin) / "clones"
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        root = parent / name
        shutil.rmtree(root, ignore_errors=True)
        git(origin, "clone", "--quiet", str(origin), str(root))
        branch = f"runs/{name}"
        git(root, "checkout", "--quiet", "-b", branch)
        settings = origin / ".dvc" / "config.local"  # access to remotes
        if settings.exists():
            shutil.copyfile(settings, root / ".dvc" / "config.local")
        dag.share_cache(root, dag.cache(origin))
        dag.check_out(root)
        _prune(parent)
        yield Clone(root, origin, branch, git(root, "rev-parse", "HEAD"))


def uncommitted(origin: Path) -> list[str]:
    """Tracked files that differ from the last commit, which a clone will not see."""
    listing = git(origin, "status", "--porcelain", "--untracked-files=no")
    return [line.split(maxsplit=1)[1] for line in listing.splitlines()]


def overridden(origin: Path, overrides: Sequence[str]) -> Params:
    """What the last commit's params become by overrides; nothing is written.

    Raises:
        ParamsError: A key does not exist or a value breaks its rule.
        CloneError: There is no commit.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(git(origin, "show", "HEAD:params.yaml") + "\n", encoding="utf-8")
        try:
            edit(path, overrides)
            return params.load(path)
        except ParamsError as error:
            raise ParamsError(str(error).replace(str(path), "params.yaml, as committed")) from None


def edit(path: Path, overrides: Sequence[str]) -> None:
    """Set dotted keys of a YAML file, all or none.

    Args:
        path: The file.
        overrides: `key.key=value`, the value in YAML: `3`, `0.5`, `[224, 160]`, `street`.

    Raises:
        ParamsError: Not of that form, or of a section that does not exist.
    """
    params_file.read(path)  # for its messages
    writer = YAML()
    writer.preserve_quotes = True
    writer.width = 4096
    document = writer.load(path.read_text(encoding="utf-8"))
    for override in overrides:
        dotted, equals, text = override.partition("=")
        *sections, key = dotted.strip().split(".")
        target = document
        for section in sections:
            target = target.get(section) if isinstance(target, dict) else None
        if not equals or not isinstance(target, dict):
            raise ParamsError(f"{override!r}: expected KEY=VALUE, as train.epochs=3")
        try:
            target[key] = YAML().load(text)  # which keeps `[4, 5]` on one line
        except YAMLError as error:
            raise ParamsError(f"{override!r}: the value is not YAML: {error}") from error
    with path.open("w", encoding="utf-8") as file:
        writer.dump(document, file)


def git(folder: Path, *arguments: str) -> str:
    """Git's answer.

    Raises:
        CloneError: It failed.
    """
    # Inside a hook Git sets these to the repository of the hook.
    env = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CloneError(f"git {arguments[0]} in {folder}: {done.stderr.strip()}")
    return done.stdout.rstrip()


def _prune(parent: Path) -> None:
    """Delete all but the newest clones, without touching one in use."""
    clones = sorted(
        (path for path in parent.iterdir() if path.is_dir()),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for old in clones[KEEP:]:
        with (parent / f"{old.name}.lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(old)
            (parent / f"{old.name}.lock").unlink()
