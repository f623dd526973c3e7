"""Reading the files of scoring protocols strictly: what is no box is an error that names its place.

Nothing is clipped, mapped or dropped: a score is only comparable if every record counts as the
protocol says. Boxes without area are boxes to every protocol: such a detection is a false alarm,
such an object is one that cannot be found.
"""

import json
import math
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text


def files(folder: Path, suffix: str, below: str) -> dict[str, Path]:
    """Stem -> file, sorted: the files of a suffix in a folder, or in `below` of it if there is one.

    Raises:
        DatasetError: There is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: expected a folder with {suffix} files, found none")
    place = folder / below if (folder / below).is_dir() else folder
    return {path.stem: path for path in sorted(place.glob(f"*{suffix}")) if path.is_file()}


def lines(file: Path, fields: int, expected: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of a text file that are not blank: "line 3" and its words.

    Args:
        file: The text file.
        fields: Words of a row.
        expected: The same in words, for the error.

    Raises:
        DatasetError: A row has another number of words.
    """
    for n, line in enumerate(read_text(file).splitlines(), 1):
        words = line.split()
        if words and len(words) != fields:
            raise DatasetError(
                f"{file}: line {n}: expected {fields} fields ({expected}), found {len(words)}"
            )
        if words:
            yield f"line {n}", words


def numbers(file: Path, record: str, values: Sequence[object], what: str) -> list[float]:
    """Fields of text or JSON as finite numbers.

    Raises:
        DatasetError: One is not.
    """
    found = []
    for value in values:
        try:
            found.append(float(str(value)))
        except ValueError:
            found.append(math.nan)
    if not all(map(math.isfinite, found)):
        shown = " ".join(map(str, values))
        raise DatasetError(f"{file}: {record}: {what}: expected finite numbers, found {shown}")
    return found


def edges(file: Path, record: str, xyxy: Sequence[float]) -> tuple[float, float, float, float]:
    """Pixel edges of a box; it may be without area.

    Raises:
        DatasetError: It is reversed.
    """
    x1, y1, x2, y2 = xyxy
    if x2 < x1 or y2 < y1:
        raise DatasetError(
            f"{file}: {record}: box ends before it begins: edges {x1:g} {y1:g} {x2:g} {y2:g}"
        )
    return x1, y1, x2, y2


def load_json(file: Path) -> Any:
    """The value in a JSON file.

    Raises:
        DatasetError: It is missing or is not JSON.
    """
    try:
        return json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{file}: not JSON: {error}") from error


def is_known(value: object, ids: Set[object]) -> bool:
    """Whether an id out of a JSON file is one of these; it may be of any type."""
    return isinstance(value, int | float | str) and value in ids
