"""Which net for this device? The one that params name beside others, all costed and none trained.

What a net would score is not known before training, so the order says nothing of it: it asks
what the device allows, which objects a net can tell from a cell, and how much it can compute.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pocketdet.config import Design
from pocketdet.dataset import Dataset
from pocketdet.design import budget, costs, latency, ops
from pocketdet.design.costs import LayerCost
from pocketdet.design.specify import sizes_at_input, specify
from pocketdet.detector import net
from pocketdet.detector.backbones import label
from pocketdet.detector.spec import NetSpec
from pocketdet.devices.cards import Card
from pocketdet.preprocess import Preprocessing

ORDER = (
    "within budget first, then by the share of training objects no smaller than a cell of the "
    "finest map (in whole points behind the best), then by multiply-accumulates"
)


@dataclass(frozen=True)
class Candidate:
    """A net and what it costs.

    Attributes:
        net: Its specification.
        configured: Whether it is the one that params name.
        totals: Sums over its operations.
        latency: On the device.
        gates: What the delegates of phones do with it.
        lines: Its budget.
        resolved: Share of the training objects, 0..1, whose shorter side at the input is at least
            the finest stride.
    """

    net: NetSpec
    configured: bool
    totals: costs.Totals
    latency: latency.Latency
    gates: tuple[ops.Gate, ...]
    lines: tuple[budget.Line, ...]
    resolved: float

    @property
    def over(self) -> tuple[str, ...]:
        """Names of the limits that it breaks."""
        return tuple(line.name for line in self.lines if not line.within)

    @property
    def text(self) -> str:
        """Which net, in a few words."""
        w, h = self.net.input_wh
        backbone = label(self.net.backbone, self.net.width, self.net.truncate_after)
        return f"{backbone}, at {w} x {h} px"


def nets(design: Design, training: Dataset, seed: int) -> list[NetSpec]:
    """The net that params name, then those beside it: each input with each backbone.

    Args:
        design: The section of params.yaml.
        training: The training subset.
        seed: See `specify`.

    Raises:
        DatasetError: The subset has no object that counts.
    """
    beside = design.candidates
    own = (design.backbone, design.width, design.truncate_after)
    backbones = dict.fromkeys([own, *beside.backbones])
    specs = [
        specify(design.model_copy(update={"input_wh": input_wh}), training, seed)
        for input_wh in dict.fromkeys([design.input_wh, *beside.inputs_wh])
    ]
    return [
        replace(spec, backbone=name, width=width, truncate_after=last)
        for spec in specs
        for name, width, last in backbones
    ]


def count(specs: Iterable[NetSpec]) -> dict[NetSpec, list[LayerCost]]:
    """The operations of each net, built without values for its weights: a third of the time."""
    import keras

    counted = {}
    for spec in dict.fromkeys(specs):
        with keras.StatelessScope(initialize_variables=False):
            counted[spec] = costs.count(net.build(spec, batch=1))
    return counted


def rank(
    counted: Mapping[NetSpec, Sequence[LayerCost]],
    training: Dataset,
    design: Design,
    card: Card,
    timed: latency.Timed,
) -> list[Candidate]:
    """Candidates in `ORDER`.

    Args:
        counted: Operations of each, the net that params name first.
        training: The training subset.
        design: The section of params.yaml.
        card: The device.
        timed: Operations of each net that was timed on it.
    """
    configured = next(iter(counted))
    resolved = {
        wh: _resolved(training, Preprocessing(wh, design.resize), design.strides[0])
        for wh in {spec.input_wh for spec in counted}
    }
    found = []
    for spec, rows in counted.items():
        totals, time = costs.total(rows), latency.best_known(rows, card, timed)
        lines = tuple(budget.check(totals, time, design.budget, card))
        gates, share = tuple(ops.gates(rows)), resolved[spec.input_wh]
        found.append(Candidate(spec, spec == configured, totals, time, gates, lines, share))
    best = max(resolved.values())
    return sorted(
        found, key=lambda c: (bool(c.over), int(100 * (best - c.resolved)), -c.totals.mmac)
    )


def _resolved(training: Dataset, rule: Preprocessing, cell_px: int) -> float:
    return float((sizes_at_input(training, rule).min(axis=1) >= cell_px).mean())


def table(ranked: Sequence[Candidate]) -> list[list[Any]]:
    """Names of columns, then a row a candidate; under a delegate's name its number of pieces."""
    rows: list[list[Any]] = [
        ["rank", "configured", "backbone", "width", "truncate_after", "input", "over"]
        + ["objects_resolved", "mmac", "model_mb", "peak_mb"]
        + ["latency_ms", "low_ms", "high_ms", "basis"]
        + [gate.delegate for gate in ranked[0].gates]
        + ["outside"]
    ]
    for rank, one in enumerate(ranked, start=1):
        numbers = (one.resolved, one.totals.mmac, one.totals.model_mb, one.totals.peak_mb)
        times = (one.latency.ms, one.latency.low_ms, one.latency.high_ms)
        rows.append(
            [rank, "yes" if one.configured else "", one.net.backbone, one.net.width]
            + [one.net.truncate_after, "x".join(map(str, one.net.input_wh)), " ".join(one.over)]
            + [f"{number:.4g}" for number in numbers + times]
            + [one.latency.basis]
            + [gate.partitions for gate in one.gates]
            + ["; ".join(gate.text for gate in one.gates if gate.outside)]
        )
    return rows
