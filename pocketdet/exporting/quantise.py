"""From a float LiteRT file to int8, in steps, so that another try costs a second and no conversion.

Calibrate (pictures run through the float file, every tensor's range is noted), clip ranges, then
quantise: weights with one scale a channel, activations with one a tensor. TensorFlow's converter
does the first and the last by the same two functions; the file is the same tensor for tensor.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.errors import ExportError
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.flatbuffer import Graph
from pocketdet.exporting.inside import Inside
from pocketdet.exporting.surgery import Editor
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet

Pictures = Sequence[npt.NDArray[np.uint8]]
Range = tuple[float, float]

HEAD = "head_"  # how the layers of every head are named
CLIP_PICTURES = 32  # that quantiles are taken of; 128 moved none by more than a percent


def quantise(
    core: bytes,
    rule: Preprocessing,
    pictures: Pictures,
    ranges: Mapping[str, Range] | None = None,
    in_float: Collection[str] = (),
) -> bytes:
    """The int8 file's content; the same bytes for the same net and pictures.

    Args:
        core: Float file of the net without its normalisation, see `served.without_normalisation`.
        rule: That normalisation.
        pictures: (H, W, 3) uint8 RGB at the input's size; int8 gets its ranges from what they
            activate.
        ranges: Tensor -> narrower lowest and highest value, see `quantiles`.
        in_float: Tensors whose operations stay in float32, see `head` and `around`.

    Raises:
        ExportError: There is no calibration picture, or one of another size.
    """
    samples = _samples(flatbuffer.parse(core), rule, pictures)
    with quiet():
        from tensorflow import float32, uint8
        from tensorflow.lite.python.convert import mlir_quantize
        from tensorflow.lite.python.optimize import calibrator

        observer = calibrator.Calibrator(calibrator.add_intermediate_tensors(core))
        content = observer.calibrate(lambda: ([sample] for sample in samples))
        if ranges:
            content = _clipped(content, ranges)
        result: bytes = mlir_quantize(
            content,
            input_data_type=uint8,
            output_data_type=float32,
            denylisted_nodes=sorted(in_float) or None,
        )
    return result


def quantiles(float_file: Path, pictures: Pictures, share: float) -> dict[str, Range]:
    """Ranges of a float file's tensors without their extremes.

    Args:
        float_file: The net.
        pictures: (H, W, 3) uint8 at the input's size.
        share: Of a tensor's values in a picture that lies outside at either end, 0..1. The ends
            are means over the pictures, so that a single one moves them little.
    """
    graph, inside = flatbuffer.read(float_file), Inside(float_file)
    # What leaves the net stays whole: the highest scores are the rarest, and they are the objects.
    ends = {*graph.inputs.values(), *graph.outputs.values()}
    computed = [o for op in graph.operations for o in op.outputs if o not in ends]
    total = {o: np.zeros(2) for o in computed}
    for picture in pictures[:CLIP_PICTURES]:
        inside.run(picture)
        for o in computed:
            total[o] += np.quantile(inside.tensor(o), (share, 1 - share))
    count = min(len(pictures), CLIP_PICTURES)
    return {graph.tensors[o].name: tuple((total[o] / count).tolist()) for o in computed}


def head(graph: Graph) -> set[str]:
    """The tensors that the head computes, the net's outputs among them."""
    outputs = set(graph.outputs.values())
    return {
        graph.tensors[o].name
        for op in graph.operations
        for o in op.outputs
        if graph.layer(op).startswith(HEAD) or o in outputs
    }


def around(graph: Graph, layers: Collection[str]) -> set[str]:
    """The tensors that layers compute, those that they are computed from and those that follow.

    A layer in float between int8 ones would still get rounded values and hand on rounded ones.
    """
    inside = [op for op in graph.operations if graph.layer(op) in layers]
    touched = {i for op in inside for i in (*op.inputs, *op.outputs)}
    own = {o for op in inside for o in op.outputs}
    return {
        graph.tensors[o].name
        for op in graph.operations
        for o in op.outputs
        if o in touched or own & set(op.inputs)
    }


def float_layers(graph: Graph) -> int:
    """How many convolutions of an int8 file compute in float all the same."""
    return sum(
        "CONV" in op.kind and graph.tensors[op.inputs[1]].dtype == "float32"
        for op in graph.operations
    )


def _clipped(calibrated: bytes, ranges: Mapping[str, Range]) -> bytes:
    """The same file with ranges that reach no further than these."""
    editor = Editor(calibrated)
    for tensor in editor.graph.tensors:
        noted, name = tensor.quantization, tensor.name.decode()
        if noted is not None and noted.min is not None and name in ranges:
            low, high = ranges[name]
            noted.min = np.maximum(noted.min, np.float32(low))
            noted.max = np.minimum(noted.max, np.float32(high))
    return editor.content()


def _samples(core: Graph, rule: Preprocessing, pictures: Pictures) -> list[npt.NDArray[np.float32]]:
    """The pictures as the file's input, (1, H, W, 3) float32 each, normalised."""
    if not pictures:
        raise ExportError("int8: no calibration picture, expected at least one")
    (shape,) = (core.tensors[i].shape for i in core.inputs.values())
    samples: list[npt.NDArray[Any]] = [picture[None].astype(np.float32) for picture in pictures]
    for sample in samples:
        if sample.shape != shape:
            raise ExportError(
                f"int8: calibration picture of shape {sample.shape[1:]}, expected "
                f"{shape[1:]}: use pocketdet.preprocess.to_input"
            )
    # Two corner pixels of one picture pin the input's range to 0..255, also if no picture has
    # black and white, and with it scale and zero point; the other activations hardly see it.
    samples[0][0, 0, 0], samples[0][0, -1, -1] = 0, 255
    return [(sample - np.float32(rule.mean)) / np.float32(rule.scale) for sample in samples]
