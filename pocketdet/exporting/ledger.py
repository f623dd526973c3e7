"""The ledger of a conversion: one row a file, what was measured and whether it is enough."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.exporting.noise import Noise, worst
from pocketdet.exporting.parity import Agreement


@dataclass(frozen=True)
class Row:
    """What is known of one file.

    Attributes:
        variant: Name in the contract.
        file: File name.
        runtime: What ran it.
        status: "ok", "emulated", or "not run: REASON". Never "ok" for what did not run.
        size_mb: Of the file, MB (10^6 bytes).
        agreement: Against the trained net, or None if not run.
        ap: On the whole test subset, points of 100; None if not run on all of it.
        ap_drop: The net's AP minus this, points; negative if the file is better.
        ap_drop_max: What params.yaml allows; None if it sets no limit.
        partitions: Pieces of the graph that XNNPACK ran here; None where it does not apply.
        ap_drop_low: Lower end of the drop's interval over other pictures of the kind, by the paired
            bootstrap; None if it was not taken.
        ap_drop_high: Upper end.
        outside: Delegate -> (operation, layer) that it does not take.
    """

    variant: str
    file: str
    runtime: str
    status: str
    size_mb: float
    agreement: Agreement | None = None
    ap: float | None = None
    ap_drop: float | None = None
    ap_drop_max: float | None = None
    partitions: int | None = None
    outside: Mapping[str, Sequence[tuple[str, str]]] | None = None
    ap_drop_low: float | None = None
    ap_drop_high: float | None = None

    def flat(self) -> dict[str, Any]:
        """The row with one plain value a column."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        del values["agreement"], values["outside"]
        empty = dict.fromkeys(field.name for field in fields(Agreement))
        values |= asdict(self.agreement) if self.agreement else empty
        return {**values, "ops": self.ops}

    @property
    def ops(self) -> str:
        """What the delegates do not take, in words."""
        if self.outside is None:
            return ""
        words = []
        for delegate, operations in self.outside.items():
            kinds = [kind for kind, _ in operations]
            listed = ", ".join(f"{kind} x{kinds.count(kind)}" for kind in sorted(set(kinds)))
            words.append(f"{delegate}: {'not ' + listed if kinds else 'all'}")
        return "; ".join(words)


def size_mb(path: Path) -> float:
    """Size of a file, or of all files in a folder, MB (10^6 bytes)."""
    files = [file for file in (path, *path.rglob("*")) if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def failures(
    rows: Sequence[Row], max_lost: float, noisy: Mapping[str, Sequence[Noise]]
) -> Iterator[str]:
    """Why the files may not be shipped, one line each. What did not run is neither good nor bad.

    Args:
        rows: The ledger.
        max_lost: Share of the net's boxes that a file may miss or add.
        noisy: Variant -> the quantisation noise of its layers, for the message.
    """
    for row in rows:
        found = row.agreement
        if found is None:
            continue
        if found.tensor_max is not None and not np.isfinite(found.tensor_max):
            yield f"{row.variant}: outputs that are no numbers (NaN or infinite)"
        if found.lost > max_lost:
            yield (
                f"{row.variant}: {found.missing} of the net's {found.boxes} boxes missing and "
                f"{found.extra} added, a share of {found.lost:.3f}; at most {max_lost:g} allowed "
                "(verify.max_lost)" + _blame(row.variant, noisy)
            )
        if row.ap_drop_max is not None and (row.ap_drop is None or row.ap_drop > row.ap_drop_max):
            drop = "unknown" if row.ap_drop is None else f"{row.ap_drop:.2f} points"
            yield (
                f"{row.variant}: AP drop {drop}, at most {row.ap_drop_max:g} allowed "
                f"(verify.max_ap_drop.{row.variant})" + _blame(row.variant, noisy)
            )


def _blame(variant: str, noisy: Mapping[str, Sequence[Noise]]) -> str:
    """The layer that adds most noise; a file that suppresses holds the net of the one without."""
    layers = noisy.get(variant.removesuffix("_nms"))
    return f"; {worst(layers).text}" if layers else ""


def as_csv(rows: Sequence[Row]) -> str:
    """The ledger as CSV; a number that was not measured is empty."""
    text = io.StringIO()
    flat = [row.flat() for row in rows]
    writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _short(v) for k, v in row.items()} for row in flat)
    return text.getvalue()


def as_json(
    rows: Sequence[Row], net_ap: float | None, quantised: Mapping[str, Any] | None = None
) -> str:
    """The ledger as JSON, in its order, with the layers of operations outside of a delegate.

    Args:
        rows: The ledger.
        net_ap: The trained net's AP, points of 100.
        quantised: What was tried to quantise it, see `exporting.remedies`.
    """
    value = {
        "net_ap": net_ap,
        "int8": quantised,
        "files": {row.variant: {**row.flat(), "outside": row.outside} for row in rows},
    }
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


COLUMNS = (
    "variant", "status", "size_mb", "images", "tensor_max", "boxes", "missing", "extra", "iou_min",
    "score_max", "ap", "ap_drop", "ap_drop_low", "ap_drop_high", "ap_drop_max", "partitions",
)  # fmt: skip


def as_text(rows: Sequence[Row]) -> str:
    """The columns that matter most, aligned, for a terminal."""
    cells = [list(COLUMNS)]
    cells += [[_short(row.flat()[name]) or "-" for name in COLUMNS] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
