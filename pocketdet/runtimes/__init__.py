"""Everything that can run a net, behind one interface: a picture in, candidates out.

Each module imports its own package only, and only when a net is opened: with LiteRT alone installed
a bundle can be used. `pocketdet.runtimes.opening` finds the one for a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pocketdet.detector import decode
from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError

Picture = npt.NDArray[np.uint8]  # (H, W, 3) RGB at the size of the net's input


class RuntimeMissingError(ExportError):
    """The runtime itself is not installed: nothing is known of the file."""


class Runtime(Protocol):
    """A net that is ready to run, one picture at a time; a class of it gives the net's raw maps.

    Attributes:
        spec: The net.
        name: For people, such as "LiteRT".
        emulated: Whether the numbers come from an emulation of the runtime, not from itself.
        partitions: Pieces of the net that the runtime's delegate runs, 1 if it runs all of it;
            None where there is no delegate.
    """

    spec: NetSpec
    name: str
    emulated: bool

    @property
    def partitions(self) -> int | None:
        """See the class."""
        ...

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The file's outputs by name, as they are."""
        ...

    def candidates(self, outputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Outputs as boxes_xyxy (A, 4) in input px and scores (A, classes), before suppression."""
        return decode.candidates(outputs, self.spec)

    def reference(
        self, raw: Mapping[str, Floats], boxes_xyxy: Floats, scores: Floats
    ) -> Mapping[str, Floats] | None:
        """What `raw` would be if the file were the net itself; None if that is no use.

        Args:
            raw: The net's raw maps.
            boxes_xyxy: Its candidates.
            scores: Likewise.
        """
        return raw

    def __call__(self, rgb: Picture) -> tuple[Floats, Floats]:
        """`raw` and `candidates`, one after the other."""
        return self.candidates(self.raw(rgb))


def raw_maps(spec: NetSpec) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the picture that a file of this net takes and of the maps it gives."""
    w, h = spec.input_wh
    maps = {name: (1, *shape) for name, shape in spec.outputs().items()}
    return {"image": (1, h, w, 3), **maps}


def check_shapes(
    path: Path, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]
) -> None:
    """Refuse a file whose inputs and outputs are not those of the net.

    Args:
        path: The file, for the message.
        found: Name -> shape of everything that the file takes and gives.
        expected: Likewise, of the net.

    Raises:
        ExportError: Names or shapes differ; all differences are listed.
    """
    wrong = [
        f"{name}: expected {expected.get(name, 'nothing')}, found {found.get(name, 'nothing')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if wrong:
        raise ExportError(f"{path}: not a file of this net\n  " + "\n  ".join(wrong))
