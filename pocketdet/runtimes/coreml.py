"""Core ML: .mlpackage folders, by Apple's runtime on macOS and by an emulation elsewhere.

Both run the net of the package without the suppression behind it, so that its candidates can be
compared with those of other runtimes.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.detector.decode import Floats
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.quiet import quiet
from pocketdet.runtimes import Picture, Runtime, RuntimeMissingError


class CoreMLRuntime(Runtime):
    """A package as `pocketdet.exporting.coreml` writes it."""

    partitions = None

    def __init__(self, path: Path, spec: NetSpec) -> None:
        """Load the package.

        Raises:
            RuntimeMissingError: coremltools is not installed.
            ExportError: The package is broken, or its operations are not known to the emulation.
        """
        try:
            with quiet():  # it lists what it lacks outside of macOS
                import coremltools
        except ImportError as error:
            raise RuntimeMissingError(
                "coremltools is not installed: pip install -e '.[pipeline]' in pocketdet's folder"
            ) from error
        from pocketdet.exporting import coreml, mil
        from pocketdet.exporting.served import INPUT

        self.spec = spec
        self.emulated = sys.platform != "darwin"
        self.name = "Core ML (emulated)" if self.emulated else "Core ML"
        if self.emulated:
            self._run: Any = mil.Program(path).run
        else:
            from PIL import Image

            net = coreml.load(path).pipeline.models[0]
            weights = str(path / "Data" / coreml.WEIGHTS)
            model = coremltools.models.MLModel(net, weights_dir=weights)
            self._run = lambda rgb: model.predict({INPUT: Image.fromarray(rgb)})
        self._names = (coreml.SCORES, coreml.BOXES)
        w, h = spec.input_wh
        outputs = self._run(np.zeros((h, w, 3), np.uint8))
        if missing := set(self._names) - set(outputs):
            raise ExportError(f"{path}: gives no {', '.join(sorted(missing))}")

    def raw(self, rgb: Picture) -> dict[str, Floats]:
        """raw_confidence (A, classes) and raw_coordinates (A, 4), see `exporting.coreml`."""
        outputs = self._run(rgb)
        return {name: np.asarray(outputs[name], np.float32) for name in self._names}

    def candidates(self, outputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Boxes and scores, see `Runtime`."""
        scores, boxes = (outputs[name] for name in self._names)
        return corners(boxes, self.spec), scores

    def reference(
        self, raw: Mapping[str, Floats], boxes_xyxy: Floats, scores: Floats
    ) -> Mapping[str, Floats]:
        """Candidates as the package gives them, see `Runtime`."""
        return dict(zip(self._names, (scores, shares(boxes_xyxy, self.spec)), strict=True))


def corners(boxes_cxcywh: Floats, spec: NetSpec) -> Floats:
    """Centre and size in shares of the picture -> xyxy in input px, (A, 4)."""
    sides = np.asarray(spec.input_wh, np.float32)
    centres, sizes = boxes_cxcywh[:, :2] * sides, boxes_cxcywh[:, 2:] * sides
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], -1)


def shares(boxes_xyxy: Floats, spec: NetSpec) -> Floats:
    """The inverse of `corners`."""
    sides = np.asarray(spec.input_wh, np.float32)
    low, high = boxes_xyxy[:, :2] / sides, boxes_xyxy[:, 2:] / sides
    return np.concatenate([(low + high) / 2, high - low], -1)
