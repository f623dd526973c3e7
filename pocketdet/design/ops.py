"""Which operations a candidate net needs, and who takes them, before anything is trained.

The operations follow from its Keras layers, as LiteRT's converter translates them (a test compares
with a converted file). A layer that is not in the table is an error: nothing is known of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pocketdet.design.costs import LayerCost
from pocketdet.errors import ExportError
from pocketdet.exporting.delegates import ADVICE, DELEGATES

OPERATIONS = {
    "Add": "ADD",
    "Concatenate": "CONCATENATION",
    "Conv2D": "CONV_2D",
    "DepthwiseConv2D": "DEPTHWISE_CONV_2D",
    "Enlarge": "RESIZE_BILINEAR",
    "Rescaling": "MUL",
    "Reshape": "RESHAPE",
    "UpSampling2D": "RESIZE_NEAREST_NEIGHBOR",
    "ZeroPadding2D": "PAD",
}


@dataclass(frozen=True)
class Gate:
    """What one delegate does with a candidate.

    Attributes:
        delegate: Its name.
        partitions: Pieces of the net that it runs; 1 is best.
        outside: (operation, layer) that it leaves to the CPU, with what to do instead.
    """

    delegate: str
    partitions: int
    outside: tuple[tuple[str, str, str], ...]

    @property
    def text(self) -> str:
        """In a line."""
        if not self.outside:
            return f"{self.delegate} takes all operations"
        kinds = ", ".join(dict.fromkeys(kind for kind, _, _ in self.outside))
        hints = "; ".join(dict.fromkeys(hint for *_, hint in self.outside if hint))
        return (
            f"{self.delegate}: {self.partitions} partitions, {kinds} outside, first "
            f"{self.outside[0][1]}" + (f" ({hints})" if hints else "")
        )


def gates(rows: Sequence[LayerCost]) -> list[Gate]:
    """Ask every delegate about a net.

    Args:
        rows: Its operations in order, see `costs.count`.

    Raises:
        ExportError: It has a layer that no table knows.
    """
    kinds = []
    for row in rows:
        if row.type not in OPERATIONS:
            raise ExportError(
                f"layer {row.name}: nothing is known of {row.type} on a phone; expected one of "
                f"{', '.join(OPERATIONS)} (pocketdet/design/ops.py)"
            )
        kinds.append(OPERATIONS[row.type])
    found = []
    for delegate in DELEGATES.values():
        taken = [kind in delegate.taken for kind in kinds]
        starts = sum(
            now and not before for before, now in zip([False, *taken], taken, strict=False)
        )
        outside = tuple(
            (kind, row.name, ADVICE.get(kind, ""))
            for kind, row, inside in zip(kinds, rows, taken, strict=True)
            if not inside
        )
        found.append(Gate(delegate.name, starts, outside))
    return found
