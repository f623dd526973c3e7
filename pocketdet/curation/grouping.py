"""Groups of pictures that show the same thing: a video, a place, a person, an apartment.

A source names them by a pattern on its file names, or in a file `groups.csv` beside its
annotations, with the header `image,group` and paths below the source's folder. Where both are, the
file wins. Names are of one source: "video 1" of another source is another group.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pocketdet.config import Source
from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_rows, safe

FILE = "groups.csv"
COLUMNS = ["image", "group"]


def named(dataset: Dataset, raw: Path, sources: Mapping[str, Source]) -> Dataset:
    """The data set with the group of each image, "SOURCE/GROUP", or "" where it is in none.

    Args:
        dataset: Image paths begin with the name of their source.
        raw: Folder of the sources.
        sources: Their settings.

    Raises:
        DatasetError: A file is broken or names a picture that is not there, or a pattern fits none.
    """
    groups: dict[str, str] = {}
    for name, source in sources.items():
        paths = [image.path for image in dataset if image.source == name]
        if source.group:
            groups |= _by_pattern(paths, name, source.group)
        if (raw / name / FILE).is_file():
            groups |= _by_file(raw / name / FILE, name, set(paths))
    if not groups:
        return dataset
    images = (replace(image, group=groups.get(image.path, "")) for image in dataset)
    return replace(dataset, images=tuple(images))


def _by_pattern(paths: list[str], source: str, pattern: str) -> dict[str, str]:
    groups = {}
    for path in paths:
        found = re.search(pattern, path.partition("/")[2])
        if found and found.group(1):
            groups[path] = f"{source}/{found.group(1)}"
    if paths and not groups:
        raise DatasetError(
            f"validate.sources.{source}.group: {pattern!r} fits none of {len(paths)} pictures, "
            f"first {paths[0].partition('/')[2]!r}; it is searched in the path below the source"
        )
    return groups


def _by_file(file: Path, source: str, paths: set[str]) -> dict[str, str]:
    groups: dict[str, str] = {}
    for line, (image, group) in read_rows(file, COLUMNS):
        path = f"{source}/{safe(image, file, f'line {line}')}"
        if not group:
            raise DatasetError(f"{file}: line {line}: no group; name one or take the line out")
        if path not in paths:
            if not (file.parent / image).is_file():
                raise DatasetError(
                    f"{file}: line {line}: no picture {image!r} in this source; mend the line or "
                    "take it out"
                )
            continue  # the policy has rejected it, or it is not annotated
        if groups.setdefault(path, f"{source}/{group}") != f"{source}/{group}":
            raise DatasetError(f"{file}: line {line}: {image!r} is in two groups; keep one")
    return groups
