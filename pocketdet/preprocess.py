"""The one way from a photo file to a net's input, in training, evaluation and on the phone.

Resize rules: "stretch" scales both sides to the input size, whatever the aspect, as MediaPipe and
Vision's scaleFill do; "letterbox" keeps the aspect and fills what is left of the input with grey,
as Vision's scaleFit does. A rule is a name in `Resize`, its words in `RESIZE` and its arithmetic in
`Preprocessing.sides`; all else follows from these. Interpolation: bilinear, "antialiased" (Pillow's
BILINEAR) or as "mediapipe" does it: without antialiasing, pixel k of n taken at k photo / n, so
that corners and not edges meet. Pixels are RGB, uint8; the net itself holds the normalisation
(rgb - 127) / 128 as its first layer, so a client feeds plain 0..255 values.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageFile, ImageOps

from pocketdet.errors import DatasetError

MAX_PIXELS = 120_000_000  # a 120 Mpx photo decodes to 360 MB; anything larger is taken for a bomb
# By content, whatever a file is called: most of Pillow's holes were in rarer decoders, and it would
# hand PostScript to Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
# What Pillow raises for damaged files, found by flipping bytes in headers of six formats.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    struct.error,
    PIL.DecompressionBombError,
)


Floats = npt.NDArray[np.float32]
Resize = Literal["stretch", "letterbox"]
Interpolation = Literal["antialiased", "mediapipe"]
# What an app must do: in words, and as the option of Vision's requests on iOS.
RESIZE: dict[Resize, tuple[str, str]] = {
    "stretch": ("stretched to the input size, whatever its aspect", "scaleFill"),
    "letterbox": ("scaled to fit the input size and centred, the rest grey (127)", "scaleFit"),
}
MEAN, SCALE = 127.0, 128.0  # the net computes (rgb - MEAN) / SCALE
FILL = (127, 127, 127)  # of a letterbox: zero after the normalisation


@dataclass(frozen=True)
class View:
    """Where the whole of a picture goes in a frame; it may stick out of it.

    Attributes:
        corner_xy: Top left corner of the picture in the frame, px.
        size_wh: Width and height that the picture takes in the frame, px.
        flip: Whether the picture is mirrored left to right, within its place.
        upside_down: Whether it is mirrored top to bottom.
    """

    corner_xy: tuple[float, float]
    size_wh: tuple[float, float]
    flip: bool = False
    upside_down: bool = False

    def matrix(self, picture_wh: tuple[int, int]) -> npt.NDArray[np.float64]:
        """From px of a picture of this size to px of the frame: homogeneous, (3, 3)."""
        scale = np.array(self.size_wh) / picture_wh
        corner = np.array(self.corner_xy)
        mirrored = np.array([self.flip, self.upside_down])
        matrix = np.diag([*np.where(mirrored, -scale, scale), 1.0])
        matrix[:2, 2] = np.where(mirrored, corner + self.size_wh, corner)
        return matrix

    def back(self, boxes_xyxy: Floats, picture_wh: tuple[int, int]) -> Floats:
        """Boxes of the frame, (N, 4), in the picture of this size, not clipped."""
        scale = np.array(picture_wh * 2) / (self.size_wh * 2)
        moved = (boxes_xyxy - np.array(self.corner_xy * 2)) * scale
        if self.flip:
            moved[:, [0, 2]] = picture_wh[0] - moved[:, [2, 0]]
        if self.upside_down:
            moved[:, [1, 3]] = picture_wh[1] - moved[:, [3, 1]]
        photo: Floats = moved.astype(np.float32)
        return photo


@dataclass(frozen=True)
class Preprocessing:
    """The specification, as it is written into the bundle.

    Attributes:
        input_wh: Width and height of the net's input, px.
        resize: A rule of `RESIZE`.
        interpolation: "antialiased" or "mediapipe", bilinear both.
        colour: Always "RGB".
        mean: Subtracted from every channel by the net's first layer.
        scale: The difference is divided by this.
    """

    input_wh: tuple[int, int]
    resize: Resize
    interpolation: Interpolation = "antialiased"
    colour: Literal["RGB"] = "RGB"
    mean: float = MEAN
    scale: float = SCALE

    def sides(self, photos_wh: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Width and height that photos of these sizes (..., 2) take in the input, whole px."""
        photos = np.asarray(photos_wh, np.float64)
        scales = self.input_wh / photos
        if self.resize == "letterbox":
            scales = scales.min(-1, keepdims=True)
        sides: npt.NDArray[np.float64] = np.maximum(np.rint(photos * scales), 1)
        return sides

    def corners(self, photos_wh: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where the top left corners of such photos (..., 2) come in the input, whole px."""
        left: npt.NDArray[np.float64] = (self.input_wh - self.sides(photos_wh)) // 2
        return left

    def view(self, photo_wh: tuple[int, int]) -> View:
        """Where a photo goes in the input."""
        (x, y), (w, h) = self.corners(photo_wh).tolist(), self.sides(photo_wh).tolist()
        return View((x, y), (w, h))

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
    return np.asarray(_load(path, to_rgb), dtype=np.uint8)


def load_grey(path: Path) -> PIL.Image:
    """The upright photo in grey. Of a JPEG the luma alone is decoded, which is a third faster.

    Every byte of the file is read all the same: what `load_rgb` finds broken, this does.

    Raises:
        DatasetError: As `load_rgb`.
    """
    return _load(path, to_grey)


def _load(path: Path, convert: Callable[[PIL.Image], PIL.Image]) -> PIL.Image:
    try:
        with PIL.open(path, formats=FORMATS) as picture:
            w, h = picture.size
            if w * h > MAX_PIXELS:
                raise DatasetError(
                    f"{path}: {w} x {h} px, expected at most {MAX_PIXELS:,} pixels; scale it down"
                )
            if convert is to_grey and picture.format == "JPEG" and picture.mode == "RGB":
                picture.draft("L", picture.size)
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            return convert(picture)
    except FileNotFoundError:
        raise DatasetError(f"{path}: image file not found") from None
    except DAMAGED as error:
        raise DatasetError(
            f"{path}: not a whole picture ({error}); replace or remove it"
        ) from error


def to_grey(picture: PIL.Image) -> PIL.Image:
    """Any Pillow mode as 8-bit luma."""
    return picture if picture.mode == "L" else to_rgb(picture).convert("L")


def to_rgb(picture: PIL.Image) -> PIL.Image:
    """Any Pillow mode as RGB; 16-bit grey keeps its upper 8 bits instead of saturating."""
    if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(picture).astype(np.uint32)
        picture = PIL.fromarray(
            (values >> (8 if values.max(initial=0) > 255 else 0)).astype(np.uint8)
        )
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy it


def to_input(rgb: npt.NDArray[np.uint8], rule: Preprocessing) -> npt.NDArray[np.uint8]:
    """A photo (H, W, 3) as the net's input (input_h, input_w, 3), both uint8 RGB."""
    view = rule.view((rgb.shape[1], rgb.shape[0]))
    (x, y), (w, h) = view.corner_xy, view.size_wh
    frame = PIL.new("RGB", rule.input_wh, FILL)
    size = (int(w), int(h))
    if rule.interpolation == "mediapipe":
        photo = PIL.fromarray(_at_corners(rgb, size))
    else:
        photo = PIL.fromarray(rgb).resize(size, PIL.Resampling.BILINEAR)
    frame.paste(photo, (int(x), int(y)))
    return np.asarray(frame, dtype=np.uint8)


def _at_corners(rgb: npt.NDArray[np.uint8], size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """What OpenCV's warpPerspective gives MediaPipe: bilinear at places of whole 1/32 px."""
    values: npt.NDArray[Any] = rgb
    # Rows first: most of a photo is left out by them, and their sums still fit into 16 bits.
    for axis, count, kind in ((0, size_wh[1], np.uint16), (1, size_wh[0], np.uint32)):
        size = values.shape[axis]
        places = np.rint(np.arange(count) * (32 * size / count)).astype(np.int32)
        low, part = places >> 5, (places & 31).astype(kind)
        part = part.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        high = np.minimum(low + 1, size - 1)
        values = np.take(values, low, axis) * (32 - part) + np.take(values, high, axis) * part
    return ((values + 512) >> 10).astype(np.uint8)


PIL.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow warns above it: the limit is ours, not Pillow's 89 Mpx
ImageFile.LOAD_TRUNCATED_IMAGES = False  # Pillow's own default, pinned: a cut JPEG is an error
