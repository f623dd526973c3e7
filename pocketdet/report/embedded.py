"""Pictures inside a page, so that it needs no other file."""

import base64
import json
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


class Room:
    """What a page may hold of pictures; those beyond it are left out and counted."""

    def __init__(self, most: int) -> None:
        """Take the room in characters of base64."""
        self._left = most
        self.left_out = 0

    def embed(self, path: Path, caption: str) -> Embedded | None:
        """A picture, or None where there is none or no room for it."""
        picture = embed(path, caption)
        if picture is None:
            return None
        if len(picture.uri) > self._left:
            self.left_out += 1
            return None
        self._left -= len(picture.uri)
        return picture

    def album(self, folder: Path) -> dict[str, Embedded]:
        """The pictures of a folder with captions.json by name, in the order of their names."""
        index = folder / "captions.json"
        captions = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
        found = {name: self.embed(folder / name, text) for name, text in sorted(captions.items())}
        return {name: picture for name, picture in found.items() if picture}
