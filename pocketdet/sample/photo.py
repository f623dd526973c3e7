"""Turns a painting into a photo: light, lens, sensor, JPEG."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageFilter

from pocketdet.sample.textures import patch

Field = npt.NDArray[np.float32]


def develop(colour: Field, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A painting (h, w, 3), 0..255, as a camera would have seen it."""
    h, w = colour.shape[:2]
    night = rng.random() < 0.06
    exposure = float(rng.uniform(40, 65) if night else rng.uniform(110, 150))
    gain = exposure / float(colour.mean())  # as a camera meters the whole picture
    warm = float(rng.normal(0, 0.05))
    cast = np.array([1 + warm, 1, 1 - warm], np.float32) * gain
    rows, columns = np.linspace(-1, 1, h, dtype=np.float32), np.linspace(-1, 1, w, dtype=np.float32)
    corner = rows[:, None] ** 2 + columns[None, :] ** 2
    light = 1 - float(rng.uniform(0, 0.14)) * corner
    light += float(rng.uniform(0, 0.06)) * patch(rng, (w, h), zoom=8)  # light is never even
    light += float(rng.normal(0, 0.08)) * columns
    contrast, bright = float(rng.uniform(0.95, 1.2)), float(rng.normal(0, 5))
    seen = colour * light.astype(np.float32)[..., None]
    seen *= (cast * contrast).astype(np.float32)
    seen += np.float32(118 * (1 - contrast) + bright)  # contrast turns around a middle grey
    picture = PIL.fromarray(seen.clip(0, 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.BoxBlur(float(rng.uniform(0.1, 0.6))))
    noise = float(rng.uniform(1.5, 4.5) + (4 if night else 0))
    grain = rng.integers(-128, 128, size=(h, w, 3), dtype=np.int8).astype(np.float32)
    grain *= np.float32(noise / 74)  # 74 is the standard deviation of -128..127
    grain += np.asarray(picture)
    return grain.clip(0, 255).astype(np.uint8)


def encode(rgb: npt.NDArray[np.uint8], quality: int) -> bytes:
    """A picture (h, w, 3) as JPEG."""
    buffer = io.BytesIO()
    PIL.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
