from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.exporting.mil import OPERATIONS
from pocketdet.quiet import quiet

RNG = np.random.default_rng(0)


def picture(channels: int, height: int = 7, width: int = 10) -> npt.NDArray[np.float32]:
    return RNG.normal(size=(1, channels, height, width)).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("groups", [1, 4])
def test_convolution(stride: int, kernel: int, padding: str, groups: int) -> None:
    with quiet():
        import tensorflow as tf

    x = picture(4)
    shape = (4, 1) if groups == 4 else (6, 4)
    weight = RNG.normal(size=(*shape, kernel, kernel)).astype(np.float32)
    bias = RNG.normal(size=shape[0]).astype(np.float32)
    inputs: dict[str, Any] = {
        "x": x, "weight": weight, "bias": bias, "strides": [stride, stride], "dilations": [1, 1],
        "pad_type": padding, "pad": [0, 0, 0, 0], "groups": groups,
    }  # fmt: skip
    rows = x.transpose(0, 2, 3, 1)
    steps = [1, stride, stride, 1]
    if groups == 4:
        reference = tf.nn.depthwise_conv2d(
            rows, weight.transpose(2, 3, 0, 1), steps, padding.upper()
        )
    else:
        reference = tf.nn.conv2d(rows, weight.transpose(2, 3, 1, 0), steps, padding.upper())
    expected = (reference.numpy() + bias).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(OPERATIONS["conv"](inputs), expected, atol=2e-5)


def test_convolution_with_own_padding_and_float16() -> None:
    x = picture(2)
    weight = RNG.normal(size=(3, 2, 3, 3)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 1)))
    inputs: dict[str, Any] = {
        "weight": weight, "strides": [1, 1], "dilations": [1, 1], "groups": 1, "bias": None
    }  # fmt: skip
    own = {**inputs, "x": x, "pad_type": "custom", "pad": [1, 0, 2, 1]}
    none = {**inputs, "x": padded, "pad_type": "valid", "pad": [0, 0, 0, 0]}
    np.testing.assert_array_equal(OPERATIONS["conv"](own), OPERATIONS["conv"](none))
    half = {**own, "x": x.astype(np.float16), "weight": weight.astype(np.float16)}
    found = OPERATIONS["conv"](half)
    assert found.dtype == np.float32, "sums are not float16"
    np.testing.assert_allclose(found, OPERATIONS["conv"](own), atol=0.05)


@pytest.mark.parametrize(
    ("operation", "rule"),
    [
        ("upsample_bilinear", "bilinear"),
        ("upsample_nearest_neighbor", "nearest"),
        ("resize_nearest_neighbor", "nearest"),
    ],
)
def test_enlarging(operation: str, rule: str) -> None:
    with quiet():
        import keras

    x = picture(3)
    sizes = (
        {"target_size_height": 14, "target_size_width": 20}
        if operation.startswith("resize")
        else {"scale_factor_height": 2.0, "scale_factor_width": 2.0}
    )
    found = OPERATIONS[operation]({"x": x, "align_corners": False, **sizes})
    large = keras.ops.image.resize(x.transpose(0, 2, 3, 1), (14, 20), interpolation=rule)
    np.testing.assert_allclose(found, np.asarray(large).transpose(0, 3, 1, 2), atol=1e-5)


def test_slicing() -> None:
    x = np.arange(24).reshape(4, 6)
    inputs: dict[str, Any] = {"x": x, "begin": [1, 2], "end": [3, 0], "stride": [1, 2]}
    found = OPERATIONS["slice_by_index"](
        {**inputs, "begin_mask": [False, False], "end_mask": [False, True], "squeeze_mask": None}
    )
    np.testing.assert_array_equal(found, x[1:3, 2::2])
    found = OPERATIONS["slice_by_index"]({**inputs, "squeeze_mask": [True, False], "end": [0, 5]})
    np.testing.assert_array_equal(found, x[1, 2:5:2])


def test_values_are_bounded() -> None:
    x = np.asarray([-1e4, -1.0, 0.0, 7.0, 1e4], np.float32)
    assert OPERATIONS["relu6"]({"x": x}).tolist() == [0, 0, 0, 6, 6]
    sigmoid = OPERATIONS["sigmoid"]({"x": x})
    assert sigmoid[2] == 0.5
    assert (sigmoid[0], sigmoid[4]) == (pytest.approx(0), pytest.approx(1))
