"""ExecuTorch: .pte files, by its own Python bindings."""

from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.quiet import quiet
from pocketdet.runtimes import Picture, Runtime, RuntimeMissingError, check_shapes, raw_maps


class ExecuTorchRuntime(Runtime):
    """A .pte file with a float32 picture as input and raw maps as outputs.

    Attributes:
        shapes: Name -> shape of the picture and of every output, in the file's order.
    """

    name = "ExecuTorch"
    emulated = False

    def __init__(self, path: Path, spec: NetSpec) -> None:
        """Load the file; one thread, as LiteRT, which holds for the whole process.

        Raises:
            RuntimeMissingError: executorch is not installed.
            ExportError: The file is broken or of another net.
        """
        try:
            with quiet():  # it tells of every library that it looks for
                import torch
                from executorch.extension.pybindings import portable_lib
                from executorch.runtime import Runtime as Loader
        except ImportError as error:
            raise RuntimeMissingError(
                "ExecuTorch is not installed: make executorch runs it in an environment of its own"
            ) from error
        self.spec = spec
        self._tensor = torch.from_numpy
        try:
            self._content = path.read_bytes()
            with quiet():  # it tells of the processor
                portable_lib._unsafe_reset_threadpool(1)
                # The method reads from the program, so both are kept.
                self._program = Loader.get().load_program(self._content)
                self._method: Any = self._program.load_method("forward")
        except (OSError, RuntimeError) as error:
            raise ExportError(f"{path}: ExecuTorch cannot load it: {error}") from error
        meta = self._method.metadata
        inputs = [meta.input_tensor_meta(i) for i in range(meta.num_inputs())]
        outputs = [meta.output_tensor_meta(i) for i in range(meta.num_outputs())]
        expected = raw_maps(spec)
        # A file has no names: what is more or less than the net's shows by its number.
        names = [*expected, *(f"output {i}" for i in range(len(outputs)))]
        sizes = [tuple(tensor.sizes()) for tensor in (*inputs, *outputs)]
        self.shapes = dict(zip(names, sizes, strict=False))
        check_shapes(path, self.shapes, expected)

    def run(self, rgb: Picture) -> list[Any]:
        """Run the net; what a latency is measured of."""
        # unsqueeze, not numpy's [None], whose stride of 0 it refuses.
        picture = self._tensor(rgb.astype(np.float32)).unsqueeze(0)
        found: list[Any] = self._method.execute((picture,))
        return found

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The raw maps by name, (1, h, w, channels) float32."""
        maps = (output.numpy() for output in self.run(rgb))
        return dict(zip(self.spec.outputs(), maps, strict=True))

    @property
    def partitions(self) -> int:
        """Calls of a delegate; 1 means all of the net without a change of hands."""
        with quiet():
            from executorch.exir._serialize._program import deserialize_pte_binary

        (plan,) = deserialize_pte_binary(self._content).program.execution_plan
        kinds = [type(i.instr_args).__name__ for chain in plan.chains for i in chain.instructions]
        return kinds.count("DelegateCall")
