"""Files and folders: what is there that nobody reads, and what is named that is not there."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pocketdet.curation.checkup.symptom import Symptom
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadResult
from pocketdet.formats.files import read_text, walk
from pocketdet.formats.pictures import PICTURE_SUFFIXES, fold
from pocketdet.formats.yolo import config

LABEL_SUFFIXES = (".txt", ".xml", ".json", ".yaml", ".yml", ".names", ".data", ".csv", ".md")
SPLITS = ("train", "val", "test")


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
    unlisted: list[str] = []
    splits: dict[Path, set[str]] = defaultdict(set)
    for split in SPLITS:
        entries = raw.get(split) or ()
        for entry in entries if isinstance(entries, list | tuple) else (entries,):
            path = _resolve(folder, raw, str(entry))
            pictures: list[Path | str] = []
            if path is not None:
                pictures = _listed(folder, path) if path.is_file() else _pictures(path)
            if not pictures:
                absent.append(f"{split}: {entry}")
            unlisted += [f"{entry}: {line}" for line in pictures if isinstance(line, str)]
            for picture in pictures:
                if isinstance(picture, Path):
                    splits[picture.resolve()].add(split)
    if absent:
        what = "no such folder or list, or no picture in it"
        yield Symptom("config.path_not_found", "warning", len(absent), what, tuple(absent))
    if unlisted:
        what = "listed, and not there"
        yield Symptom("files.missing_picture", "error", len(unlisted), what, tuple(unlisted))
    several = [f"{p.name}: {', '.join(sorted(s))}" for p, s in splits.items() if len(s) > 1]
    if several:
        what = "one picture in two subsets"
        yield Symptom("subsets.overlap", "error", len(several), what, tuple(sorted(several)))


def _resolve(folder: Path, raw: dict[str, Any], entry: str) -> Path | None:
    """Where a split's entry leads inside the folder: from `path`, or from the file's own place.

    Roboflow's exports say "../train/images" for a folder beside the file.
    """
    whole = folder.resolve()
    for start in (str(raw.get("path") or ""), ""):
        for words in (entry, entry.removeprefix("../")):
            try:
                path = (folder / start / words).resolve()
                if path.is_relative_to(whole) and path.exists():
                    return path
            except (OSError, ValueError):  # a name too long, or with a zero byte
                continue
    return None


def _listed(folder: Path, file: Path) -> list[Path | str]:
    """Pictures that a list names; as text those that are not there."""
    try:
        lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
    except DatasetError:
        return []
    found: list[Path | str] = []
    for line in lines:
        tries = (file.parent / line, folder / line)
        found.append(next((path for path in tries if path.is_file()), line))
    return found


def _pictures(folder: Path) -> list[Path | str]:
    paths = sorted(folder.rglob("*"))
    return [path for path in paths if path.suffix.lower() in PICTURE_SUFFIXES]
