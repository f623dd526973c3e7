"""What nets really took on devices: a file of the project that people add to and Git keeps.

`pocketdet profile` adds a row from an Android phone (`android`) or Xcode's report (`iphone`). The
design stage holds a net that was timed to its budget by that number instead of an estimate, and
corrects a card on whose device any net was timed. The profile stage passes the shipped net's on to
the report and MLflow.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import BundleError, PocketdetError, broken_rules
from pocketdet.exporting.contract import Contract
from pocketdet.files import sha256, write_text

FILES = {"cpu": "int8", "gpu": "fp16"}
"""Unit of a card: the file that an estimate of it is about (see `pocketdet.design.latency`)."""


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MeasurementError(PocketdetError):
    """A device or report that says nothing, or a file that holds no measurements."""


@dataclass(frozen=True)
class Times:
    """A file on a device.

    Attributes:
        device: Its own name and system.
        unit: What ran it: cpu or gpu; of Core ML also all or cpu_and_neural_engine, which leave the
            choice to the system.
        mean_ms: Of the runs, net alone.
        min_ms: Fastest run.
        max_ms: Slowest run.
        std_ms: Standard deviation of the runs.
        runs: How many.
        start_ms: Until the file is ready to run.
        memory_mb: Footprint of all of it, about; None where the tool does not say.
    """

    device: str
    unit: str
    mean_ms: Positive
    min_ms: Positive
    max_ms: Positive
    std_ms: float
    runs: int
    start_ms: float | None
    memory_mb: float | None


@dataclass(frozen=True)
class Measurement:
    """Times, and what they are of.

    Attributes:
        card: Name of the device card.
        variant: See `pocketdet.exporting.variants`.
        sha256: Of the file.
        net: That it was converted from.
        times: What was measured.
    """

    card: str
    variant: str
    sha256: str
    net: NetSpec
    times: Times

    @property
    def text(self) -> str:
        """Of what file, where."""
        return f"{self.variant} on {self.times.device}, {self.times.unit}"


def read(path: Path) -> list[Measurement]:
    """All that were added.

    Raises:
        MeasurementError: The file is missing or holds something else.
    """
    try:
        return TypeAdapter(list[Measurement]).validate_json(path.read_bytes())
    except FileNotFoundError:
        raise MeasurementError(f"{path}: not found; write [] to it: nothing measured yet") from None
    except ValidationError as error:
        raise MeasurementError(
            f"{path}: no list of measurements ({broken_rules(error)[0]}); restore it from Git"
        ) from None


def add(path: Path, row: Measurement) -> None:
    """Add a row; it takes the place of one of the same card, variant, net and unit.

    Raises:
        MeasurementError: As `read`, but a missing file is made.
    """
    kept = [old for old in read(path) if _subject(old) != _subject(row)] if path.exists() else []
    rows = sorted([*kept, row], key=lambda one: json.dumps(asdict(one), sort_keys=True))
    text = json.dumps([asdict(one) for one in rows], indent=1, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def _subject(row: Measurement) -> tuple[object, ...]:
    return row.card, row.variant, row.net, row.times.unit


def identify(file: Path) -> tuple[str, NetSpec]:
    """The variant that a converted file is, and its net, by the contract beside it.

    Raises:
        BundleError: There is no contract, or it does not name the file.
    """
    contract = Contract.load(file.parent / "contract.json")
    for variant in contract.variants:
        if variant.file == file.name and file.exists():
            return variant.name, contract.net
    names = ", ".join(variant.file for variant in contract.variants)
    raise BundleError(f"{file}: not one of the files that contract.json beside it names: {names}")


def fastest(rows: Iterable[Measurement]) -> Measurement | None:
    """The one that an app would choose."""
    return min(rows, key=lambda row: row.times.mean_ms, default=None)


def digest(path: Path) -> str:
    """The sha256 of a file; of a folder, of its files' names and hashes."""
    if path.is_file():
        return sha256(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
