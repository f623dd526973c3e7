"""The one table of what runs which kind of file.

Who writes such a file, and what it is called: `pocketdet.exporting.variants`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.runtimes import Runtime


def _litert(path: Path, net: NetSpec) -> Runtime:
    from pocketdet.runtimes.litert import LiteRTRuntime

    return LiteRTRuntime(path, net)


def _onnx(path: Path, net: NetSpec) -> Runtime:
    from pocketdet.runtimes.onnx import OnnxRuntime

    return OnnxRuntime(path, net)


def _coreml(path: Path, net: NetSpec) -> Runtime:
    from pocketdet.runtimes.coreml import CoreMLRuntime

    return CoreMLRuntime(path, net)


def _executorch(path: Path, net: NetSpec) -> Runtime:
    from pocketdet.runtimes.executorch import ExecuTorchRuntime

    return ExecuTorchRuntime(path, net)


# Suffix of a converted file -> how to open it.
OPENERS: Mapping[str, Callable[[Path, NetSpec], Runtime]] = {
    ".tflite": _litert,
    ".onnx": _onnx,
    ".mlpackage": _coreml,
    ".pte": _executorch,
}


def open_runtime(path: Path, net: NetSpec) -> Runtime:
    """Open a converted file.

    Args:
        path: The file, or the folder of a package.
        net: Its net's specification.

    Raises:
        ExportError: The file is missing, broken, of an unknown kind or of another net.
        RuntimeMissingError: The package that runs it is not installed.
    """
    if not path.exists():
        raise ExportError(f"{path}: not found")
    if path.suffix not in OPENERS:
        raise ExportError(f"{path}: expected a file that ends in {', '.join(OPENERS)}")
    return OPENERS[path.suffix](path, net)
