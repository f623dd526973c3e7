"""Checks that a bundle is the one that a project's records name; behind `verify --against`.

    python -m tasks.identity BUNDLE        in the project's folder

A bundle's own manifest tells of accidents alone: whoever alters a file can write a new one. Here
the hashes are the project's. The chain: the bundle's bytes = dvc.lock's hash of `package`'s output;
that dvc.lock is in a git commit; the training subsets of the bundle = those of the project; its
weights = those of an MLflow run. Exit status 1 if a link is broken or there is no dvc.lock to hold
the bundle against, 0 if all that could be checked holds.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from pocketdet.delivery import bundle as bundles
from pocketdet.delivery.bundle import Bundle
from pocketdet.errors import PocketdetError
from tasks import tags
from tasks.stage import say
from tasks.store import Store, TrackingError, answering

Link = tuple[str, bool | None, str]  # what, whether it holds (None: cannot be told), in words


def links(opened: Bundle, project: Path) -> Iterator[Link]:
    """The links of the chain, one after the other."""
    rows = dvc_rows(opened)
    found = dvc_hash(rows)
    lock = project / "dvc.lock"
    text = lock.read_text(encoding="utf-8") if lock.exists() else ""
    if not text:
        yield "dvc.lock", False, f"no {lock}: nothing has run here that could have made the bundle"
    else:
        outs = yaml.safe_load(text)["stages"].get("package", {}).get("outs", [])
        named = [out["md5"] for out in outs if "bundle" in out["path"]]
        note = f"package wrote {named[0] if named else 'nothing'}, this is {found}"
        if named and found != named[0]:
            note += _altered(rows, project, named[0])
        yield "dvc.lock", found in named, note
    commit = _commit(project, found)
    yield (
        "git",
        None if commit is None else bool(commit),
        (
            "git is not there"
            if commit is None
            else commit or "no commit's dvc.lock names this bundle; commit dvc.lock after a run"
        ),
    )
    subsets = _outputs(project).get("subsets")
    stated = opened.json("stats.json").get("subsets")
    if subsets is None or not (project / subsets / "subsets.json").exists():
        yield "data", None, "the project's subsets are not checked out"
    else:
        own = json.loads((project / subsets / "subsets.json").read_text(encoding="utf-8"))
        same = {n: row["sha256"] for n, row in own.items()} == {
            n: row["sha256"] for n, row in (stated or {}).items()
        }
        yield "data", same, "sha256 of the subsets' lists"
    weights = hashlib.sha256(opened.files.get("weights.safetensors", b"")).hexdigest()
    try:
        store = Store.open()
        with answering():
            runs = [run.info.run_id for run in store.runs_with(tags.WEIGHTS, weights)]
    except TrackingError as error:
        yield "MLflow", None, str(error)
    else:
        yield "MLflow", bool(runs), ", ".join(runs) or f"no run has weights {weights[:12]}"


def dvc_rows(opened: Bundle) -> list[dict[str, str]]:
    """DVC's list of `package`'s output: its files and their md5, sorted."""
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        root = Path(folder)
        bundles.write(root, opened.name, opened.files)
        rows = [
            {
                "md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
                "relpath": path.relative_to(root).as_posix(),
            }
            for path in root.rglob("*")
            if path.is_file()
        ]
    return sorted(rows, key=lambda row: row["relpath"])


def dvc_hash(rows: list[dict[str, str]]) -> str:
    """DVC's hash of a folder: md5 of that list."""
    listed = json.dumps(rows, sort_keys=True).encode()
    return hashlib.md5(listed, usedforsecurity=False).hexdigest() + ".dir"


def _altered(rows: list[dict[str, str]], project: Path, named: str) -> str:
    """Which files differ from those that package wrote, if DVC's cache still has their list."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "cache", "dir"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    listed = project / done.stdout.strip() / "files/md5" / named[:2] / named[2:]
    if done.returncode or not listed.is_file():
        return ""
    written = {(row["relpath"], row["md5"]) for row in json.loads(listed.read_bytes())}
    differ = {row["relpath"] for row in rows if (row["relpath"], row["md5"]) not in written}
    differ |= {name for name, _ in written} - {row["relpath"] for row in rows}
    return "; other bytes: " + ", ".join(sorted(differ))


def _commit(project: Path, found: str) -> str | None:
    """The commit that brought a dvc.lock with this hash; "" for none, None without git."""
    try:
        done = subprocess.run(
            ["git", "log", "-1", "--format=%H", f"-S{found}", "--", "dvc.lock"],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _outputs(project: Path) -> dict[str, str]:
    """The paths of dvc.yaml's variables by name."""
    raw = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))
    groups = [group for entry in raw.get("vars", []) for group in entry.values()]
    return {k: v for group in groups if isinstance(group, dict) for k, v in group.items()}


def main(arguments: list[str]) -> int:
    """Print the chain."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tasks.identity BUNDLE\n")
        return 2
    try:
        chain = list(links(bundles.open(Path(arguments[0])), Path.cwd()))
    except PocketdetError as error:
        sys.stderr.write(f"identity: {error}\n")
        return 1
    words = {True: "ok", False: "BROKEN", None: "not checked"}
    for what, holds, note in chain:
        say(f"{what:10} {words[holds]:12} {note}")
    return int(any(holds is False for _, holds, _ in chain))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
