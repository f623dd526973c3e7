"""ExecuTorch's .pte files, for apps that run PyTorch's mobile runtime: one XNNPACK delegate.

The picture is float32 RGB 0..255, NHWC, as in the LiteRT files, and the raw maps come out alike. A
file names neither; outputs are in the order of `NetSpec.outputs`. Made in an environment of its own
(`make executorch`), because PyTorch takes more room than all of the pipeline.
"""

from pathlib import Path
from typing import Any, Literal

from pocketdet.errors import ExportError
from pocketdet.exporting.contract import Tensor, Variant
from pocketdet.exporting.served import INPUT, Trained

Precision = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
CALIBRATION = "calibration"  # in `Trained.made`: the pictures (H, W, 3) uint8 for int8's ranges
DELEGATE = "executorch_call_delegate"  # the operation that calls one


def write(path: Path, trained: Trained, precision: Precision) -> None:
    """Write a file; the same bytes for the same net and calibration pictures.

    Args:
        path: The file.
        trained: The net.
        precision: int8 rounds weights and activations, input and outputs stay float32.

    Raises:
        ExportError: A layer cannot be translated, or its operation stays outside of the delegate;
            either names it.
    """
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from pocketdet.exporting.torch_int8 import quantise
    from pocketdet.exporting.torch_net import Net

    net: Any = Net(trained.model, list(trained.spec.outputs()))
    if precision == "int8":
        net = quantise(net, trained.made[CALIBRATION])
    exported = torch.export.export(net, (torch.zeros(*trained.model.inputs[0].shape),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    check(lowered.exported_program().graph_module)
    path.write_bytes(lowered.to_executorch().buffer)


def check(graph_module: Any) -> None:
    """Refuse a net that is not one delegate from end to end.

    Args:
        graph_module: torch.fx.GraphModule after lowering.

    Raises:
        ExportError: It is not; the first operations outside are listed with their layers.
    """
    calls = [node for node in graph_module.graph.nodes if node.op == "call_function"]
    names = [getattr(node.target, "__name__", str(node.target)) for node in calls]
    outside = [
        f"layer {_layer(node)}: {name} is none of XNNPACK's operations"
        for node, name in zip(calls, names, strict=True)
        if name not in (DELEGATE, "getitem")
    ]
    if outside or names.count(DELEGATE) != 1:
        raise ExportError(
            f"ExecuTorch: {names.count(DELEGATE)} delegates, expected one\n  "
            + "\n  ".join(outside[:5])
        )


def _layer(node: Any) -> str:
    """The net's layer that an operation is of."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    named = [path.split("layers.")[1].split(".")[0] for path in paths if "layers." in path]
    return str(named[0] if named else node.name)


def describe(name: str, path: Path, trained: Trained) -> Variant:
    """The contract's entry of a written file, read from the file."""
    from pocketdet.runtimes.executorch import ExecuTorchRuntime

    shapes = ExecuTorchRuntime(path, trained.spec).shapes
    picture, *maps = (Tensor(name, shape, "float32") for name, shape in shapes.items())
    if picture.name != INPUT:
        raise ExportError(f"{path}: expected the input {INPUT} first, found {picture.name}")
    return Variant(
        name=name,
        file=path.name,
        runtime="ExecuTorch",
        inputs=(picture,),
        outputs=tuple(maps),
        postprocessing="app",
    )
