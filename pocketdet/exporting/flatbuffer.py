"""Reads a .tflite file: operations and tensors as plain values, without any runtime."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pocketdet.errors import ExportError

# Bytes a value, by the schema's TensorType.
WIDTHS = {
    "FLOAT32": 4, "FLOAT16": 2, "INT32": 4, "UINT8": 1, "INT64": 8, "BOOL": 1, "INT16": 2, "INT8": 1
}  # fmt: skip


@dataclass(frozen=True)
class FlatTensor:
    """A tensor.

    Attributes:
        name: As the converter called it.
        shape: Sizes.
        dtype: numpy's name, such as "float32".
        constant_bytes: Size of its stored value: weights. 0 for what is computed.
        scale: Of the quantisation, the first if there is one per channel; 0.0 without.
        zero_point: Likewise.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant_bytes: int
    scale: float
    zero_point: int

    @property
    def bytes(self) -> int:
        """Size of the value in memory."""
        return math.prod(self.shape) * WIDTHS[self.dtype.upper()]


@dataclass(frozen=True)
class Operation:
    """A step of the graph: kind such as "CONV_2D", and tensor indices (-1 for an absent input)."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The one subgraph of a file.

    Attributes:
        operations: In the order of execution.
        tensors: All of them.
        inputs: Signature name -> tensor index, in the file's order.
        outputs: Likewise.
    """

    operations: tuple[Operation, ...]
    tensors: tuple[FlatTensor, ...]
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]

    @cached_property
    def weight_bytes(self) -> int:
        """Size of all constants."""
        return sum(tensor.constant_bytes for tensor in self.tensors)

    def layer(self, operation: Operation) -> str:
        """The name of the Keras layer that an operation comes from, as far as the file tells.

        The converter names a tensor after all that it fused, last first:
        `detector_1/head_0_relu6_1/Relu6;detector_1/head_0_1/convolution` is layer `head_0_relu6`.
        """
        name = self.tensors[operation.outputs[0]].name
        parts = name.split(";")[0].split("/")
        return parts[1].removesuffix("_1") if len(parts) > 2 else name


def read(path: Path) -> Graph:
    """Read a file.

    Raises:
        ExportError: It is no LiteRT file, or has not exactly one subgraph and one signature.
    """
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, name: str = "LiteRT file") -> Graph:
    """Likewise, from a file's content; the name is for messages."""
    from ai_edge_litert import schema_py_generated as schema

    if content[4:8] != b"TFL3":
        raise ExportError(f"{name}: not a LiteRT file: its mark is {content[4:8]!r}, not b'TFL3'")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    if len(model.subgraphs) != 1 or len(model.signatureDefs or ()) != 1:
        raise ExportError(
            f"{name}: {len(model.subgraphs)} subgraphs and {len(model.signatureDefs or ())} "
            "signatures, expected one of each"
        )
    graph, signature = model.subgraphs[0], model.signatureDefs[0]
    kinds = _names(schema.BuiltinOperator)
    dtypes = _names(schema.TensorType)
    codes = [
        kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        if code.customCode is None
        else code.customCode.decode()
        for code in model.operatorCodes
    ]
    return Graph(
        tuple(
            Operation(codes[op.opcodeIndex], _tuple(op.inputs), _tuple(op.outputs))
            for op in graph.operators
        ),
        tuple(_tensor(tensor, model.buffers, dtypes) for tensor in graph.tensors),
        _ordered(signature.inputs, _tuple(graph.inputs)),
        _ordered(signature.outputs, _tuple(graph.outputs)),
    )


def _names(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


def _tuple(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(value) for value in values)


def _tensor(tensor: Any, buffers: Any, dtypes: dict[int, str]) -> FlatTensor:
    data = buffers[tensor.buffer].data
    scales = _values(tensor.quantization, "scale")
    zero_points = _values(tensor.quantization, "zeroPoint")
    return FlatTensor(
        tensor.name.decode(),
        _tuple(tensor.shape),
        dtypes[tensor.type].lower(),
        0 if data is None else len(data),
        float(scales[0]) if scales else 0.0,
        int(zero_points[0]) if zero_points else 0,
    )


def _values(quantization: Any, name: str) -> list[Any]:
    """A list of the quantisation, which may be absent as a whole or in part."""
    found = getattr(quantization, name, None)
    return [] if found is None else list(found)


def _ordered(named: Any, order: tuple[int, ...]) -> dict[str, int]:
    """The signature's names in the order of the subgraph's tensors."""
    names = {int(item.tensorIndex): item.name.decode() for item in named}
    return {names[index]: index for index in order}
