"""The picture files of a source: one index over the folder, whatever its exact layout."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image as PIL

from pocketdet.config import Orientation
from pocketdet.errors import DatasetError
from pocketdet.preprocess import DAMAGED, FORMATS, MAX_PIXELS

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
EXIF_ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@dataclass(frozen=True, slots=True)
class Frame:
    """The pixels that an annotator saw.

        stored, w x h      EXIF 6: the camera was turned,       upright, h x w
        +-----------+      the picture is shown a quarter       +-----+
        | a         |      to the right                         |   a |    upright x = h - y
        |           |                                           |     |    upright y = x
        +-----------+                                           +-----+

    Attributes:
        size_wh: Their width and height, px.
        orientation: EXIF orientation that leads from there to the upright picture; 1 if none.
    """

    size_wh: tuple[int, int]
    orientation: int = 1

    @property
    def upright_wh(self) -> tuple[int, int]:
        """Width and height of the upright picture, px."""
        w, h = self.size_wh
        return (h, w) if self.orientation in SIDEWAYS else (w, h)

    def upright(self, xyxy: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """A box in these pixels as a box in the upright picture's, pixel edges both."""
        if self.orientation == 1:
            return xyxy
        x1, y1, x2, y2 = xyxy
        w, h = self.size_wh
        if self.orientation in (2, 3, 7, 8):  # x runs the other way
            x1, x2 = w - x2, w - x1
        if self.orientation in (3, 4, 6, 7):
            y1, y2 = h - y2, h - y1
        return (y1, x1, y2, x2) if self.orientation in SIDEWAYS else (x1, y1, x2, y2)


class Pictures:
    """Index of a source's picture files."""

    def __init__(self, folder: Path, files: Iterable[str]) -> None:
        """Index those of `files` (POSIX paths below `folder`) whose suffix is a picture's."""
        self.folder = folder
        self.paths = [p for p in files if PurePosixPath(p).suffix.lower() in PICTURE_SUFFIXES]
        self._exact = frozenset(self.paths)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            self._by_stem[fold(PurePosixPath(path).stem)].append(path)

    def named(self, name: str, near: Sequence[str], file: Path, record: str) -> str:
        """The picture that an annotation calls `name`.

        Args:
            name: Safe POSIX path, as `safe` gives it.
            near: Folders to look into first, "" for the source's own.
            file: Annotation file, for the error.
            record: Its record, for the error.

        Raises:
            DatasetError: There is none, or more than one.
        """
        for base in near:
            if (path := f"{base}/{name}" if base else name) in self._exact:
                return path
        tail = "/" + fold(name)
        candidates = [
            path
            for path in self._by_stem.get(fold(PurePosixPath(name).stem), ())
            if ("/" + fold(path)).endswith(tail)
        ]
        if len(candidates) != 1:
            raise DatasetError(_which(self.folder, file, record, name, candidates))
        return candidates[0]

    def of_label(self, label: str, swap: tuple[str, str], file: Path) -> str | None:
        """The picture that a label file belongs to, by its stem; None if there is none.

        "labels/train/a.txt" looks for images/train/a.*, then labels/train/a.*, then for the only
        picture of that stem anywhere.

        Args:
            label: POSIX path of the label file.
            swap: Names of the label folder and the picture folder, ("labels", "images").
            file: The label file, for the error.

        Raises:
            DatasetError: More than one picture fits.
        """
        pure = PurePosixPath(label).with_suffix("")
        candidates = self._by_stem.get(fold(pure.name), [])
        parts = [fold(part) for part in pure.parts]
        swapped = list(parts)
        if swap[0].casefold() in parts[:-1]:
            at = len(parts) - 2 - parts[:-1][::-1].index(swap[0].casefold())
            swapped[at] = swap[1].casefold()
        for key in ("/".join(swapped), "/".join(parts)):
            near = [p for p in candidates if fold(str(PurePosixPath(p).with_suffix(""))) == key]
            if near:
                break
        else:
            near = candidates
        if len(near) > 1:
            raise DatasetError(_which(self.folder, file, "its picture", pure.name, near))
        return near[0] if near else None

    def frame(self, path: str, orientation: Orientation) -> Frame:
        """The pixels that the annotator of a picture saw.

        Args:
            path: As `named` gives it.
            orientation: "upright", or "stored" where EXIF was not heeded.

        Raises:
            DatasetError: The file is no picture, or larger than `MAX_PIXELS`.
        """
        frame = stored_frame(self.folder / path)
        return frame if orientation == "stored" else Frame(frame.upright_wh)

    def unused(self, used: Iterable[str]) -> list[str]:
        """Pictures that no annotation names, in folders where another one is used."""
        taken = set(used)
        folders = {PurePosixPath(path).parent for path in taken}
        return [p for p in self.paths if p not in taken and PurePosixPath(p).parent in folders]


def stored_frame(path: Path) -> Frame:
    """Size of a picture as stored, and its EXIF orientation, from its header alone.

    Raises:
        DatasetError: The file is no picture, or larger than `MAX_PIXELS`.
    """
    try:
        with PIL.open(path, formats=FORMATS) as picture:
            w, h = picture.size
            # Without this test Pillow decodes a whole PNG in search of its EXIF.
            tagged = "exif" in picture.info or picture.format == "TIFF"
            orientation = picture.getexif().get(EXIF_ORIENTATION, 1) if tagged else 1
            if picture.format == "TIFF" and orientation in SIDEWAYS:
                w, h = h, w  # of a TIFF Pillow gives the upright size by itself
    except PIL.DecompressionBombError:
        raise DatasetError(
            f"{path}: the header claims more than {MAX_PIXELS:,} pixels; scale the picture down"
        ) from None
    except DAMAGED as error:
        raise DatasetError(f"{path}: not a picture ({error}); replace or remove it") from error
    if w * h > MAX_PIXELS:
        raise DatasetError(
            f"{path}: {w} x {h} px, expected at most {MAX_PIXELS:,} pixels; scale it down"
        )
    return Frame((w, h), orientation if orientation in range(1, 9) else 1)


def fold(name: str) -> str:
    """Names compare without case, and whether an accent is one code point or two (macOS)."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _which(folder: Path, file: Path, record: str, name: str, candidates: list[str]) -> str:
    if not candidates:
        return f"{file}: {record}: picture {name!r} not found below {folder}; add it"
    several = ", ".join(candidates[:3])
    return f"{file}: {record}: {name!r} may be any of {several}; keep one of that name"
