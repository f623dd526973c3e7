from dataclasses import replace

import keras
import numpy as np
import pytest

from pocketdet.detector import net, quantised
from pocketdet.detector.spec import Level, NetSpec

SPEC = NetSpec(
    "mobilenet_v2", 0.35, "none", 8, 1, (64, 32), ("a",), (Level(8, ()), Level(16, ())),
    "anchor_free",
)  # fmt: skip


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return net.build(SPEC)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (2, 32, 64, 3)).astype(np.float32)


def ranges_of(model, pictures):
    values = keras.Model(model.input, quantised.activations(model))(pictures)
    return quantised.extremes([{name: np.asarray(x) for name, x in values.items()}])


def test_the_tensors_are_those_that_a_fused_operation_gives(model):
    names = set(quantised.activations(model))
    assert set(model.output) < names
    assert "backbone_1_1_add" in names  # a sum
    assert "backbone_1_0_project_bn" in names  # no activation behind it
    assert "backbone_stem_relu6" in names
    assert "backbone_stem_bn" not in names  # fuses with that
    assert "neck_enlarge_8" not in names  # keeps the scale of its input


def test_relu_fuses_as_relu6_does():
    spec = replace(SPEC, backbone="mobilenet_v3_small_minimalistic", width=1.0)
    names = set(quantised.activations(net.build(spec)))
    assert {"backbone_stem_relu", "backbone_1_0_project_bn"} < names
    assert "backbone_stem_bn" not in names


def test_ranges_span_all_batches_and_hold_zero():
    batches = [{"x": np.array([1.0, 5.0]), "y": np.array([2.0])}, {"x": np.array([-2.0, 1.0])}]
    assert quantised.extremes(batches) == {"x": (-2.0, 5.0), "y": (0.0, 2.0)}


def test_activations_are_whole_steps_of_their_range(model, pictures):
    ranges = ranges_of(model, pictures)
    rounded = quantised.rounded(model, ranges)
    tensors = {name: rounded.get_layer(f"{name}_int8").output for name in ranges}
    for name, values in keras.Model(rounded.input, tensors)(pictures).items():
        low, high = ranges[name]
        steps = np.asarray(values) / ((high - low) / 255)
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert np.ptp(steps) <= 255.01


def test_kernels_are_rounded_channel_by_channel_and_nothing_else(model):
    found = quantised.weights(model)
    depthwise = {v.name for v in model.layers if isinstance(v, keras.layers.DepthwiseConv2D)}
    for variable, value in zip(model.trainable_variables, found, strict=True):
        original, taken = variable.numpy(), np.asarray(value)
        if not variable.path.endswith("kernel"):
            np.testing.assert_array_equal(taken, original)
            continue
        # (h, w, channels, 1) or (h, w, in, out), where a single class gives a single channel too.
        axis = 2 if variable.path.split("/")[0] in depthwise else 3
        others = tuple(a for a in range(4) if a != axis)
        step = np.abs(original).max(others, keepdims=True) / 127
        np.testing.assert_allclose(taken / step, np.round(taken / step), atol=1e-3)
        assert np.abs(taken - original).max() <= 0.51 * step.max()


def test_the_rounded_net_shares_weights_and_is_near_the_net(model, pictures):
    rounded = quantised.rounded(model, ranges_of(model, pictures))
    assert [v.path for v in rounded.weights] == [v.path for v in model.weights]
    assert all(a is b for a, b in zip(rounded.weights, model.weights, strict=True))
    expected, found = model(pictures), rounded(pictures)
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert np.abs(found[name] - value).max() < 0.05 * np.ptp(value) + 1e-6


def test_ranges_on_disk(tmp_path):
    assert quantised.load(tmp_path) == {}
    ranges = {"b": (-0.1, 1 / 3), "a": (0.0, 6.0)}
    quantised.save(ranges, tmp_path)
    assert quantised.load(tmp_path) == ranges
