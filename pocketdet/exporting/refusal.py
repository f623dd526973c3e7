"""What a converter's refusal means: which operation, which layer made it, and what to choose."""

from collections.abc import Iterable

from pocketdet.errors import ExportError
from pocketdet.exporting.served import Served

# First word of a layer's name -> the design choice that it comes from.
CHOICES = {"backbone": "another design.backbone", "head": "another design.head"}
ELSE = "layers of pocketdet/detector/blocks.py, which all converters take"


def refusal(target: str, kinds: Iterable[str], served: Served, said: str) -> ExportError:
    """The error to raise.

    Args:
        target: The converter, for people.
        kinds: TensorFlow's names of the operations that it lacks; none if it does not tell.
        served: The net, to find the layers in.
        said: The converter's own words.
    """
    lines = [
        f"{kind}, made by layer {layer}: choose {choice(layer)}"
        for kind in sorted(set(kinds))
        for layer in layers(served, kind) or ["?"]
    ] or [said]
    return ExportError("\n  ".join([f"{target}: the converter refuses this net", *lines]))


def choice(layer: str) -> str:
    """What to choose instead of a layer."""
    return CHOICES.get(layer.split("_")[0], ELSE)


def layers(served: Served, kind: str) -> list[str]:
    """The layers that make a kind of operation: `detector_1/head_x_1/Betainc` is of `head_x`."""
    names = [op.name for op in served.concrete.graph.get_operations() if op.type == kind]
    parts = [name.split("/") for name in names]
    found = (p[1].removesuffix("_1") if len(p) > 2 else p[0] for p in parts)
    return list(dict.fromkeys(found))
