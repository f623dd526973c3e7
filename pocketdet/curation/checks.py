"""Pixel integrity: every picture is decoded once, and what it is made of is written down.

Results are remembered by content hash in a file of this machine, so that a second run reads the
files but decodes none. The memory is append-only, one line a picture: a process that is killed
leaves at most one torn line, which the next one passes over.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pocketdet.curation import duplicates
from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.files import sha256
from pocketdet.parallel import in_order
from pocketdet.preprocess import load_grey

SHOWN = 10  # broken pictures that the error names
_VERSION = 1  # of what a remembered line means


@dataclass(frozen=True, slots=True)
class Picture:
    """What decoding a file found.

    Attributes:
        sha256: Of the file's bytes.
        size_wh: Of the upright picture, px.
        dhash: Perceptual hash, see `pocketdet.curation.duplicates`.
    """

    sha256: str
    size_wh: tuple[int, int]
    dhash: str


class Memory:
    """Pictures decoded earlier on this machine, by content hash; None as path forgets."""

    def __init__(self, path: Path | None) -> None:
        """Read what is remembered; torn or foreign lines are passed over."""
        self._known: dict[str, Picture] = {}
        self._file: TextIO | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # "a+" opens at the end and makes the file; a torn last line is closed before appending.
        self._file = path.open("a+", encoding="utf-8", errors="replace")
        self._file.seek(0)
        text = self._file.read()
        if text and not text.endswith("\n"):
            self._file.write("\n")
        for line in text.splitlines():
            try:
                version, sha256, w, h, dhash = json.loads(line)
                picture = Picture(str(sha256), (int(w), int(h)), dhash)
                if version == _VERSION and len(bytes.fromhex(dhash)) * 8 == duplicates.HASH_BITS:
                    self._known[picture.sha256] = picture
            except (TypeError, ValueError, RecursionError):
                continue

    def get(self, sha256: str) -> Picture | None:
        """The picture with this content, or None."""
        return self._known.get(sha256)

    def add(self, picture: Picture) -> None:
        """Remember a picture."""
        if picture.sha256 in self._known:
            return
        self._known[picture.sha256] = picture
        if self._file is not None:
            row = [_VERSION, picture.sha256, *picture.size_wh, picture.dhash]
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()

    def __enter__(self) -> "Memory":
        """Use as a context, which closes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def inspect(
    dataset: Dataset,
    root: Path,
    memory: Memory,
    workers: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Picture]:
    """Decode every picture of a data set, unless the memory knows its content.

    Args:
        dataset: Its image paths are relative to `root`.
        root: Folder of the pictures.
        memory: What is known already; what is new is added.
        workers: Threads; decoding releases Python's lock.
        progress: Called with the number of pictures done, after each.

    Raises:
        DatasetError: Pictures are missing, truncated or no pictures, or their size is not the one
            that the data set has; all are counted, the first named.
    """
    found: dict[str, Picture] = {}
    broken: list[str] = []

    def look(path: str) -> Picture | DatasetError:
        try:
            return _look(root / path, memory)
        except DatasetError as error:
            return error

    looked = in_order(look, (image.path for image in dataset), workers, ahead=4 * workers)
    for done, (image, result) in enumerate(zip(dataset, looked, strict=True), 1):
        if isinstance(result, DatasetError):
            broken.append(str(result))
        elif result.size_wh != image.size_wh:
            broken.append(
                f"{root / image.path}: decodes to {result.size_wh} px, its header said "
                f"{image.size_wh}; save it again"
            )
        else:
            memory.add(result)
            found[image.path] = result
        progress(done)
    if broken:
        more = [f"... and {len(broken) - SHOWN} more"] if len(broken) > SHOWN else []
        lines = "\n".join(f"  {line}" for line in broken[:SHOWN] + more)
        raise DatasetError(f"{len(broken)} of {len(dataset)} pictures are broken:\n{lines}")
    return found


def save(pictures: Mapping[str, Picture], path: Path) -> None:
    """Write as CSV: path, sha256, width, height, dhash."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("path", "sha256", "width", "height", "dhash"))
        for name, picture in pictures.items():
            rows.writerow((name, picture.sha256, *picture.size_wh, picture.dhash))


def load(path: Path) -> dict[str, Picture]:
    """Read what `save` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row["path"]: Picture(
                row["sha256"], (int(row["width"]), int(row["height"])), row["dhash"]
            )
            for row in csv.DictReader(file)
        }


def hashes(
    dataset: Dataset, pictures: Mapping[str, Picture]
) -> tuple[Sequence[str], Sequence[str]]:
    """Content and perceptual hashes of a data set's images, in their order.

    Raises:
        DatasetError: An image was never inspected.
    """
    unknown = [image.path for image in dataset if image.path not in pictures]
    if unknown:
        raise DatasetError(f"{unknown[0]}: not among the inspected pictures; run validate again")
    known = [pictures[image.path] for image in dataset]
    return [picture.sha256 for picture in known], [picture.dhash for picture in known]


def _look(path: Path, memory: Memory) -> Picture:
    try:
        content = sha256(path)
    except FileNotFoundError:
        raise DatasetError(f"{path}: image file not found") from None
    known = memory.get(content)
    if known is not None:
        return known
    grey = load_grey(path)
    return Picture(content, grey.size, duplicates.dhash(grey))
