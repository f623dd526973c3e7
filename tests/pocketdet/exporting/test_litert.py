from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import delegates, flatbuffer, litert, quantise
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.served import Trained, serve, without_normalisation
from pocketdet.exporting.variants import RECIPES
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.litert import LiteRTRuntime
from pocketdet.runtimes.opening import open_runtime

PRECISIONS = ("fp32", "fp16", "int8")
RULE = Preprocessing((96, 64), "stretch")
Pictures = list[npt.NDArray[np.uint8]]


def trained(rule: Preprocessing) -> Trained:
    """What `describe` looks at: the rule alone."""
    return Trained(None, None, rule, None, 0.01, None)


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    # Of the outputs' standard deviation.
    [("fp32", 1e-5), ("fp16", 2e-3), ("dynamic", 0.04), ("int8", 0.04)],
)
def test_equals_the_net(
    tiny_net: Runtime,
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: Pictures,
    precision: str,
    tolerance: float,
) -> None:
    file = open_runtime(tiny_converted / f"{precision}.tflite", tiny_spec)
    for picture in tiny_pictures[-3:]:  # not among the calibration pictures
        expected, found = tiny_net.raw(picture), file.raw(picture)
        assert expected.keys() == found.keys()
        for name, value in expected.items():
            assert found[name].dtype == np.float32
            assert value.std() > 0.1, "a constant output would prove nothing"
            difference = np.abs(value - found[name])
            assert difference.mean() < tolerance * value.std(), name


def test_sizes_shrink_as_promised(tiny_converted: Path) -> None:
    fp32, fp16, int8 = (
        flatbuffer.read(tiny_converted / f"{p}.tflite").weight_bytes for p in PRECISIONS
    )
    assert fp16 == pytest.approx(fp32 / 2, rel=0.02)
    assert int8 < 0.4 * fp32


def test_int8_takes_plain_pixels_and_has_a_scale_per_channel(tiny_converted: Path) -> None:
    graph = flatbuffer.read(tiny_converted / "int8.tflite")
    (picture,) = (graph.tensors[i] for i in graph.inputs.values())
    assert (picture.dtype, picture.scale, picture.zero_point) == ("uint8", 1 / 128, 127)
    assert graph.operations[0].kind == "QUANTIZE"  # uint8 to int8
    assert graph.operations[1].kind == "CONV_2D", "the normalisation is no layer"
    assert all(graph.tensors[i].dtype == "float32" for i in graph.outputs.values())
    convolution = next(op for op in graph.operations if op.kind == "CONV_2D")
    assert graph.tensors[convolution.inputs[1]].dtype == "int8"
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(tiny_converted / "int8.tflite"))
    details = interpreter.get_tensor_details()[convolution.inputs[1]]
    assert len(details["quantization_parameters"]["scales"]) == details["shape"][0] > 1


def test_the_contract_describes_the_files(tiny_converted: Path, tiny_spec: NetSpec) -> None:
    contract = Contract.load(tiny_converted / "contract.json")
    assert contract.net == tiny_spec
    assert [v.name for v in contract.variants] == list(RECIPES)
    names = {f"{kind}_{s}" for kind in ("scores", "boxes") for s in (8, 16, 32)}
    for name, dtype in (("fp32", "float32"), ("fp16", "float32"), ("int8", "uint8")):
        variant = contract.variant(name)
        (picture,) = variant.inputs
        assert (picture.name, picture.shape, picture.dtype) == ("image", (1, 64, 96, 3), dtype)
        assert {output.name for output in variant.outputs} == names
        # An app that reads outputs by index instead of by name needs their order to be the file's.
        from ai_edge_litert.interpreter import Interpreter

        details = Interpreter(str(tiny_converted / variant.file)).get_output_details()
        assert [o.shape for o in variant.outputs] == [tuple(d["shape"]) for d in details]


def test_int8_of_a_net_that_was_trained_rounded_is_that_net(
    tiny_trained: Path, tiny_spec: NetSpec, tiny_pictures: Pictures, tmp_path: Path
) -> None:
    with quiet():
        import keras

        from pocketdet.detector import net, quantised

        model = net.load(tiny_trained / "design", tiny_trained / "trained", batch=1)
        # The converter gives channels of equal biases the first one's integer, whatever their
        # scales. Fresh biases are equal; trained ones, other than 0, never are.
        for stride in (8, 16, 32):
            bias = model.get_layer(f"scores_{stride}").bias
            bias.assign(bias + np.linspace(-0.5, 0.5, len(bias.numpy())))
        look = keras.Model(model.input, quantised.activations(model))
        values = [look(p[None].astype(np.float32)) for p in tiny_pictures[:4]]
        ranges = quantised.extremes({n: np.asarray(x) for n, x in v.items()} for v in values)
        source = Trained(model, tiny_spec, RULE, None, 0.01, None, ranges)
        path = tmp_path / "int8.tflite"
        path.write_bytes(litert.quantise_trained(source.rounded))
    assert litert.describe("int8", path, source).inputs[0].dtype == "uint8"
    graph = flatbuffer.read(path)
    inner = {o for op in graph.operations for o in op.outputs} - set(graph.outputs.values())
    assert {graph.tensors[i].dtype for i in inner} == {"int8"}
    file = LiteRTRuntime(path, tiny_spec)
    assert file.partitions == 1
    rounded = quantised.rounded(model, ranges)
    kernels = quantised.weights(rounded)
    rest = [v.value for v in rounded.non_trainable_variables]
    for picture in tiny_pictures[-3:]:
        found = file.raw(picture)
        expected, _ = rounded.stateless_call(
            kernels, rest, picture[None].astype(np.float32), training=False
        )
        for name, value in expected.items():
            step = (ranges[name][1] - ranges[name][0]) / 255
            np.testing.assert_allclose(found[name] / step, np.round(found[name] / step), atol=1e-3)
            difference = np.abs(found[name] - value) / step
            assert difference.mean() < 1, "sums in other orders, and a net that amplifies them"


def test_a_backbone_with_relu_equals_its_files(
    tiny_spec: NetSpec, tiny_pictures: Pictures, tmp_path: Path
) -> None:
    # ReLU6 is everywhere else; this one's int8 ranges have no upper end of their own.
    spec = replace(tiny_spec, backbone="mobilenet_v3_small_minimalistic", width=1.0)
    pictures = np.stack(tiny_pictures).astype(np.float32)
    with quiet():
        import keras

        from pocketdet.detector import net

        keras.utils.set_random_seed(0)
        fresh, model = net.build(spec), net.build(spec, batch=1)
        for layer in fresh.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
                layer.gamma.assign(2 * layer.gamma)
                layer.beta.assign(layer.beta + 3)
        fresh(pictures, training=True)  # the statistics are those of the pictures
        model.set_weights(fresh.get_weights())
        stem = keras.Model(model.input, model.get_layer("backbone_stem_relu").output)
        assert np.max(stem(pictures[:1])) > 6.5
        core = litert.convert(serve(without_normalisation(model)), "fp32")
        int8 = quantise.quantise(core, RULE, tiny_pictures[:-3])
    path = tmp_path / "net.tflite"
    for content, tolerance in ((core, 1e-5), (int8, 0.08)):
        path.write_bytes(content)
        file = LiteRTRuntime(path, spec)
        assert file.partitions == 1
        for picture in tiny_pictures[-3:]:
            normalised = (picture - RULE.mean) / RULE.scale
            found = file.raw(normalised if content is core else picture)
            for name, value in model(picture[None].astype(np.float32)).items():
                assert np.std(value) > 0.05
                difference = np.abs(value - found[name])
                assert difference.mean() < tolerance * np.std(value), name


def test_what_xnnpack_takes_is_one_piece(tiny_converted: Path, tiny_spec: NetSpec) -> None:
    for precision in PRECISIONS:
        path = tiny_converted / f"{precision}.tflite"
        outside = delegates.outside(flatbuffer.read(path))["XNNPACK"]
        pieces = LiteRTRuntime(path, tiny_spec).partitions
        assert pieces == 1 if not outside else pieces > 1


def test_what_is_no_litert_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "int8.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(ExportError, match="not a LiteRT file"):
        litert.describe("int8", tmp_path / "int8.tflite", trained(RULE))


def test_an_int8_file_that_needs_other_pixels_is_refused(tiny_converted: Path) -> None:
    other = trained(replace(RULE, mean=128.0))
    with pytest.raises(ExportError, match="would have to requantise"):
        litert.describe("int8", tiny_converted / "int8.tflite", other)
