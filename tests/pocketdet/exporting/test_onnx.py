import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import onnx as exporting_onnx
from pocketdet.exporting.contract import Contract
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.opening import open_runtime


def test_equals_the_net(
    tiny_net: Runtime,
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
) -> None:
    file = open_runtime(tiny_converted / "detector.onnx", tiny_spec)
    for picture in tiny_pictures[-3:]:
        expected, found = tiny_net.raw(picture), file.raw(picture)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-5)


def test_is_a_valid_model_of_the_opset_asked_for(tiny_converted: Path) -> None:
    import onnx

    model = onnx.load(tiny_converted / "detector.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import if o.domain == ""] == [("", 17)]
    variant = Contract.load(tiny_converted / "contract.json").variant("onnx")
    assert variant.inputs[0].shape == (1, 64, 96, 3), "the batch is fixed"


@pytest.mark.parametrize("seed", range(5))
def test_names_and_order_depend_on_the_net_alone(tiny_converted: Path, seed: int) -> None:
    import onnx

    reference = onnx.load(tiny_converted / "detector.onnx")
    model = onnx.load(tiny_converted / "detector.onnx")
    rng = random.Random(seed)
    fixed = {value.name for value in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {}
    for node in model.graph.node:
        for values in (node.input, node.output):
            for k, name in enumerate(values):
                if name not in fixed:
                    values[k] = names.setdefault(name, f"n{rng.random()}")
        node.name = f"n{rng.random()}"
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for field in (model.graph.node, model.graph.initializer):
        shuffled = list(field)
        rng.shuffle(shuffled)
        copies = [type(item).FromString(item.SerializeToString()) for item in shuffled]
        del field[:]
        field.extend(copies)
    assert model != reference
    exporting_onnx._canonical(model.graph)
    assert model == reference
