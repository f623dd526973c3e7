"""Official subsets: list files as VOC and KITTI have them, and subset words in names."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text
from pocketdet.formats.pictures import PICTURE_SUFFIXES
from pocketdet.formats.source import Source

LIST_NAMES = ("trainval", "train", "val", "test")
SUBSET_WORD = re.compile(
    r"(?:^|[_\-./])(trainval|train|valid|validation|val|test)(?:\d{4})?(?=$|[_\-./])", re.IGNORECASE
)
SAFE_NAME = re.compile(r"[\w-]+")  # of a subset: it becomes the name of a file or folder
SUBSET_NAMES = {"valid": "val", "validation": "val"}


def subset_of(path: str) -> str:
    """The subset that a file's or folder's name speaks of ("labels/train2017/a.txt" -> "train")."""
    words = SUBSET_WORD.findall(path)
    return SUBSET_NAMES.get(words[-1].lower(), words[-1].lower()) if words else ""


def list_files(paths: Iterable[str], below: str) -> list[str]:
    """Those of `paths` that are official lists: of such a name, in a folder `below`."""
    return [
        path
        for path in paths
        if PurePosixPath(path).stem.lower() in LIST_NAMES
        and PurePosixPath(path).suffix.lower() == ".txt"
        and f"/{PurePosixPath(path).parent}".endswith(f"/{below}")
    ]


def official_lists(source: Source, below: str) -> dict[str, str]:
    """Picture id -> subset, from list files train.txt, val.txt, trainval.txt, test.txt.

    An id in trainval alone gets "trainval": either of the two, but never test.

    Args:
        source: Its folder and files.
        below: Folder of the lists ("ImageSets/Main").

    Raises:
        DatasetError: One id is in two of train, val and test.
    """
    subset: dict[str, str] = {}
    by_name = {PurePosixPath(path).stem.lower(): path for path in list_files(source.files, below)}
    for name in LIST_NAMES:
        if name not in by_name:
            continue
        file = source.folder / by_name[name]
        for line in read_text(file).splitlines():
            key = line.strip()
            if not key:
                continue
            if PurePosixPath(key).suffix.lower() in PICTURE_SUFFIXES:
                key = str(PurePosixPath(key).with_suffix(""))
            before = subset.get(key, name)
            if before != name and (before != "trainval" or name == "test"):
                error = DatasetError(
                    f"{file}: {key} is also in {by_name[before]}; a picture belongs to one list"
                )
                source.rows(by_name[name]).doubt(error, key, "in two official lists", 0)
                continue
            subset[key] = name
    return subset


def write_lists(folder: Path, lists: dict[str, list[str]]) -> None:
    """Write official lists: subset name -> picture ids."""
    for name, ids in sorted(lists.items()):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_text("\n".join([*ids, ""]), encoding="utf-8")
