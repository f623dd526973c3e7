"""Records of what came out, on disk first: finishing a stage needs no tracking server.

A record is a folder `.pocketdet/spool/KIND-KEY`: `record.json` (parameters, data set hashes, tags,
final metrics), `epochs.jsonl` (one line an epoch, written as it ends), `end.json` (a training that
ended) and `artifacts/`. `tasks.tracking` uploads it and then deletes it. Where a result went is
kept in `.pocketdet/runs`, so that the MLflow run of a file can be named without asking MLflow.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from pocketdet.errors import PocketdetError, broken_rules
from pocketdet.files import sha256

Kind = Literal["training", "result"]
Value = TypeVar("Value")
Epoch = tuple[int, int, dict[str, float]]  # epoch, milliseconds since 1970, metrics


class SpoolError(PocketdetError):
    """A record that cannot be read back."""


@dataclass(frozen=True)
class _Epoch:
    epoch: int
    ms: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class _End:
    weights: str
    ms: int


def root() -> Path:
    """The project's folder; for an experiment that DVC runs in a copy, the original's."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if folder.name == "exps" and folder.parent.name == "tmp":
            return folder.parents[2]  # PROJECT/.dvc/tmp/exps
    return here


def state(project: Path | None = None) -> Path:
    """The folder of what belongs to this machine; a clean clone uses its origin's."""
    return Path(os.environ.get("POCKETDET_STATE") or (project or root()) / ".pocketdet")


@dataclass(frozen=True)
class Record:
    """What one training, or one result of the pipeline, has to say about itself.

    Attributes:
        kind: "training" or "result".
        key: Content hash of what it was made from.
        created_ms: Milliseconds since 1970; the time of every final metric.
        params: Dotted key of params.yaml to value.
        inputs: Name of a data set or subset to its sha256.
        tags: Anything else that is short.
        metrics: Final numbers.
        weights: sha256 of the weights that a result is about.
        files: Name of each artifact to its sha256.
    """

    kind: Kind
    key: str
    created_ms: int
    params: dict[str, str]
    inputs: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float] = field(default_factory=dict)
    weights: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where it waits for its upload."""
        return state() / "spool" / f"{self.kind}-{self.key[:32]}"

    def save(self, artifacts: Mapping[str, Path] | None = None) -> "Record":
        """Write it whole or not at all; one that is there already, with its times, stays.

        Args:
            artifacts: Name inside the record, with "/" as separator, to a file or folder to copy.

        Returns:
            The record on disk.
        """
        if (self.folder / "record.json").exists():
            return load(self.folder)
        partial = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, path in (artifacts or {}).items():
            target = partial / "artifacts" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                shutil.copyfile(path, target)
        write_json(partial / "record.json", asdict(self))
        shutil.rmtree(self.folder, ignore_errors=True)
        partial.rename(self.folder)
        return self

    def add_epoch(self, epoch: int, metrics: Mapping[str, float]) -> int | None:
        """Append an epoch's metrics; the time they got, or None if this epoch is there already.

        A training that carries on from its checkpoint repeats the epochs after it, with the same
        numbers.
        """
        if any(epoch == known for known, _, _ in self.epochs()):
            return None
        now = now_ms()
        line = json.dumps({"epoch": epoch, "ms": now, "metrics": dict(metrics)})
        path = self.folder / "epochs.jsonl"
        whole = path.read_bytes() if path.exists() else b""
        with path.open("ab") as file:
            file.truncate(whole.rfind(b"\n") + 1)  # a last line without its end was cut by a kill
            file.write(line.encode() + b"\n")
        return now

    def epochs(self) -> Iterator[Epoch]:
        """Every epoch on disk.

        Raises:
            SpoolError: A line is broken.
        """
        path = self.folder / "epochs.jsonl"
        if not path.exists():
            return
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                row = _checked(_Epoch, path, line)
                yield row.epoch, row.ms, row.metrics

    def end(self, weights: str) -> None:
        """Note that the training ended, and with which weights (sha256)."""
        write_json(self.folder / "end.json", {"weights": weights, "ms": now_ms()})

    def ended(self) -> tuple[str, int] | None:
        """(sha256 of the weights, milliseconds) of a training that ended.

        Raises:
            SpoolError: The note of its end is broken.
        """
        path = self.folder / "end.json"
        if not path.exists():
            return None
        end = _checked(_End, path, path.read_bytes())
        return end.weights, end.ms

    def remove(self) -> None:
        """Forget it: it has been uploaded."""
        shutil.rmtree(self.folder)


@dataclass(frozen=True)
class RunLink:
    """Where a result was recorded.

    Attributes:
        uri: The tracking server or database.
        experiment: MLflow's experiment id.
        run: MLflow's run id.
        files: Name of each artifact to its sha256.
    """

    uri: str
    experiment: str
    run: str
    files: dict[str, str]

    @property
    def url(self) -> str | None:
        """The page of the run, if the store is a server."""
        page = f"/#/experiments/{self.experiment}/runs/{self.run}"
        return self.uri.rstrip("/") + page if self.uri.startswith("http") else None

    def save(self, key: str) -> None:
        """Remember it under the result's key."""
        path = state() / "runs" / f"{key[:32]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, asdict(self))


def run_of(file: Path, project: Path | None = None) -> RunLink | None:
    """The MLflow run that holds a file as it is now, if it was recorded on this machine.

    Raises:
        SpoolError: A note of where a result went is broken.
    """
    if not file.is_file():
        return None
    digest = sha256(file)
    for path in sorted((state(project) / "runs").glob("*.json")):
        link = _checked(RunLink, path, path.read_bytes(), "delete it; MLflow keeps the run")
        if digest in link.files.values():
            return link
    return None


def load(folder: Path) -> Record:
    """Read a record back.

    Raises:
        SpoolError: It is broken.
    """
    path = folder / "record.json"
    return _checked(Record, path, path.read_bytes())


def _checked(kind: type[Value], path: Path, text: bytes, remedy: str = "") -> Value:
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        aside = f"move the folder {path.parent} out of the spool, and the others can be uploaded"
        why = broken_rules(error)[0]
        raise SpoolError(f"{path}: broken record ({why}); {remedy or aside}") from error


def waiting() -> list[Record]:
    """All records not uploaded yet: trainings before the results that refer to them."""
    folders = sorted((state() / "spool").glob("*-*/record.json"))
    return sorted(
        (load(path.parent) for path in folders if not path.parent.name.startswith(".")),
        key=lambda record: (record.kind != "training", record.created_ms, record.key),
    )


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process of this machine at a time past."""
    import fcntl

    path = state() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def hash_files(artifacts: Mapping[str, Path]) -> dict[str, str]:
    """Name of every file in them, folders opened, to its sha256."""
    files = {}
    for name, path in artifacts.items():
        if path.is_dir():
            for inner in sorted(p for p in path.rglob("*") if p.is_file()):
                files[f"{name}/{inner.relative_to(path).as_posix()}"] = sha256(inner)
        else:
            files[name] = sha256(path)
    return dict(sorted(files.items()))


def key_of(*parts: object) -> str:
    """The sha256 of values that JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def write_json(path: Path, value: object) -> None:
    """Write whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
