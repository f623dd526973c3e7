"""YOLO: one text file a picture, rows `class centre_x centre_y width height`, all relative, 0..1.

    0          cx          1            Relative to the upright picture's size:
    |-----|----+----|------|            x1 = (cx - w / 2) * width, x2 = (cx + w / 2) * width.
          |<-- w -->|

Layout: class names in `data.yaml` (`names`), `classes.txt` or `obj.names`; `images/` and `labels/`
with folders train, val (or valid), test on top or below, which are official subsets when there are
two or more; or label files beside their pictures. Lists of pictures that `data.yaml` names as
train, val or test are official, too, and count more than the folders. As YOLO's own loaders do, a
picture without a label file counts as one without objects, and a row of more than four numbers as a
polygon, of which the bounding box is taken. The format has no ignore, occlusion or truncation:
ignored boxes are not written, and reported as lost unless `pocketdet.json` holds them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pocketdet.dataset import SUBSETS, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, safe
from pocketdet.formats.lists import subset_of
from pocketdet.formats.pictures import Frame
from pocketdet.formats.placing import label_path, place
from pocketdet.formats.rows import Finding, ReadResult, Rows, number
from pocketdet.formats.source import USUAL, ReadRules, Source

NAME_FILES = tuple(
    re.compile(rf"(?:[^/]+/)?{name}", re.IGNORECASE)
    for name in (r"[^/]+\.ya?ml", r"classes\.txt", r"obj\.names", r"[^/]+\.names")
)

# Besides `names`: where the pictures lie, and the number of names.
CONFIG_KEYS = frozenset({"names", "path", "train", "val", "test", "nc"})


def read(folder: Path, rules: ReadRules = USUAL) -> ReadResult:
    """Read a folder in YOLO's layout.

    Raises:
        DatasetError: No class names or no label file; a label file without picture; a class
            number that has no name; a list that names no picture of the folder, or one of another
            list.
    """
    source = Source.open(folder, rules)
    described, raw = _description(source)
    source.leave(raw, CONFIG_KEYS)
    classes = _names(source, described, raw)
    lists = _lists(source, described, raw)
    labels = [path for path in _label_files(source.files) if path not in lists]
    if not labels:
        raise DatasetError(f"{folder}: expected labels/*.txt, found none")
    read_from: dict[str, str] = {}
    images: list[Image] = []
    used: list[str] = []
    box = partial(_box, classes)
    for label in labels:
        path, image = source.of_lines(label, ("labels", "images"), ".jpg", box)
        if path is not None:
            used.append(path)
        if image is not None:
            images.append(image)
            read_from[image.path] = label
    for image in source.negatives(used, "labels/*.txt", "negative"):
        images.append(image)
        read_from[image.path] = image.path
    images.sort(key=lambda image: image.path)
    subsets = {image.path: subset_of(image.path.rpartition("/")[0]) for image in images}
    if len({*subsets.values()} - {""}) < 2:
        subsets = {}
    subsets |= _listed(source, lists)
    if subsets:
        images = [replace(image, subset=subsets.get(image.path, "")) for image in images]
    kept = tuple(read_from[image.path] for image in images)
    return ReadResult(Dataset(classes, tuple(images)), tuple(source.findings), kept, source.unread)


def write(
    dataset: Dataset, folder: Path, images: Path | None = None
) -> tuple[list[str], tuple[Finding, ...]]:
    """Write `data.yaml`, `labels/`, and the pictures into `images/`.

    Returns:
        Path of each image, and what the format cannot hold; see `pocketdet.formats.write`.
    """
    lost: list[Finding] = []
    numbers = {label: n for n, label in enumerate(dataset.classes)}
    paths = place(dataset, folder, "images", images, by_subset=True)
    for image, path in zip(dataset, paths, strict=True):
        label = label_path(path, "labels", ".txt")
        lines = []
        for number_, box in enumerate(image.boxes, 1):
            if box.ignore:
                detail = f"{box.label}, {box.ignore}"
                lost.append(Finding(label, f"box {number_}", "cannot be written", detail))
                continue
            lines.append(f"{numbers[box.label]} {_relative(box, image.size_wh)}\n")
            if box.occlusion is not None or box.truncation is not None:
                detail = f"occlusion {box.occlusion}, truncation {box.truncation}"
                finding = Finding(label, f"box {number_}", "cannot be written", detail, False)
                lost.append(finding)
        target = folder / label
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(lines), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    names = dict(enumerate(dataset.classes))
    subsets = sorted({image.subset for image in dataset} - {""})
    places = {name: f"images/{name}" for name in subsets} or {"train": "images", "val": "images"}
    text = yaml.safe_dump({**places, "names": names}, allow_unicode=True, sort_keys=False)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return paths, tuple(lost)


def _relative(box: Box, size_wh: tuple[int, int]) -> str:
    """Centre and size with 10 digits: at 6, as often seen, a 4,000 px picture loses 0.004 px."""
    x1, y1, x2, y2 = box.xyxy
    w, h = size_wh
    values = ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h)
    return " ".join(f"{value:.10g}" for value in values)


def _box(classes: tuple[str, ...], rows: Rows, record: str, line: str, frame: Frame) -> Box | None:
    words = line.split()
    values = [number(word) for word in words[1:]]
    if len(values) < 4 or len(values) == 5 or len(values) % 2:
        rows.drop(record, "malformed row", f"{len(words)} fields, expected 5")
        return None
    index = number(words[0])
    if index not in range(len(classes)):
        error = DatasetError(
            f"{rows.file}: {record}: class {words[0]} has no name; the class names "
            f"go from 0 to {len(classes) - 1}"
        )
        rows.doubt(error, record, "unknown class", 1)
        return None
    if len(values) > 4:
        rows.change(record, "polygon", "its bounding box is taken")
    return rows.box(record, classes[int(index)], _edges(values, frame.size_wh), frame)


def _edges(values: list[float], size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """Relative centre and size, or polygon corners, as pixel edges."""
    w, h = size_wh
    if len(values) > 4:
        xs, ys = values[0::2], values[1::2]
        return min(xs) * w, min(ys) * h, max(xs) * w, max(ys) * h
    cx, cy, bw, bh = values
    return (cx - bw / 2) * w, (cy - bh / 2) * h, (cx + bw / 2) * w, (cy + bh / 2) * h


def _label_files(files: list[str]) -> list[str]:
    """Label files: in a folder `labels`, or, where there is none, every text below a folder."""
    texts = [path for path in files if path.lower().endswith(".txt")]
    labels = [path for path in texts if "/labels/" in f"/{path.lower()}"]
    others = {"classes.txt"}  # labelling tools write it among the labels
    if not labels:
        labels = [path for path in texts if "/" in path]
        others |= {"train.txt", "val.txt", "valid.txt", "test.txt"}
    return [path for path in labels if PurePosixPath(path).name.lower() not in others]


def _description(source: Source) -> tuple[str, dict[Any, Any]]:
    """The YAML file that describes the data set, with what it says; "" and nothing without one."""
    found: tuple[str, dict[Any, Any]] = ("", {})
    for path in filter(NAME_FILES[0].fullmatch, source.files):
        raw = config(source.folder / path)
        if isinstance(raw, dict) and "names" in raw:
            return path, raw
        if isinstance(raw, dict) and "train" in raw and not found[0]:
            found = path, raw  # the names are elsewhere
    return found


def _lists(source: Source, described: str, raw: dict[Any, Any]) -> dict[str, str]:
    """The list files that `data.yaml` names, each with its subset."""
    whole = source.folder.resolve()
    found: dict[str, str] = {}
    for subset in SUBSETS:
        for _, path in entries(source.folder, described, raw, subset):
            if path is not None and path.is_file():
                name = path.relative_to(whole).as_posix()
                if found.setdefault(name, subset) != subset:
                    error = DatasetError(
                        f"{source.folder / described}: {name} is the list of {found[name]} and of "
                        f"{subset}; a picture belongs to one list"
                    )
                    source.rows(described).doubt(error, subset, "in two official lists", 0)
    return found


def _listed(source: Source, lists: dict[str, str]) -> dict[str, str]:
    """Picture -> subset, from list files; every line is untrusted."""
    subsets: dict[str, str] = {}
    for file, subset in lists.items():
        rows, path = source.rows(file), source.folder / file
        near = (file.rpartition("/")[0], "")
        for n, line in enumerate((source.text(rows) or "").splitlines(), 1):
            if not line.strip():
                continue
            record = f"line {n}"
            read = partial(safe, line.strip(), path, record)
            name = rows.attempt(read, record, "unsafe file name", 0)
            if name is None:
                continue
            find = partial(source.pictures.named, name, near, path, record)
            picture = rows.attempt(find, record, "listed picture not found", 0)
            if picture is not None and subsets.setdefault(picture, subset) != subset:
                error = DatasetError(
                    f"{path}: {record}: {picture} is also listed for {subsets[picture]}; "
                    "a picture belongs to one list"
                )
                rows.doubt(error, record, "in two official lists", 0)
    return subsets


def entries(
    folder: Path, described: str, raw: dict[Any, Any], subset: str
) -> Iterator[tuple[str, Path | None]]:
    """What `data.yaml` says of a subset, and where that leads inside the folder, if it does.

    An entry starts from `path`, from the folder, or from the file's own place. Roboflow's exports
    say "../train/images" for a folder beside the file.

    Args:
        folder: Of the data set.
        described: The YAML file, below it.
        raw: What it says.
        subset: "train", "val" or "test".
    """
    starts = (str(raw.get("path") or ""), "", described.rpartition("/")[0])
    said = raw.get(subset) or ()
    for entry in map(str, said if isinstance(said, list | tuple) else (said,)):
        yield entry, _inside(folder, starts, entry)


def _inside(folder: Path, starts: tuple[str, ...], entry: str) -> Path | None:
    whole = folder.resolve()
    for start in starts:
        for words in (entry, entry.removeprefix("../")):
            try:
                path = (folder / start / words).resolve()
                if path.is_relative_to(whole) and path.exists():
                    return path
            except (OSError, ValueError):  # a name too long, or with a zero byte
                continue
    return None


def _names(source: Source, described: str, raw: dict[Any, Any]) -> tuple[str, ...]:
    """Class names in the order of their numbers."""
    folder = source.folder
    for pattern in NAME_FILES:
        for path in source.files:
            if not pattern.fullmatch(path):
                continue
            file = folder / path
            if not path.lower().endswith("ml"):
                listed = read_text(file).splitlines()
            elif path == described and "names" in raw:
                listed = _yaml_names(file, raw["names"])
            else:  # some other YAML file
                continue
            names = [name.strip() for name in listed if name.strip()]
            error = DatasetError(f"{file}: expected class names, each once, found {names}")
            if not names:
                raise error
            if len(set(names)) < len(names):
                source.rows(path).doubt(error, "names", "class named twice", 0)
            return tuple(names)
    raise DatasetError(f"{folder}: expected class names in data.yaml or classes.txt, found neither")


def config(file: Path) -> Any:
    """What a YAML file says.

    Raises:
        DatasetError: It is no YAML, or has aliases: ten lines of them can stand for gigabytes.
    """
    text = read_text(file)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise DatasetError(
                f"{file}: aliases (*name) are not read; write out what they stand for"
            )
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DatasetError(f"{file}: not YAML: {error}") from error


def _yaml_names(file: Path, names: Any) -> list[str]:
    """`names` as a list, or as number: name from 0 on without a gap."""
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[n] for n in range(len(names))]
    if not isinstance(names, list):
        raise DatasetError(f"{file}: expected names: a list, or numbers from 0 on; found {names!r}")
    return [str(name) for name in names]
