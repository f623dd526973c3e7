"""A net with a layer that no phone's format knows: each converter names it."""

import gc
from collections.abc import Callable

import pytest

from pocketdet.config import Convert
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import coreml, litert, onnx
from pocketdet.exporting.served import Served, Trained, serve
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet

SPEC = NetSpec("b", 1.0, "none", 8, 0, (32, 32), ("person",), (Level(32, ()),), "anchor_free")


@pytest.fixture(scope="module")
def net() -> Served:
    """The two outputs of an anchor-free head, and a strange operation before one of them."""
    with quiet():
        import keras
        import tensorflow as tf

    class Strange(keras.layers.Layer):
        def call(self, x: tf.Tensor) -> tf.Tensor:
            return tf.math.betainc(tf.abs(x) + 0.1, tf.abs(x) + 0.1, tf.sigmoid(x))

    picture = keras.Input((32, 32, 3), batch_size=1, name="picture")
    x = keras.layers.Conv2D(4, 32, 32, name="backbone_stem")(picture)
    outputs = {"boxes_32": keras.layers.Conv2D(SPEC.box_values, 1, name="head_boxes")(x)}
    x = Strange(name="head_strange")(keras.layers.Conv2D(1, 1, name="head_scores")(x))
    return serve(keras.Model(picture, outputs | {"scores_32": x}, name="detector"))


def to_coreml(net: Served) -> object:
    options = Convert.model_construct(coreml_ios=16)
    rule = Preprocessing(SPEC.input_wh, "stretch")
    trained = Trained(None, SPEC, rule, None, 0.01, options)
    trained.__dict__["whole"] = net  # in place of what is cached there
    return coreml._program(trained)


# coremltools leaves a temporary folder to the collector.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("target", "convert"),
    [
        ("LiteRT fp32", lambda net: litert.convert(net, "fp32")),
        ("ONNX opset 17", lambda net: onnx.convert(net, 17)),
        ("Core ML", to_coreml),
    ],
)
def test_operation_layer_and_choice_are_named(
    net: Served, target: str, convert: Callable[[Served], object]
) -> None:
    with pytest.raises(ExportError) as refused:
        convert(net)
    text = str(refused.value)
    del refused
    gc.collect()
    assert text == (
        f"{target}: the converter refuses this net\n"
        "  Betainc, made by layer head_strange: choose another design.head"
    )
