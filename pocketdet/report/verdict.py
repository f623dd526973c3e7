"""Pass or fail: what was promised, what was measured, line by line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pocketdet.config import Budget
from pocketdet.report.facts import Facts

State = Literal["pass", "fail", "not run"]


@dataclass(frozen=True)
class Line:
    """One promise.

    Attributes:
        name: What is measured.
        limit: The promise.
        measured: What came out; None if it was not measured.
        unit: Of both, or "".
        at_most: Whether the limit is an upper one.
        note: How it was measured, or why it was not.
    """

    name: str
    limit: float
    measured: float | None
    unit: str = ""
    at_most: bool = True
    note: str = ""

    @property
    def state(self) -> State:
        """Pass, fail or not run; a number that is missing never passes."""
        if self.measured is None:
            return "not run"
        kept = self.measured <= self.limit if self.at_most else self.measured >= self.limit
        return "pass" if kept else "fail"

    @property
    def share(self) -> float | None:
        """How much of an upper limit is used up or, of a lower one, is reached, 0..1."""
        if self.measured is None or math.isnan(self.measured):
            return None
        share = self.measured / self.limit if self.limit else float(self.measured > 0)
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Verdict:
    """All promises."""

    lines: tuple[Line, ...]

    @property
    def word(self) -> Literal["PASS", "FAIL", "INCOMPLETE"]:
        """FAIL if a promise is broken, INCOMPLETE if one was not measured, else PASS."""
        states = {line.state for line in self.lines}
        if "fail" in states:
            return "FAIL"
        return "INCOMPLETE" if "not run" in states or not states else "PASS"

    def as_json(self) -> dict[str, Any]:
        """For stats.json."""
        rows = [
            {
                "name": line.name,
                "limit": line.limit,
                "measured": line.measured,
                "unit": line.unit,
                "at_most": line.at_most,
                "state": line.state,
                "note": line.note,
            }
            for line in self.lines
        ]
        return {"verdict": self.word, "lines": rows}

    def text(self) -> Sequence[str]:
        """Lines for a terminal."""
        return [
            f"{line.state.upper():8} {line.name}: "
            + ("not run" if line.measured is None else f"{line.measured:.4g} {line.unit}".strip())
            + f" (limit {'<=' if line.at_most else '>='} {line.limit:g})"
            for line in self.lines
        ]


def judge(facts: Facts, budget: Budget, min_ap50: float) -> Verdict:
    """Hold what was measured against the promises of params.yaml.

    Args:
        facts: What the stages wrote down.
        budget: What the phone grants, for the int8 file.
        min_ap50: AP50 of the first class on test, at least, 0..1.
    """
    first = str(facts.net["classes"][0]) if facts.net else "first class"
    test = (facts.metrics or {}).get("test", {})
    images = (facts.notes or {}).get("subsets", {}).get("test", {}).get("images", 0)
    reason = (facts.notes or {}).get("undefined", {}).get("test", {}).get(f"{first} AP50", "")
    int8 = (facts.profile or {}).get("files", {}).get("int8", {})
    latency = (facts.design or {}).get("latency", {})
    device = (facts.design or {}).get("card", {}).get("title", "the device")
    band = "{basis}, {low_ms:.3g} to {high_ms:.3g} ms"
    lines = [
        Line(
            f"AP50 of {first}",
            min_ap50,
            test.get(f"{first}_AP50"),
            at_most=False,
            note=reason or f"trained net, {images} test pictures",
        ),
        Line("Model file", budget.model_mb, int8.get("size_mb"), "MB", note="int8"),
        Line("Multiply-accumulates", budget.mmac, int8.get("mmac"), "M", note="int8"),
        Line("Peak activations", budget.peak_mb, int8.get("peak_activation_mb"), "MB", note="int8"),
        Line(
            f"Latency on {device}",
            budget.latency_ms,
            latency.get("ms"),
            "ms",
            note=band.format(**latency) if latency else "",
        ),
    ]
    if facts.ledger is None:
        lines.append(Line("AP lost by the converted files", 0, None, "points"))
    for name, row in (facts.ledger or {}).get("files", {}).items():
        if row["ap_drop_max"] is not None:
            lines.append(
                Line(
                    f"AP lost by {name}",
                    row["ap_drop_max"],
                    row["ap_drop"],
                    "points",
                    note=f"{row['runtime']} against the trained net, {row['status']}",
                )
            )
    return Verdict(tuple(lines))
