"""Every tensor inside a .tflite file while it runs: what a layer gives, not only the net."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.quiet import quiet


class Inside:
    """A file with one picture as input; every tensor is kept, so no delegate may fuse them."""

    def __init__(self, path: Path) -> None:
        """Load the file."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        with quiet():
            self._interpreter = Interpreter(
                model_content=path.read_bytes(),
                num_threads=1,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self._details = {d["index"]: d for d in self._interpreter.get_tensor_details()}

    def run(self, picture: npt.NDArray[np.uint8]) -> None:
        """Run one picture, (H, W, 3) at the input's size."""
        value = picture[None].astype(self._input["dtype"])
        self._interpreter.set_tensor(self._input["index"], value)
        self._interpreter.invoke()

    def tensor(self, index: int) -> npt.NDArray[np.float64]:
        """A tensor's values of that picture, dequantised."""
        value: Any = self._interpreter.get_tensor(index).astype(np.float64)
        scale, zero_point = self._details[index]["quantization"]
        result: npt.NDArray[np.float64] = (value - zero_point) * scale if scale else value
        return result
