"""How much noise quantisation adds, layer by layer: where an int8 file that falls short does so.

SQNR of a layer = 10 log10(sum of x^2 / sum of (x - q)^2) in decibels, x its outputs in the float
file and q in the int8 file, over some pictures. Noise adds up from layer to layer, so the one to
look at is where the ratio falls, not where it is lowest: `drop_db` is against the noisiest input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketdet.exporting import calibration, flatbuffer
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.flatbuffer import Graph
from pocketdet.exporting.inside import Inside
from pocketdet.preprocess import load_rgb, to_input

PICTURES = 8  # of those that int8 got its ranges from
PERFECT_DB = 100.0  # no difference at all, or less than this can tell
INPUT_DB = 49.9  # of a picture of 8 bits: 6.02 bits + 1.76 for a value anywhere in its range


@dataclass(frozen=True)
class Noise:
    """Of one layer of the int8 file.

    Attributes:
        layer: As `Graph.layer` names it.
        kind: Its operation.
        sqnr_db: Signal to quantisation noise of its outputs.
        drop_db: By how much less that is than of its noisiest input.
    """

    layer: str
    kind: str
    sqnr_db: float
    drop_db: float

    @property
    def text(self) -> str:
        """In words."""
        return (
            f"most quantisation noise is added by {self.layer} ({self.kind}): "
            f"{self.sqnr_db:.1f} dB are left of the {self.sqnr_db + self.drop_db:.1f} dB before it"
        )


def layers(
    float_file: Path, int8_file: Path, pictures: Sequence[npt.NDArray[np.uint8]]
) -> list[Noise]:
    """The layers that both files have, in the order of execution.

    Args:
        float_file: The net in float32.
        int8_file: The same net quantised.
        pictures: (H, W, 3) uint8 at the input's size.
    """
    exact, quantised = flatbuffer.read(float_file), flatbuffer.read(int8_file)
    there = {exact.tensors[o].name: o for op in exact.operations for o in op.outputs}
    shared = {
        o: there[name]
        for op in quantised.operations
        for o in op.outputs
        if (name := quantised.tensors[o].name) in there
    }
    signal, noise = dict.fromkeys(shared, 0.0), dict.fromkeys(shared, 0.0)
    a, b = Inside(float_file), Inside(int8_file)
    for picture in pictures:
        a.run(picture)
        b.run(picture)
        for own, other in shared.items():
            x, q = a.tensor(other), b.tensor(own)
            signal[own] += float((x**2).sum())
            noise[own] += float(((x - q) ** 2).sum())
    ratio = {o: _decibels(signal[o], noise[o]) for o in shared}
    return list(_rows(quantised, ratio))


def _rows(graph: Graph, ratio: dict[int, float]) -> Sequence[Noise]:
    """In the order of execution; what has no counterpart passes its inputs' ratio on."""
    known: dict[int, float] = {}
    rows = []
    for op in graph.operations:
        before = min((known[i] for i in op.inputs if i in known), default=INPUT_DB)
        for output in op.outputs:
            known[output] = ratio.get(output, before)
            if output in ratio:
                drop = before - ratio[output]
                rows.append(Noise(graph.layer(op), op.kind, ratio[output], drop))
    return rows


def of(contract: Contract, converted: Path, raw: Path) -> dict[str, list[Noise]]:
    """The layers of the int8 files that give raw maps, if there is a float file to compare with.

    Args:
        contract: Of the files.
        converted: Their folder, with the list of calibration pictures.
        raw: Folder that the pictures' paths are below.
    """
    maps = {v.name: v.file for v in contract.variants if v.postprocessing == "app"}
    int8 = [name for name in maps if name.startswith("int8")]
    if "fp32" not in maps or not int8:
        return {}
    names = calibration.names(converted)[:PICTURES]
    pictures = [to_input(load_rgb(raw / name), contract.preprocessing) for name in names]
    return {
        name: layers(converted / maps["fp32"], converted / maps[name], pictures) for name in int8
    }


def as_csv(rows: Sequence[Noise]) -> str:
    """The layers in the order of execution."""
    lines = ["layer,kind,sqnr_db,drop_db"]
    lines += [f"{r.layer},{r.kind},{r.sqnr_db:.2f},{r.drop_db:.2f}" for r in rows]
    return "\n".join(lines) + "\n"


def worst(rows: Sequence[Noise]) -> Noise:
    """The layer that adds most noise: the largest drop."""
    return max(rows, key=lambda row: row.drop_db)


def noisiest(rows: Sequence[Noise], count: int) -> list[str]:
    """The names of so many layers that add most noise, worst first."""
    return [row.layer for row in sorted(rows, key=lambda row: -row.drop_db)[:count]]


def _decibels(signal: float, noise: float) -> float:
    if noise <= signal * 10 ** (-PERFECT_DB / 10):
        return PERFECT_DB
    return 10 * float(np.log10(max(signal, 1e-30) / noise))
