"""The trained net itself: the reference that every converted file is compared with."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.runtimes import Picture, Runtime, RuntimeMissingError

if TYPE_CHECKING:
    import keras


class KerasRuntime(Runtime):
    """A Keras model with the outputs that `NetSpec` describes."""

    name = "Keras"
    emulated = False
    partitions = None

    def __init__(self, model: "keras.Model", spec: NetSpec) -> None:
        """Wrap a model; it is compiled at the first picture."""
        self.spec = spec
        self._model = model

    @classmethod
    def load(cls, design: Path, trained: Path) -> "KerasRuntime":
        """Build the net of a design and fill in the trained weights.

        Raises:
            RuntimeMissingError: Keras is not installed.
            WeightsError: The weights are not those of the design.
        """
        try:
            import keras  # noqa: F401
        except ImportError as error:
            raise RuntimeMissingError(
                "Keras is not installed: pip install -e '.[pipeline]' in pocketdet's folder"
            ) from error
        from pocketdet.detector import net

        # A fixed batch: with a free one, Keras would trace the net again for another size.
        return cls(net.load(design, trained, batch=1), NetSpec.load(design / "net.json"))

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """The raw maps by name, (1, h, w, channels) float32."""
        outputs = self._model.predict_on_batch(rgb[None].astype(np.float32))
        return {name: np.asarray(value) for name, value in outputs.items()}
