"""LiteRT: .tflite files, by ai-edge-litert and numpy alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import postprocess
from pocketdet.quiet import quiet
from pocketdet.runtimes import Picture, Runtime, RuntimeMissingError, check_shapes, raw_maps


class LiteRTRuntime(Runtime):
    """A .tflite file with a float32 or uint8 picture as input; raw maps or boxes as outputs."""

    name = "LiteRT"
    emulated = False

    def __init__(self, path: Path, spec: NetSpec) -> None:
        """Load the file; one thread, so that times are steady and comparable.

        Raises:
            RuntimeMissingError: ai-edge-litert is not installed.
            ExportError: The file is broken or of another net.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise RuntimeMissingError(
                "LiteRT is not installed: pip install -e '.[runtime]' in pocketdet's folder"
            ) from error
        self.spec = spec
        try:
            # From bytes: a path with letters beyond ASCII fails on some systems.
            content = path.read_bytes()
            with quiet():  # it announces its delegate
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
            (signature,) = self._interpreter.get_signature_list()
            runner = self._interpreter.get_signature_runner(signature)
        except (OSError, ValueError, RuntimeError) as error:
            raise ExportError(f"{path}: LiteRT cannot load it: {error}") from error
        details = {**runner.get_input_details(), **runner.get_output_details()}
        shapes = {n: tuple(map(int, d["shape"])) for n, d in details.items()}
        self._suppressed = postprocess.SCORES in shapes
        if self._suppressed:
            most = shapes[postprocess.SCORES][-1]
            check_shapes(path, shapes, postprocessed(spec, most))
        else:
            check_shapes(path, shapes, raw_maps(spec))
        self._input = details.pop("image")
        self._outputs = {name: int(detail["index"]) for name, detail in details.items()}

    def run(self, rgb: Picture) -> None:
        """Run the net and leave its outputs in the interpreter; what a latency is measured of."""
        self._interpreter.set_tensor(
            self._input["index"], rgb[None].astype(self._input["dtype"], copy=False)
        )
        self._interpreter.invoke()

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The outputs by name: raw maps (1, h, w, channels), or see `exporting.postprocess`."""
        self.run(rgb)
        # get_tensor copies: the interpreter's own memory changes at the next call.
        return {name: self._interpreter.get_tensor(i) for name, i in self._outputs.items()}

    def candidates(self, outputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Boxes and scores, see `Runtime`; where the file suppresses, of those that are left."""
        if self._suppressed:
            return boxes_and_scores(outputs, self.spec)
        return super().candidates(outputs)

    def reference(
        self, raw: Mapping[str, Floats], boxes_xyxy: Floats, scores: Floats
    ) -> Mapping[str, Floats] | None:
        """The raw maps themselves, see `Runtime`; None where the file suppresses."""
        return None if self._suppressed else raw

    @property
    def partitions(self) -> int:
        """Pieces of the graph that XNNPACK runs; 1 means all of it without a change of hands."""
        operations = self._interpreter._get_ops_details()
        return sum(operation["op_name"] == "DELEGATE" for operation in operations)


def postprocessed(spec: NetSpec, most: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a file with post-processing that gives at most so many boxes."""
    w, h = spec.input_wh
    return {
        "image": (1, h, w, 3),
        postprocess.BOXES: (1, most, 4),
        postprocess.CLASSES: (1, most),
        postprocess.SCORES: (1, most),
        postprocess.COUNT: (1,),
    }


def boxes_and_scores(outputs: Mapping[str, Floats], spec: NetSpec) -> tuple[Floats, Floats]:
    """Outputs of a file with post-processing as candidates: each box with the score of one class.

    Suppressing them again changes nothing: the same rule, at the same overlap.
    """
    count = int(outputs[postprocess.COUNT][0])
    w, h = spec.input_wh
    boxes = outputs[postprocess.BOXES][0, :count][:, [1, 0, 3, 2]]
    scores = np.zeros((count, len(spec.classes)), np.float32)
    labels = outputs[postprocess.CLASSES][0, :count].astype(int)
    scores[np.arange(count), labels] = outputs[postprocess.SCORES][0, :count]
    return boxes * np.asarray([w, h, w, h], np.float32), scores
