"""Does a net fit its budget? Asked before training, where the answer still saves a day."""

from collections.abc import Sequence
from dataclasses import dataclass

from pocketdet.config import Budget
from pocketdet.design.costs import Totals
from pocketdet.design.latency import Latency
from pocketdet.devices.cards import Card

WITHIN, OVER = "within budget", "over budget"


@dataclass(frozen=True)
class Line:
    """One limit.

    Attributes:
        name: As in params.yaml, or of the device card.
        found: What the net takes.
        limit: What it may take.
        unit: Of both.
        note: How sure `found` is.
    """

    name: str
    found: float
    limit: float
    unit: str
    note: str

    @property
    def within(self) -> bool:
        """Whether the limit is kept."""
        return self.found <= self.limit


def check(totals: Totals, latency: Latency, budget: Budget, card: Card) -> list[Line]:
    """Compare a net with every limit."""
    memory = totals.model_mb + totals.peak_mb
    return [
        Line("model_mb", totals.model_mb, budget.model_mb, "MB", "int8 file, estimated to 3 %"),
        Line("mmac", totals.mmac, budget.mmac, "million MACs", "counted"),
        Line("peak_mb", totals.peak_mb, budget.peak_mb, "MB", f"counted, at {totals.peak_layer}"),
        Line("latency_ms", latency.ms, budget.latency_ms, "ms", latency.text),
        Line("ram_mb", memory, card.ram_mb.value, "MB", "file and activations in the device's RAM"),
    ]


def verdict(lines: Sequence[Line]) -> str:
    """WITHIN or OVER."""
    return WITHIN if all(line.within for line in lines) else OVER
