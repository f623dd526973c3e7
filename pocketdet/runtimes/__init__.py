"""Everything that can run a net, behind one interface: a picture in, candidates out.

A new runtime is a module here with a class like the others, and its suffix in `open_runtime`.
Each module imports its own package only, and only when a net is opened: with LiteRT alone installed
a bundle can be used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError

Picture = npt.NDArray[np.uint8]  # (H, W, 3) RGB at the size of the net's input


class RuntimeMissingError(ExportError):
    """The runtime itself is not installed: nothing is known of the file."""


class Runtime(Protocol):
    """A net that is ready to run, one picture at a time.

    Attributes:
        name: For people, such as "LiteRT".
        emulated: Whether the numbers come from an emulation of the runtime, not from itself.
    """

    name: str
    emulated: bool

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The file's outputs by name, as they are."""
        ...

    def candidates(self, outputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Outputs as boxes_xyxy (A, 4) in input px and scores (A, classes), before suppression."""
        ...

    def __call__(self, rgb: Picture) -> tuple[Floats, Floats]:
        """Both, one after the other."""
        ...


def open_runtime(path: Path, net: NetSpec | Path) -> Runtime:
    """Open a converted file, or the trained net itself.

    Args:
        path: A file that ends in .tflite, .onnx or .mlpackage; or the folder of a design.
        net: For a file its net's specification; for a design the folder of the trained weights.

    Raises:
        ExportError: The file is missing, broken, of an unknown kind or of another net.
        RuntimeMissingError: The package that runs it is not installed.
        WeightsError: The weights are not those of the design.
    """
    if not path.exists():
        raise ExportError(f"{path}: not found")
    if isinstance(net, Path):
        from pocketdet.runtimes.keras import KerasRuntime

        return KerasRuntime.load(path, net)
    if path.suffix == ".tflite":
        from pocketdet.runtimes.litert import LiteRTRuntime

        return LiteRTRuntime(path, net)
    if path.suffix == ".onnx":
        from pocketdet.runtimes.onnx import OnnxRuntime

        return OnnxRuntime(path, net)
    if path.suffix == ".mlpackage":
        from pocketdet.runtimes.coreml import CoreMLRuntime

        return CoreMLRuntime(path, net)
    raise ExportError(f"{path}: expected a file that ends in .tflite, .onnx or .mlpackage")


def check_shapes(path: Path, found: dict[str, tuple[int, ...]], spec: NetSpec) -> None:
    """Refuse a file whose inputs and outputs are not those of the net.

    Args:
        path: The file, for the message.
        found: Name -> shape of everything that the file takes and gives.
        spec: The net.

    Raises:
        ExportError: Names or shapes differ; all differences are listed.
    """
    w, h = spec.input_wh
    expected: dict[str, tuple[int, ...]] = {"image": (1, h, w, 3)}
    for level in spec.levels:
        cells = (1, h // level.stride, w // level.stride)
        shapes = len(level.anchors_wh)
        expected[f"scores_{level.stride}"] = (*cells, shapes * len(spec.classes))
        expected[f"boxes_{level.stride}"] = (*cells, shapes * 4)
    wrong = [
        f"{name}: expected {expected.get(name, 'nothing')}, found {found.get(name, 'nothing')}"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
    if wrong:
        raise ExportError(f"{path}: not a file of this net\n  " + "\n  ".join(wrong))
