"""A trained, larger net that shows a smaller one what to say of each picture (distillation).

The file is the weights.safetensors of another training or bundle: it says itself which net it is
of. What is taught, and how: `pocketdet.detector.losses.lesson`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pocketdet.detector import net, weights
from pocketdet.detector.backbones import BACKBONES
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import WeightsError

if TYPE_CHECKING:
    import keras

# What both must have alike, so that their outputs are of the same places.
ALIKE = ("classes", "input_wh", "head", "levels")


def load(path: Path, student: NetSpec) -> "keras.Model":
    """The teacher, which never changes.

    Args:
        path: Its weights, as `weights.save` writes them.
        student: The net that will learn.

    Raises:
        WeightsError: The file is missing or broken, does not say which net it is of, or that net's
            outputs are not of the same places and classes.
    """
    spec = weights.net_of(path)
    if spec is None or spec.backbone not in BACKBONES:
        raise WeightsError(
            f"{path}: a teacher's file must say which net it is of; take the weights.safetensors "
            "of a training or bundle made by this version of pocketdet"
        )
    for key in ALIKE:
        ours, theirs = getattr(student, key), getattr(spec, key)
        if ours != theirs:
            raise WeightsError(
                f"{path}: teacher and net must have the same {key}: expected {ours}, found "
                f"{theirs}; train the teacher on this data with this design, but for backbone, "
                "width, neck_channels and head_blocks"
            )
    model = net.build(spec)
    weights.load(model, path)
    model.trainable = False
    return model
