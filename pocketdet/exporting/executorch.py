"""ExecuTorch's .pte files, for apps that run PyTorch's mobile runtime: one XNNPACK delegate.

The picture is float32 RGB 0..255, NHWC, as in the LiteRT files, and the raw maps come out alike. A
file names neither; outputs are in the order of `NetSpec.outputs`. Made in an environment of its own
(`make executorch`), because PyTorch takes more room than all of the pipeline.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting.contract import Tensor, Variant
from pocketdet.exporting.refusal import choice

if TYPE_CHECKING:
    import keras

Precision = Literal["fp32", "int8"]
PRECISIONS: Mapping[str, Precision] = {"executorch_fp32": "fp32", "executorch_int8": "int8"}
DELEGATE = "executorch_call_delegate"  # the operation that calls one


def write(
    path: Path,
    model: "keras.Model",
    spec: NetSpec,
    precision: Precision,
    pictures: Sequence[npt.NDArray[np.uint8]],
) -> None:
    """Write a file; the same bytes for the same net and calibration pictures.

    Args:
        path: The file.
        model: With a batch of 1.
        spec: What it is.
        precision: int8 rounds weights and activations; input and outputs stay float32.
        pictures: (H, W, 3) uint8 RGB at the input's size, for int8's ranges.

    Raises:
        ExportError: A layer cannot be translated, or its operation stays outside of the delegate;
            either names it.
    """
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from pocketdet.exporting.torch_int8 import quantise
    from pocketdet.exporting.torch_net import Net

    net: Any = Net(model, list(spec.outputs()))
    if precision == "int8":
        net = quantise(net, pictures)
    exported = torch.export.export(net, (torch.zeros(*model.inputs[0].shape),))
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
        f"{name}, made by layer {_layer(node)}, stays outside: choose {choice(_layer(node))}"
        for node, name in zip(calls, names, strict=True)
        if name not in (DELEGATE, "getitem")
    ]
    if outside or names.count(DELEGATE) != 1:
        raise ExportError(
            f"ExecuTorch: {names.count(DELEGATE)} XNNPACK delegates, expected one\n  "
            + "\n  ".join(outside[:5])
        )


def _layer(node: Any) -> str:
    """The net's layer that an operation is of."""
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    named = [path.split("layers.")[1].split(".")[0] for path in paths if "layers." in path]
    return str(named[0] if named else node.name)


def describe(name: str, path: Path, spec: NetSpec) -> Variant:
    """The contract's entry of a written file, read from the file."""
    from pocketdet.runtimes.executorch import ExecuTorchRuntime

    picture, *maps = (
        Tensor(tensor, shape, "float32")
        for tensor, shape in ExecuTorchRuntime(path, spec).shapes.items()
    )
    return Variant(name, path.name, "ExecuTorch", (picture,), tuple(maps), postprocessing="app")
