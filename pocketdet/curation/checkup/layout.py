"""Files and folders: what is there that nobody reads, and what is named that is not there."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pocketdet.curation.checkup.symptom import Symptom
from pocketdet.dataset import SUBSETS
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadResult
from pocketdet.formats.files import read_text, safe, walk
from pocketdet.formats.pictures import PICTURE_SUFFIXES, fold
from pocketdet.formats.yolo import config, entries

LABEL_SUFFIXES = (".txt", ".xml", ".json", ".yaml", ".yml", ".names", ".data", ".csv", ".md")


def check(folder: Path, root: Path, result: ReadResult) -> Iterator[Symptom]:
    """Files in picture folders that are no pictures, and names that differ in case alone."""
    files = walk(root)
    folders = {PurePosixPath(image.path).parent for image in result.dataset}
    odd = []
    stems: dict[str, list[str]] = defaultdict(list)
    for path in files:
        pure = PurePosixPath(path)
        suffix = pure.suffix.lower()
        if suffix in PICTURE_SUFFIXES:
            stems[fold(str(pure.with_suffix("")))].append(path)
        elif pure.parent in folders and not (suffix in LABEL_SUFFIXES or pure.stem in ("LICENSE",)):
            odd.append(path)
    if odd:
        what = f"{PurePosixPath(odd[0]).suffix or 'no suffix'}: not read as a picture"
        yield Symptom("files.no_picture", "warning", len(odd), what, tuple(odd))
    same = [paths for paths in stems.values() if len(paths) > 1]
    if same:
        what = f"{' and '.join(same[0])} share one label file"
        where = tuple(path for paths in same for path in paths)
        yield Symptom("files.same_name", "warning", len(where), what, where)


def yolo_config(folder: Path) -> Iterator[Symptom]:
    """What `data.yaml` says and does not hold."""
    for file in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            raw = config(file)
        except DatasetError:
            continue  # the reader says so
        if isinstance(raw, dict) and ("names" in raw or "train" in raw):
            yield from _config(folder, file.name, raw)
            return


def _config(folder: Path, name: str, raw: dict[str, Any]) -> Iterator[Symptom]:
    names = raw.get("names")
    names = names if isinstance(names, list | dict) else ()
    count = raw.get("nc")
    if count is not None and count != len(names):
        what = f"nc is {count}, and there are {len(names)} names"
        yield Symptom("config.class_count", "warning", 1, what, (name,))
    missing = [split for split in ("train", "val") if not raw.get(split)]
    if missing:
        what = f"no {' and no '.join(missing)}"
        yield Symptom("config.missing_split", "warning", len(missing), what, (name,))
    absent: list[str] = []
    splits: dict[Path, set[str]] = defaultdict(set)
    for split in SUBSETS:
        for entry, path in entries(folder, name, raw, split):
            pictures: list[Path] = []
            if path is not None:
                pictures = _listed(folder, path) if path.is_file() else _pictures(path)
            if not pictures:
                absent.append(f"{split}: {entry}")
            for picture in pictures:
                splits[picture.resolve()].add(split)
    if absent:
        what = "no such folder or list, or no picture in it"
        yield Symptom("config.path_not_found", "warning", len(absent), what, tuple(absent))
    several = [f"{p.name}: {', '.join(sorted(s))}" for p, s in splits.items() if len(s) > 1]
    if several:
        what = "one picture in two subsets"
        yield Symptom("subsets.overlap", "error", len(several), what, tuple(sorted(several)))


def _listed(folder: Path, file: Path) -> list[Path]:
    """Pictures of the folder that a list names; the reader says what is wrong with the others."""
    try:
        lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    except DatasetError:
        return []
    found: list[Path] = []
    for line in lines:
        try:
            name = safe(line, file, "line")
        except DatasetError:
            continue
        tries = (file.parent / name, folder / name)
        found += [path for path in tries if path.is_file()][:1]
    return found


def _pictures(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*"))
    return [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES]
