"""The one way from a photo file to a net's input, in training, evaluation and on the phone.

Resize rule "stretch": both sides are scaled to the input size, whatever the aspect, as MediaPipe
and Vision's scaleFill do. Interpolation: bilinear with antialiasing (Pillow's BILINEAR). Pixels
are RGB, uint8; the net itself holds the normalisation (rgb - 127) / 128 as its first layer, so a
client feeds plain 0..255 values.
"""

import json
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageFile, ImageOps

from pocketdet.errors import DatasetError

MAX_PIXELS = 120_000_000  # a 120 Mpx photo decodes to 360 MB; anything larger is taken for a bomb
# What Pillow raises for damaged files, found by flipping bytes in headers of six formats.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    struct.error,
    PIL.DecompressionBombError,
)


@dataclass(frozen=True)
class Preprocessing:
    """The specification, as it is written into the bundle.

    Attributes:
        input_wh: Width and height of the net's input, px.
        resize: Always "stretch".
        interpolation: Always "bilinear, antialiased".
        colour: Always "RGB".
        mean: Subtracted from every channel by the net's first layer.
        scale: The difference is divided by this.
    """

    input_wh: tuple[int, int]
    resize: Literal["stretch"] = "stretch"
    interpolation: Literal["bilinear, antialiased"] = "bilinear, antialiased"
    colour: Literal["RGB"] = "RGB"
    mean: float = 127.0
    scale: float = 128.0

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Preprocessing":
        """Read what `save` wrote."""
        raw = json.loads(path.read_text())
        return cls(**{**raw, "input_wh": tuple(raw["input_wh"])})


def load_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """The upright photo, (H, W, 3) uint8 RGB; EXIF orientation is applied.

    Raises:
        DatasetError: The file is missing, truncated, no picture, or larger than MAX_PIXELS.
    """
    try:
        with PIL.open(path) as picture:
            w, h = picture.size
            if w * h > MAX_PIXELS:
                raise DatasetError(
                    f"{path}: {w} x {h} px, expected at most {MAX_PIXELS:,} pixels; scale it down"
                )
            return np.asarray(to_rgb(ImageOps.exif_transpose(picture)), dtype=np.uint8)
    except FileNotFoundError:
        raise DatasetError(f"{path}: image file not found") from None
    except DAMAGED as error:
        raise DatasetError(
            f"{path}: not a whole picture ({error}); replace or remove it"
        ) from error


def to_rgb(picture: PIL.Image) -> PIL.Image:
    """Any Pillow mode as RGB; 16-bit grey keeps its upper 8 bits instead of saturating."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(picture).astype(np.uint32)
        picture = PIL.fromarray(
            (values >> (8 if values.max(initial=0) > 255 else 0)).astype(np.uint8)
        )
    return picture.convert("RGB")


def to_input(rgb: npt.NDArray[np.uint8], spec: Preprocessing) -> npt.NDArray[np.uint8]:
    """A photo (H, W, 3) as the net's input (input_h, input_w, 3), both uint8 RGB."""
    resized = PIL.fromarray(rgb).resize(spec.input_wh, PIL.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)


PIL.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns above it: the limit is ours, not Pillow's 89 Mpx
ImageFile.LOAD_TRUNCATED_IMAGES = False  # Pillow's own default, pinned: a cut JPEG is an error
