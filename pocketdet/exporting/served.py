"""The trained net as one TensorFlow function of fixed shape: what every converter starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pocketdet.config import Convert
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.preprocess import Preprocessing

if TYPE_CHECKING:
    import keras

INPUT = "image"  # name of the picture in every converted file


@dataclass(frozen=True)
class Served:
    """A function with its weights.

    Attributes:
        function: tf.function, image (1, H, W, 3) float32 -> raw maps by name.
        module: tf.Module that owns the weights; the converters find them through it.
        shape: Of the image.
    """

    function: Any
    module: Any
    shape: tuple[int, int, int, int]

    @property
    def concrete(self) -> Any:
        """The traced function; the same object at every call."""
        return self.function.get_concrete_function()


@dataclass(frozen=True)
class Trained:
    """The trained net and all that a converter may ask for.

    Attributes:
        model: With a batch of 1.
        spec: What it is.
        rule: From a photo to its input.
        point: Deployment parameters.
        score_min: A file that suppresses by itself gives boxes from this score on: the lowest that
            evaluation looks at, so that an app may choose its threshold.
        options: Section `convert` of params.yaml.
        ranges: Of the activations of a net that was trained rounded.
        made: What converters keep here to make several files of: their own name -> anything.
            LiteRT's int8 is put here before, see `exporting.remedies`.
    """

    model: "keras.Model"
    spec: NetSpec
    rule: Preprocessing
    point: OperatingPoint
    score_min: float
    options: Convert
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def whole(self) -> Served:
        """The net; its input is a picture of 0..255."""
        return serve(self.model)

    @cached_property
    def core(self) -> Served:
        """The net without its normalisation."""
        return serve(without_normalisation(self.model))

    @cached_property
    def rounded(self) -> Served:
        """The same, its input and activations rounded to 8 bits as training did."""
        import keras

        from pocketdet.detector import quantised

        core = without_normalisation(self.model)
        picture = keras.Input(batch_shape=core.input.shape, name=INPUT)
        low, high = ((value - self.rule.mean) / self.rule.scale for value in (0, 255))
        x = quantised.FakeQuantise(low, high, name="picture_int8")(picture)
        return serve(keras.Model(picture, quantised.rounded(core, self.ranges)(x), name=core.name))


NORMALISATION = "normalise"  # name of every net's first layer


def without_normalisation(model: "keras.Model") -> "keras.Model":
    """The same net, same weights, from the second layer on; its input is a normalised picture.

    Raises:
        ExportError: The net does not begin with such a layer.
    """
    import keras

    if NORMALISATION not in [layer.name for layer in model.layers]:
        raise ExportError(f"{model.name}: expected a layer {NORMALISATION!r} after the input")
    return keras.Model(model.get_layer(NORMALISATION).output, model.output, name=model.name)


def serve(model: "keras.Model") -> Served:
    """Wrap a net for conversion.

    Args:
        model: Built with a batch of 1. A free batch dimension would split the LiteRT file into two
            XNNPACK partitions and give the ONNX file a new random name at every export.

    Raises:
        ExportError: The batch size is not 1.
    """
    import tensorflow as tf

    shape = tuple(model.inputs[0].shape)
    if shape[0] != 1:
        raise ExportError(f"{model.name}: input {shape}, expected a net built with a batch of 1")
    # The converter freezes only variables that a tf.Module owns. Handing it the Keras model instead
    # writes a file that gives NaN, without a warning.
    module = tf.Module()
    module.owned = [variable.value for variable in model.variables]

    @tf.function(  # type: ignore[untyped-decorator]
        autograph=False, input_signature=[tf.TensorSpec(shape, tf.float32, name=INPUT)]
    )
    def function(image: Any) -> dict[str, Any]:
        outputs = model(image, training=False)
        return {name: tf.identity(outputs[name], name=name) for name in sorted(outputs)}

    return Served(function, module, shape)
