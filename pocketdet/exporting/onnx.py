"""The ONNX file, for ONNX Runtime mobile: float32, NHWC picture in, raw maps out, batch of 1."""

from pathlib import Path
from typing import Any

from pocketdet.exporting.contract import Tensor, Variant
from pocketdet.exporting.refusal import refusal
from pocketdet.exporting.served import Served, Trained


def write(path: Path, trained: Trained) -> None:
    """Write the file, see `convert`."""
    path.write_bytes(convert(trained.whole, trained.options.onnx_opset))


def convert(served: Served, opset: int) -> bytes:
    """The file's content; the same bytes for the same net.

    Args:
        served: The net.
        opset: Version of ONNX' operator set.

    Raises:
        ExportError: ONNX has no operation for a layer.
    """
    import onnx
    import tf2onnx

    try:
        model, _ = tf2onnx.convert.from_function(
            served.function, input_signature=served.function.input_signature, opset=opset
        )
    except (ValueError, NotImplementedError) as error:
        raise refusal(f"ONNX opset {opset}", (), served, str(error)) from error
    # What it cannot convert it copies, with TensorFlow's name, and says so in its log alone.
    copied = [n.op_type for n in model.graph.node if not onnx.defs.has(n.op_type, n.domain)]
    if copied:
        raise refusal(f"ONNX opset {opset}", copied, served, "")
    model.producer_version = ""
    _canonical(model.graph)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def describe(name: str, path: Path, trained: Trained) -> Variant:
    """The contract's entry of a written file, read from the file."""
    import onnx

    graph = onnx.load(path).graph
    return Variant(
        name=name,
        file=path.name,
        runtime="ONNX Runtime",
        inputs=tuple(map(_tensor, graph.input)),
        outputs=tuple(map(_tensor, graph.output)),
        postprocessing="app",
    )


def _tensor(value: Any) -> Tensor:
    import onnx

    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name
    return Tensor(value.name, tuple(d.dim_value for d in kind.shape.dim), dtype)


def _canonical(graph: Any) -> None:
    """Put nodes and constants in an order, and give them names, that depend on the net alone.

    tf2onnx walks sets of names, and Python's string hashes differ from process to process: which of
    several equal constants survives, and under which counter, changes from export to export.
    Here: nodes in the order in which a walk back from the outputs, by name, completes them;
    constants in the order of their first use.
    """
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    order: list[Any] = []
    done: set[int] = set()
    stack = [(makers[output.name], False) for output in reversed(graph.output)]
    while stack:
        node, complete = stack.pop()
        if complete:
            order.append(node)
        elif id(node) not in done:
            done.add(id(node))
            stack.append((node, True))
            stack.extend((makers[name], False) for name in reversed(node.input) if name in makers)

    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    used: list[Any] = []
    for number, node in enumerate(order):
        for name in node.input:
            if name in constants and name not in names:
                names[name] = f"constant_{len(used)}"
                used.append(constants[name])
        for k, name in enumerate(node.output):
            names.setdefault(name, f"{node.op_type}_{number}" + (f"_{k}" if k else ""))
        node.name = f"{node.op_type}_{number}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in used:
        tensor.name = names[tensor.name]
    nodes, tensors = [_copy(node) for node in order], [_copy(tensor) for tensor in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def _copy(message: Any) -> Any:
    """A copy that outlives the list which the message is in."""
    copy = type(message)()
    copy.CopyFrom(message)
    return copy
