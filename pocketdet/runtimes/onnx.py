"""ONNX Runtime: .onnx files."""

from pathlib import Path

import numpy as np

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.quiet import quiet
from pocketdet.runtimes import Picture, Runtime, RuntimeMissingError, check_shapes, raw_maps


class OnnxRuntime(Runtime):
    """An .onnx file on the CPU."""

    name = "ONNX Runtime"
    emulated = False
    partitions = None

    def __init__(self, path: Path, spec: NetSpec) -> None:
        """Load the file; one thread, as LiteRT.

        Raises:
            RuntimeMissingError: onnxruntime is not installed.
            ExportError: The file is broken or of another net.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeMissingError(
                "ONNX Runtime is not installed: pip install onnxruntime"
            ) from error
        self.spec = spec
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        try:
            content = path.read_bytes()
            with quiet():  # it warns of old attributes before it looks at the severity
                self._session = onnxruntime.InferenceSession(
                    content, options, providers=["CPUExecutionProvider"]
                )
        except Exception as error:  # its error classes have no public base below Exception
            raise ExportError(f"{path}: ONNX Runtime cannot load it: {error}") from error
        values = (*self._session.get_inputs(), *self._session.get_outputs())
        check_shapes(path, {value.name: tuple(value.shape) for value in values}, raw_maps(spec))
        self._names = [value.name for value in self._session.get_outputs()]

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The raw maps by name, (1, h, w, channels) float32."""
        outputs = self._session.run(self._names, {"image": rgb[None].astype(np.float32)})
        return dict(zip(self._names, outputs, strict=True))
