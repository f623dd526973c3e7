"""The chain from a bundle to dvc.lock, git and MLflow, each link whole and broken."""

import hashlib
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from pocketdet.delivery import bundle
from tasks import identity

SUBSETS = {"train": {"images": 2, "sha256": "ab"}, "test": {"images": 1, "sha256": "cd"}}
FILES = {
    "arch.json": b"{}", "contract.json": b"{}", "labels.txt": b"a\n", "params.json": b"{}",
    "stats.json": bundle.dump({"subsets": SUBSETS}), "weights.safetensors": b"weights",
}  # fmt: skip
# What DVC 3.67 wrote for a folder of one.txt "1\n" and a/two.txt "2\n", seen in its cache.
LISTED = (
    b'[{"md5": "26ab0db90d72e28ad0ba1e22ee510510", "relpath": "a/two.txt"}, '
    b'{"md5": "b026324c6904b2a9cb4b88d6d61c81d1", "relpath": "one.txt"}]'
)


def git(folder: Path, *arguments: str) -> None:
    identity_ = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(["git", *identity_, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose dvc.lock, subsets and MLflow name the bundle."""
    folder = tmp_path / "project"
    (folder / "data/subsets").mkdir(parents=True)
    (folder / "data/subsets/subsets.json").write_text(json.dumps(SUBSETS))
    (folder / "dvc.yaml").write_text("vars:\n  - data: {subsets: data/subsets}\nstages: {}\n")
    rows = identity.dvc_rows(opened())
    md5 = identity.dvc_hash(rows)
    listed = folder / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    listed.parent.mkdir(parents=True)
    listed.write_text(json.dumps(rows))
    (folder / ".dvc/config").touch()
    (folder / "dvc.lock").write_text(
        "stages:\n  package:\n    outs:\n    - path: models/bundle\n"
        f"      md5: {md5}\n      nfiles: 8\n"
    )
    git(folder, "init", "-q")
    git(folder, "add", "dvc.lock")
    git(folder, "commit", "-qm", "run")
    weights = hashlib.sha256(b"weights").hexdigest()
    run = SimpleNamespace(info=SimpleNamespace(run_id="run-1"))
    store = SimpleNamespace(runs_with=lambda tag, value: [run] if value == weights else [])
    monkeypatch.setattr(identity.Store, "open", lambda: store)
    return folder


def opened(**other: bytes) -> bundle.Bundle:
    return bundle.Bundle("tiny", {**FILES, **other})


def states(found: bundle.Bundle, project: Path) -> dict[str, bool | None]:
    return {what: holds for what, holds, _ in identity.links(found, project)}


def test_a_whole_chain(project: Path) -> None:
    assert states(opened(), project) == {
        "dvc.lock": True, "git": True, "data": True, "MLflow": True
    }  # fmt: skip


def test_another_byte_breaks_the_lock_and_git(project: Path) -> None:
    """A forger who writes a new manifest passes `verify`, but not against the project."""
    forged = opened(**{"labels.txt": b"b\n"})
    assert bundle.open(bundle.write(project, "tiny", forged.files)[0]).files == forged.files
    found = states(forged, project)
    assert found == {"dvc.lock": False, "git": False, "data": True, "MLflow": True}
    (note,) = (note for what, _, note in identity.links(forged, project) if what == "dvc.lock")
    assert note.endswith("; other bytes: tiny.zip, tiny/labels.txt, tiny/manifest.json")


def test_other_weights_and_data_are_told(project: Path) -> None:
    other = bundle.dump({"subsets": {"train": {"images": 2, "sha256": "xx"}}})
    found = states(opened(**{"weights.safetensors": b"w", "stats.json": other}), project)
    assert (found["data"], found["MLflow"]) == (False, False)


def test_what_is_not_there_is_not_checked(project: Path) -> None:
    (project / "dvc.lock").unlink()
    (project / "data/subsets/subsets.json").unlink()
    found = states(opened(), project)
    assert found["dvc.lock"] is False, "a bundle that no record names has not passed"
    assert found["data"] is None


def test_the_hash_is_dvcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(root: Path, name: str, files: dict[str, bytes]) -> None:
        (root / "a").mkdir()
        (root / "one.txt").write_bytes(b"1\n")
        (root / "a/two.txt").write_bytes(b"2\n")

    monkeypatch.setattr(identity.bundles, "write", write)
    expected = hashlib.md5(LISTED, usedforsecurity=False).hexdigest() + ".dir"
    assert identity.dvc_hash(identity.dvc_rows(opened())) == expected
