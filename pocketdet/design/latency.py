"""Latency on a device that is not at hand, estimated from its card: a roofline, layer by layer.

    time = sum over layers of max(2 MACs / (gflops * efficiency), bytes / memory speed) + overhead

The constants are fitted by `benchmarks/fit_latency.py` to published timings of ncnn on real
devices. How wrong an estimate is was tried on devices left out of the fit: the band from low to
high holds 90 % of them.

- cpu: one big core in float32, 11 devices from Cortex-A53 to Cortex-X4, 16 nets of MobileNet's
  kind: typical error x1.22, 90 % within x1.6; within x1.4 on a device that was measured itself
  (`time_factor`). The int8 file takes that time / `int8_speedup`.
- gpu: float16 values by Vulkan, 4 Adrenos, 16 nets: typical error x1.35, 90 % within x1.8; taken
  as x2, since even the peaks of those GPUs are only roughly known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from pocketdet.design.costs import LayerCost
from pocketdet.devices.cards import Card, Figure
from pocketdet.devices.measured import FILES, Measurement, fastest


@dataclass(frozen=True)
class UnitModel:
    """Constants of one kind of unit.

    Attributes:
        pointwise: Share of the peak that a 1x1 or strided convolution reaches.
        winograd: Of a 3x3 convolution at stride 1; above 1, since Winograd's method saves MACs.
        depthwise: Of a depthwise convolution.
        bytes_per_cycle: What the unit moves at most, however fast the memory is.
        memory_share: Share of the memory's bandwidth that it gets.
        value_bytes: Bytes a value while running.
        overhead_us: For each operation, microseconds.
        error: Low = estimate / error, high = estimate * error.
        error_measured: The same where the card has a time_factor.
    """

    pointwise: float
    winograd: float
    depthwise: float
    bytes_per_cycle: float
    memory_share: float
    value_bytes: int
    overhead_us: float
    error: float
    error_measured: float


MODELS = {
    "cpu": UnitModel(0.50, 1.50, 0.37, 5.2, 1.0, 4, 0.0, 1.6, 1.4),
    "gpu": UnitModel(0.072, 0.072, 0.044, math.inf, 0.1, 2, 62.0, 2.0, 1.4),
}


@dataclass(frozen=True)
class Latency:
    """A time, ms a picture.

    Attributes:
        ms: Most likely, or the mean where it was measured.
        low_ms: Nine in ten estimates are between this, or the fastest run,
        high_ms: and this, or the slowest run.
        layers_ms: Of each operation; estimated.
        basis: "estimated", or where it was measured.
    """

    ms: float
    low_ms: float
    high_ms: float
    layers_ms: tuple[float, ...]
    basis: str = "estimated"

    @property
    def text(self) -> str:
        """How sure it is."""
        return f"{self.basis}, {self.low_ms:.3g} to {self.high_ms:.3g} ms"


def estimate(rows: Sequence[LayerCost], card: Card) -> Latency:
    """Latency of the int8 file (on a GPU the fp16 file) on a device, without pre- and post-work."""
    unit = MODELS[card.unit]
    factor = (card.time_factor.value if card.time_factor else 1.0) / card.int8_speedup.value
    layers = tuple(1e3 * factor * layer_seconds(row, card, unit) for row in rows)
    ms = sum(layers)
    error = unit.error_measured if card.time_factor else unit.error
    return Latency(ms, ms / error, ms * error, layers)


Timed = Sequence[tuple[Sequence[LayerCost], Measurement]]  # operations of each net that was timed


def best_known(rows: Sequence[LayerCost], card: Card, timed: Timed) -> Latency:
    """The time that was measured, if this net was timed on the device, else an estimate."""
    estimated = estimate(rows, card)
    found = fastest(row for other, row in timed if list(other) == list(rows))
    if found is None:
        return estimated
    times = found.times
    basis = f"measured ({found.text}, {times.runs} runs)"
    return Latency(times.mean_ms, times.min_ms, times.max_ms, estimated.layers_ms, basis)


def corrected(card: Card, timed: Timed) -> Card:
    """The card with a time_factor from what nets took on the device itself, where any was timed."""
    bare = card.model_copy(update={"time_factor": None})
    ratios = [
        row.times.mean_ms / estimate(rows, bare).ms
        for rows, row in timed
        if row.times.unit == card.unit and row.variant == FILES[card.unit]
    ]
    if not ratios:
        return card
    source = f"{len(ratios)} net(s) timed by pocketdet profile"
    factor = Figure(value=geometric_mean(ratios), source=source)
    return card.model_copy(update={"time_factor": factor})


def layer_seconds(row: LayerCost, card: Card, unit: UnitModel) -> float:
    """Roofline of one operation in the unit's float format, without the card's own factors."""
    if row.type == "DepthwiseConv2D":
        efficiency = unit.depthwise
    elif row.kernel == (3, 3) and row.stride == 1:
        efficiency = unit.winograd
    else:
        efficiency = unit.pointwise
    computing = 2 * row.macs / (card.gflops.value * 1e9 * efficiency)
    memory = 1e9 * min(
        card.bandwidth_gb_s.value * unit.memory_share,
        unit.bytes_per_cycle * card.clock_mhz.value / 1e3,
    )
    moving = (row.read + row.written + row.weights) * unit.value_bytes / memory
    return max(computing, moving) + unit.overhead_us * 1e-6
