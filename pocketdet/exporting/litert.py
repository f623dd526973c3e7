"""LiteRT (TensorFlow Lite) files.

- fp32: everything float32.
- fp16: weights float16, half the size; input and outputs float32.
- dynamic: weights int8, activations float32, quantised where an operation wants it.
- int8: weights (one scale a channel) and activations int8, by `exporting.quantise`. The input is
  uint8 and takes the picture's bytes as they are; the outputs are float32, so that an app reads all
  files the same way.

Each also with post-processing (`pocketdet.exporting.postprocess`), and int8 with a float32 input.
All carry metadata. A picture is RGB 0..255 for all of them. Where the input is float32 the
normalisation is the first layer; where it is uint8 it is the input's scale and zero point, which
costs neither time nor precision. (As a quantised layer it would leave two thirds of the input's
256 steps: seen, and half a percent of the outputs' error.) The batch is 1, and names are in the
file's one signature.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pocketdet.errors import ExportError
from pocketdet.exporting import flatbuffer, metadata, postprocess
from pocketdet.exporting.contract import Tensor, Variant
from pocketdet.exporting.refusal import refusal
from pocketdet.exporting.served import Served, Trained
from pocketdet.exporting.surgery import Editor
from pocketdet.preprocess import Preprocessing

Precision = Literal["fp32", "fp16", "dynamic", "int8"]


def write(
    path: Path,
    trained: Trained,
    precision: Precision,
    suppress: bool = False,
    float_input: bool = False,
) -> None:
    """Write a file; the same bytes for the same net and calibration pictures.

    Args:
        path: The file.
        trained: The net.
        precision: See the module.
        suppress: Whether the file gives boxes instead of raw maps.
        float_input: Of int8: whether it takes float32 instead of uint8.

    Raises:
        ExportError: LiteRT has no operation for a layer.
    """
    content = made(trained, precision)
    if float_input:
        content = with_float_input(content, trained.rule)
    if suppress:
        content = postprocess.append(content, trained.spec, trained.point, trained.score_min)
    path.write_bytes(
        metadata.attach(content, trained.spec.classes, trained.rule.resize, trained.point.score_min)
    )


def made(trained: Trained, precision: Precision) -> bytes:
    """The content of a file without post-processing and metadata, converted once.

    Raises:
        ExportError: LiteRT has no operation for a layer, or nobody has quantised the net.
    """
    if precision not in trained.made:
        if precision == "int8":
            raise ExportError("int8: not quantised; see pocketdet.exporting.remedies")
        trained.made[precision] = convert(trained.whole, precision)
    content: bytes = trained.made[precision]
    return content


def with_float_input(content: bytes, rule: Preprocessing) -> bytes:
    """An int8 file that takes a float32 picture of 0..255 instead of a uint8 one.

    Subtraction and division happen in float32, so that the quantised picture is the same.
    """
    editor = Editor(content)
    ((name, old),) = editor.inputs().items()
    shape = editor.shape(old)
    picture, centred, normal = (editor.tensor(n, shape) for n in (name, "centred", "normalised"))
    mean = editor.constant("mean", np.asarray([rule.mean], np.float32))
    factor = editor.constant("factor", np.asarray([1 / rule.scale], np.float32))
    (quantise,) = (op for op in editor.graph.operators if old in op.inputs)
    quantise.inputs = np.asarray([normal], np.int32)
    editor.operation("SUB", (picture, mean), (centred,), ("SubOptions", {}), place=0)
    editor.operation("MUL", (centred, factor), (normal,), ("MulOptions", {}), place=1)
    editor.ask({name: picture})
    return editor.content()


def convert(served: Served, precision: Literal["fp32", "fp16", "dynamic"]) -> bytes:
    """A file's content whose activations are float32; the same bytes for the same net.

    Raises:
        ExportError: LiteRT has no operation for a layer.
    """
    import tensorflow as tf

    converter = _converter(served)
    if precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    return _run(converter, served, precision)


def quantise_trained(rounded: Served) -> bytes:
    """The int8 file's content of a net that says its ranges itself; nothing is calibrated.

    Args:
        rounded: The net without its normalisation, with ranges, see `Trained.rounded`.

    Raises:
        ExportError: LiteRT has no operation for a layer.
    """
    import tensorflow as tf

    converter = _converter(rounded)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32
    return _run(converter, rounded, "int8")


def describe(name: str, path: Path, trained: Trained) -> Variant:
    """The contract's entry of a written file, read from the file.

    Raises:
        ExportError: It is no such file, or an int8 file does not take plain 0..255 pixels.
    """
    graph = flatbuffer.read(path)
    for entry, index in graph.inputs.items():
        tensor = graph.tensors[index]
        expected = (1 / trained.rule.scale, int(trained.rule.mean))
        if tensor.dtype == "uint8" and (tensor.scale, tensor.zero_point) != expected:
            raise ExportError(
                f"{path}: input {entry} has scale {tensor.scale} and zero point "
                f"{tensor.zero_point}, expected {expected}: an app would have to requantise the "
                "picture; the calibration pictures must span 0..255"
            )
    return Variant(
        name=name,
        file=path.name,
        runtime="LiteRT",
        inputs=_tensors(graph, graph.inputs),
        outputs=_tensors(graph, graph.outputs),
        postprocessing="file" if postprocess.SCORES in graph.outputs else "app",
    )


def _converter(served: Served) -> Any:
    import tensorflow as tf

    return tf.lite.TFLiteConverter.from_concrete_functions([served.concrete], served.module)


def _run(converter: Any, served: Served, precision: str) -> bytes:
    """Convert; the refusal of a net as an error that is meant to be read."""
    try:
        content: bytes = converter.convert()
    except Exception as error:  # its ConverterError has no public name
        if type(error).__name__ not in ("ConverterError", "ValueError", "RuntimeError"):
            raise
        kinds = re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", str(error))
        said = "\n  ".join(str(error).splitlines()[:5])
        raise refusal(f"LiteRT {precision}", kinds, served, said) from error
    return content


def _tensors(graph: flatbuffer.Graph, indices: Mapping[str, int]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name, graph.tensors[index].shape, graph.tensors[index].dtype)
        for name, index in indices.items()
    )
