"""Pictures inside a page, so that it needs no other file."""

import base64
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PIL


@dataclass(frozen=True)
class Embedded:
    """A picture as an HTML img element needs it."""

    uri: str
    width: int
    height: int
    caption: str
    csv: str = ""  # the file with the numbers behind it


def embed(path: Path, caption: str, csv: str = "") -> Embedded | None:
    """A PNG or JPEG file, or None where there is none."""
    if not path.exists():
        return None
    with PIL.open(path) as picture:
        width, height = picture.size
    kind = "png" if path.suffix == ".png" else "jpeg"
    data = base64.b64encode(path.read_bytes()).decode()
    return Embedded(f"data:image/{kind};base64,{data}", width, height, caption, csv)
