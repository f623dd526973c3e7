"""YOLO: one text file a picture, rows `class centre_x centre_y width height`, all relative, 0..1.

    0          cx          1            Relative to the upright picture's size:
    |-----|----+----|------|            x1 = (cx - w / 2) * width, x2 = (cx + w / 2) * width.
          |<-- w -->|

Layout: class names in `data.yaml` (`names`), `classes.txt` or `obj.names`; `images/` and `labels/`
with folders train, val (or valid), test on top or below, which are official subsets when there are
two or more; or label files beside their pictures. As YOLO's own loaders do, a picture without a
label file counts as one without objects, and a row of more than four numbers as a polygon, of
which the bounding box is taken. The format has no ignore, occlusion or truncation: ignored boxes
are not written, and reported as lost.
"""

import re
from pathlib import Path, PurePosixPath

import yaml

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, walk
from pocketdet.formats.lists import subset_of
from pocketdet.formats.pictures import Pictures, upright_size
from pocketdet.formats.placing import label_path, place
from pocketdet.formats.rows import Finding, ReadResult, Rows, number

NAME_FILES = tuple(
    re.compile(rf"(?:[^/]+/)?{name}", re.IGNORECASE)
    for name in (r"[^/]+\.ya?ml", r"classes\.txt", r"obj\.names", r"[^/]+\.names")
)


def read(folder: Path) -> ReadResult:
    """Read a folder in YOLO's layout.

    Raises:
        DatasetError: No class names or no label file; a label file without picture; a class
            number that has no name.
    """
    files = walk(folder)
    pictures = Pictures(folder, files)
    classes = _names(folder, files)
    findings: list[Finding] = []
    label_of: dict[str, str] = {}
    for label in _label_files(files):
        path = pictures.of_label(label, ("labels", "images"), folder / label)
        if path is None:
            raise DatasetError(
                f"{folder / label}: picture {PurePosixPath(label).stem}.jpg not found below "
                f"{folder}; add it"
            )
        label_of[path] = label
    if not label_of:
        raise DatasetError(f"{folder}: expected labels/*.txt, found none")
    for path in pictures.unused(label_of):
        label_of[path] = ""
    subsets = {path: subset_of(path.rpartition("/")[0]) for path in label_of}
    several = len({*subsets.values()} - {""}) > 1

    images = []
    for path, label in sorted(label_of.items()):
        size_wh = upright_size(folder / path)
        boxes = _boxes(folder, label, classes, size_wh, findings) if label else ()
        if not label:
            findings.append(
                Finding(path, "picture", "picture without annotation", dropped=False, boxes=0)
            )
        subset = subsets[path] if several else ""
        images.append(Image(path, size_wh, boxes, subset=subset))
    kept = tuple(label_of[image.path] or image.path for image in images)
    return ReadResult(Dataset(classes, tuple(images)), tuple(findings), kept)


def write(dataset: Dataset, folder: Path, images: Path | None = None) -> tuple[Finding, ...]:
    """Write `data.yaml`, `labels/`, and the pictures; see `pocketdet.formats.write`."""
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
            else:
                lines.append(f"{numbers[box.label]} {_relative(box, image.size_wh)}\n")
        target = folder / label
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(lines), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    names = dict(enumerate(dataset.classes))
    subsets = sorted({image.subset for image in dataset} - {""})
    places = {name: f"images/{name}" for name in subsets} or {"train": "images", "val": "images"}
    text = yaml.safe_dump({**places, "names": names}, allow_unicode=True, sort_keys=False)
    (folder / "data.yaml").write_text(text, encoding="utf-8")
    return tuple(lost)


def _relative(box: Box, size_wh: tuple[int, int]) -> str:
    """Centre and size with 10 digits: at 6, as often seen, a 4,000 px picture loses 0.004 px."""
    x1, y1, x2, y2 = box.xyxy
    w, h = size_wh
    values = ((x1 + x2) / 2 / w, (y1 + y2) / 2 / h, (x2 - x1) / w, (y2 - y1) / h)
    return " ".join(f"{value:.10g}" for value in values)


def _boxes(
    folder: Path,
    label: str,
    classes: tuple[str, ...],
    size_wh: tuple[int, int],
    findings: list[Finding],
) -> tuple[Box, ...]:
    rows = Rows(label, findings)
    boxes = []
    for n, line in enumerate(read_text(folder / label).splitlines(), 1):
        if not (words := line.split()):
            continue
        values = [number(word) for word in words[1:]]
        if len(values) < 4 or len(values) == 5 or len(values) % 2:
            rows.drop(f"line {n}", "malformed row", f"{len(words)} fields, expected 5")
            continue
        index = number(words[0])
        if index not in range(len(classes)):
            raise DatasetError(
                f"{folder / label}: line {n}: class {words[0]} has no name; the class names "
                f"go from 0 to {len(classes) - 1}"
            )
        box = rows.box(f"line {n}", classes[int(index)], _edges(values, size_wh), size_wh)
        if box is not None:
            boxes.append(box)
    return tuple(boxes)


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


def _names(folder: Path, files: list[str]) -> tuple[str, ...]:
    """Class names in the order of their numbers."""
    for pattern in NAME_FILES:
        for path in files:
            if not pattern.fullmatch(path):
                continue
            text = read_text(folder / path)
            is_yaml = path.lower().endswith("ml")
            listed = _yaml_names(folder / path, text) if is_yaml else text.splitlines()
            if listed is None:  # some other YAML file
                continue
            names = [name.strip() for name in listed if name.strip()]
            if names and len(set(names)) == len(names):
                return tuple(names)
            raise DatasetError(f"{folder / path}: expected class names, each once, found {names}")
    raise DatasetError(f"{folder}: expected class names in data.yaml or classes.txt, found neither")


def _yaml_names(file: Path, text: str) -> list[str] | None:
    """`names` as a list, or as number: name from 0 on without a gap; None without `names`."""
    try:
        raw = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DatasetError(f"{file}: not YAML: {error}") from error
    if not isinstance(raw, dict) or "names" not in raw:
        return None
    names = raw["names"]
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[n] for n in range(len(names))]
    if not isinstance(names, list):
        raise DatasetError(f"{file}: expected names: a list, or numbers from 0 on; found {names!r}")
    return [str(name) for name in names]
