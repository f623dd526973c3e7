"""From a net's specification to a Keras model, and from the files of a trained one."""

from pathlib import Path
from typing import TYPE_CHECKING

from pocketdet.detector.backbones import BACKBONES
from pocketdet.detector.spec import NetSpec
from pocketdet.preprocess import MEAN, SCALE

if TYPE_CHECKING:
    import keras


def build(spec: NetSpec, batch: int | None = None) -> "keras.Model":
    """The net with fresh random weights; `pretrained.initialise` fills in the backbone's.

    Args:
        spec: The net.
        batch: Fixed number of pictures, or None for any.

    Returns:
        Input (batch, H, W, 3) float32 RGB 0..255; the normalisation is the first layer. Outputs by
        name as `NetSpec` tells.
    """
    import keras

    from pocketdet.detector import anchor_free, neck, ssdlite
    from pocketdet.detector.inverted_residual import features

    w, h = spec.input_wh
    picture = keras.Input((h, w, 3), batch_size=batch, dtype="float32", name="picture")
    x = keras.layers.Rescaling(1 / SCALE, -MEAN / SCALE, name="normalise")(picture)
    maps = features(
        x,
        BACKBONES[spec.backbone].until(spec.truncate_after),
        [level.stride for level in spec.levels],
        spec.width,
        fixed=spec.weights != "none",
    )
    maps = neck.aggregate(maps, spec.neck_channels)
    head = anchor_free if spec.anchor_free else ssdlite
    return keras.Model(picture, head.predict(maps, spec), name="detector")


def load(design: Path, trained: Path, batch: int | None = None) -> "keras.Model":
    """The trained net.

    Args:
        design: Folder of the design, with net.json.
        trained: Folder of the training's result, with weights.safetensors.
        batch: Fixed number of pictures, or None for any.

    Raises:
        WeightsError: The weights are not those of this net.
    """
    from pocketdet.detector import weights

    model = build(NetSpec.load(design / "net.json"), batch)
    weights.load(model, trained / "weights.safetensors")
    return model
