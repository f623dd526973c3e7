"""Adds operations, tensors and metadata to a .tflite file that the converter has written.

Converting once and editing copies gives files whose nets are equal to the last bit, and spares a
conversion of ten seconds for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Quantisation:
    """value = scale (stored - zero_point)."""

    scale: float
    zero_point: int


class Editor:
    """A file in pieces; `content` puts it together again."""

    def __init__(self, content: bytes) -> None:
        """Take a file apart.

        Args:
            content: Of a file with one subgraph and one signature, see `flatbuffer.read`.
        """
        from ai_edge_litert import schema_py_generated as schema

        self._schema: Any = schema
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        self.graph = self.model.subgraphs[0]

    def inputs(self) -> dict[str, int]:
        """Signature name -> tensor index."""
        return {i.name.decode(): int(i.tensorIndex) for i in self.model.signatureDefs[0].inputs}

    def outputs(self) -> dict[str, int]:
        """Signature name -> tensor index."""
        return {o.name.decode(): int(o.tensorIndex) for o in self.model.signatureDefs[0].outputs}

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Of a tensor."""
        return tuple(int(n) for n in self.graph.tensors[tensor].shape)

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "float32",
        quantisation: Quantisation | None = None,
    ) -> int:
        """Add a tensor that is computed; its index."""
        stored = None
        if quantisation:
            stored = self._schema.QuantizationParametersT()
            stored.scale = np.asarray([quantisation.scale], np.float32)
            stored.zeroPoint = np.asarray([quantisation.zero_point], np.int64)
        self.graph.tensors.append(
            self._schema.TensorT(
                shape=np.asarray(shape, np.int32),
                type=getattr(self._schema.TensorType, dtype.upper()),
                buffer=0,  # by the format's rule the empty one
                name=name.encode(),
                quantization=stored,
                hasRank=True,
            )
        )
        return len(self.graph.tensors) - 1

    def constant(self, name: str, value: npt.NDArray[Any]) -> int:
        """Add a tensor with a value; its index."""
        index = self.tensor(name, value.shape, value.dtype.name)
        self.graph.tensors[index].buffer = self._buffer(value.tobytes())
        return index

    def operation(
        self,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: tuple[str, dict[str, Any]] | None = None,
        place: int | None = None,
    ) -> None:
        """Add a built-in operation.

        Args:
            kind: Such as "RESHAPE".
            inputs: Tensor indices.
            outputs: Likewise.
            options: Name of the schema's table such as "ReshapeOptions", and its fields.
            place: In the order of execution; None for the end.
        """
        operation = self._operation(
            self._code(getattr(self._schema.BuiltinOperator, kind), None), inputs, outputs
        )
        if options:
            name, fields = options
            table = getattr(self._schema, f"{name}T")()
            for field, value in fields.items():
                setattr(table, field, value)
            operation.builtinOptions = table
            operation.builtinOptionsType = getattr(self._schema.BuiltinOptions, name)
        at = len(self.graph.operators) if place is None else place
        self.graph.operators.insert(at, operation)

    def custom(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: dict[str, Any]
    ) -> None:
        """Add a custom operation at the end."""
        from flatbuffers import flexbuffers

        code = self._code(self._schema.BuiltinOperator.CUSTOM, kind)
        operation = self._operation(code, inputs, outputs)
        operation.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
        self.graph.operators.append(operation)

    def answer(self, outputs: dict[str, int]) -> None:
        """Make these tensors the file's outputs, in this order, in place of the old ones."""
        self.graph.outputs = np.asarray(list(outputs.values()), np.int32)
        self.model.signatureDefs[0].outputs = self._named(outputs)

    def ask(self, inputs: dict[str, int]) -> None:
        """Make these tensors the file's inputs, in place of the old ones."""
        self.graph.inputs = np.asarray(list(inputs.values()), np.int32)
        self.model.signatureDefs[0].inputs = self._named(inputs)

    def attach(self, name: str, content: bytes) -> None:
        """Add a metadata buffer."""
        entry = self._schema.MetadataT(name=name.encode(), buffer=self._buffer(content))
        self.model.metadata = [*(self.model.metadata or ()), entry]

    def content(self) -> bytes:
        """The file; same edits, same bytes."""
        import flatbuffers

        class Aligned(flatbuffers.Builder):  # type: ignore[misc]
            """Starts every vector at a multiple of 16 bytes.

            The schema asks for it and Python's builder ignores it; kernels may read weights with
            instructions that need it.
            """

            def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
                return super().StartVector(elemSize, numElems, max(alignment, 16))

            def CreateNumpyVector(self, x: npt.NDArray[Any]) -> Any:
                self.Prep(16, x.nbytes)
                return super().CreateNumpyVector(x)

        builder = Aligned(1 << 20)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _buffer(self, content: bytes) -> int:
        data = np.frombuffer(content, np.uint8)
        self.model.buffers.append(self._schema.BufferT(data=data))
        return len(self.model.buffers) - 1

    def _operation(self, code: int, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        return self._schema.OperatorT(
            opcodeIndex=code,
            inputs=np.asarray(inputs, np.int32),
            outputs=np.asarray(outputs, np.int32),
        )

    def _code(self, builtin: int, custom: str | None) -> int:
        """Index of an operation's kind in the file's list, added if it is not there."""
        name = custom and custom.encode()
        for index, code in enumerate(self.model.operatorCodes):
            if (max(code.builtinCode, code.deprecatedBuiltinCode), code.customCode) == (
                builtin,
                name,
            ):
                return index
        self.model.operatorCodes.append(
            self._schema.OperatorCodeT(
                # The old field holds what fits in a byte; 127 sends readers to the new one.
                deprecatedBuiltinCode=min(builtin, 127),
                builtinCode=builtin,
                customCode=name,
                version=1,
            )
        )
        return len(self.model.operatorCodes) - 1

    def _named(self, tensors: dict[str, int]) -> list[Any]:
        return [
            self._schema.TensorMapT(name=name.encode(), tensorIndex=index)
            for name, index in tensors.items()
        ]
