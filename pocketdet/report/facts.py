"""What the stages wrote down, gathered for the page and the bundle; None where one did not run."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pocketdet.errors import PocketdetError
from pocketdet.preprocess import RESIZE

Value = TypeVar("Value")
Row = dict[str, str]


@dataclass(frozen=True)
class Facts:
    """Results of the stages, as their files hold them.

    Attributes:
        validation: reports/validate/summary.json.
        subsets: data/subsets/subsets.json.
        design: reports/design/design.json.
        costs: reports/design/costs.csv.
        candidates: reports/design/candidates.csv.
        net: models/design/net.json.
        preprocessing: models/design/preprocessing.json.
        recipe: reports/augment/recipe.json.
        history: reports/train/history.csv.
        training: reports/train/summary.json.
        metrics: reports/evaluate/metrics.json.
        notes: reports/evaluate/notes.json.
        per_class: reports/evaluate/per_class.csv.
        slices: reports/evaluate/slices.csv.
        errors: reports/evaluate/errors.csv.
        confusion: reports/evaluate/confusion.csv.
        reliability: reports/evaluate/reliability.csv.
        curves: reports/evaluate/precision_recall_per_class.csv.
        point: models/operating_point.json.
        ledger: reports/verify/ledger.json.
        profile: reports/profile/profile.json.
    """

    validation: dict[str, Any] | None
    subsets: dict[str, Any] | None
    design: dict[str, Any] | None
    costs: list[Row] | None
    candidates: list[Row] | None
    net: dict[str, Any] | None
    preprocessing: dict[str, Any] | None
    recipe: dict[str, Any] | None
    history: list[Row] | None
    training: dict[str, Any] | None
    metrics: dict[str, Any] | None
    notes: dict[str, Any] | None
    per_class: list[Row] | None
    slices: list[Row] | None
    errors: list[Row] | None
    confusion: list[Row] | None
    reliability: list[Row] | None
    curves: list[Row] | None
    point: dict[str, Any] | None
    ledger: dict[str, Any] | None
    profile: dict[str, Any] | None

    @property
    def resize(self) -> str:
        """How a photo comes to the input's size, in words."""
        return RESIZE[self.preprocessing["resize"]][0] if self.preprocessing else "unknown"

    @property
    def device_ms(self) -> dict[str, dict[str, float]]:
        """What the shipped net took on devices, ms: card, then file and unit."""
        found: dict[str, dict[str, float]] = {}
        for row in (self.profile or {}).get("measured", []):
            found.setdefault(row["card"], {})[f"{row['variant']} {row['unit']} ms"] = row["mean_ms"]
        return found


def read(reports: Path, subsets: Path, design: Path, point: Path) -> Facts:
    """Gather the results of all stages.

    Args:
        reports: Folder with a folder of each stage.
        subsets: Folder of the subsets.
        design: Folder of the design.
        point: File of the operating point.

    Raises:
        PocketdetError: A file is there but is not JSON or CSV.
    """
    return Facts(
        validation=_read(reports / "validate/summary.json", json.loads),
        subsets=_read(subsets / "subsets.json", json.loads),
        design=_read(reports / "design/design.json", json.loads),
        costs=_read(reports / "design/costs.csv", _rows),
        candidates=_read(reports / "design/candidates.csv", _rows),
        net=_read(design / "net.json", json.loads),
        preprocessing=_read(design / "preprocessing.json", json.loads),
        recipe=_read(reports / "augment/recipe.json", json.loads),
        history=_read(reports / "train/history.csv", _rows),
        training=_read(reports / "train/summary.json", json.loads),
        metrics=_read(reports / "evaluate/metrics.json", json.loads),
        notes=_read(reports / "evaluate/notes.json", json.loads),
        per_class=_read(reports / "evaluate/per_class.csv", _rows),
        slices=_read(reports / "evaluate/slices.csv", _rows),
        errors=_read(reports / "evaluate/errors.csv", _rows),
        confusion=_read(reports / "evaluate/confusion.csv", _rows),
        reliability=_read(reports / "evaluate/reliability.csv", _rows),
        curves=_read(reports / "evaluate/precision_recall_per_class.csv", _rows),
        point=_read(point, json.loads),
        ledger=_read(reports / "verify/ledger.json", json.loads),
        profile=_read(reports / "profile/profile.json", json.loads),
    )


def _read(path: Path, parse: Callable[[str], Value]) -> Value | None:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, csv.Error) as error:
        raise PocketdetError(f"{path}: cannot be read ({error}); run its stage again") from error


def _rows(text: str) -> list[Row]:
    return list(csv.DictReader(text.splitlines()))
