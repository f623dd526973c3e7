"""COCO detection: one JSON file, boxes as [x, y, width, height] in float pixels, origin top-left.

    x                x + width
    |----------------|            Pixel edges already: x1 = x, x2 = x + width. No pixel is added.

Layout: `annotations.json` + `images/`, or `annotations/instances_*.json` beside any picture
folders. Several such files whose names say train, val or test are official subsets. `iscrowd`
becomes ignore. Keys that COCO does not know but allows carry the rest: on an annotation `ignore`
with `ignore_reason`, `occlusion`, `truncation`, `annotator`; on an image `subset`.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, safe
from pocketdet.formats.lists import SAFE_NAME, subset_of
from pocketdet.formats.pictures import Frame
from pocketdet.formats.placing import place
from pocketdet.formats.rows import (
    SIDECAR,
    Finding,
    ReadResult,
    Rows,
    line,
    number,
)
from pocketdet.formats.source import EMPTY, USUAL, ReadRules, Source

UNREAD = ("segmentation", "keypoints")  # of an annotation; left out early, as they are large
READ = {
    "images": frozenset({"id", "file_name", "width", "height", "subset"}),
    "categories": frozenset({"id", "name"}),
    "annotations": frozenset(
        {"id", "image_id", "category_id", "bbox", "iscrowd", "ignore", "ignore_reason"}
        | {"occlusion", "truncation", "annotator", "area"}
    ),
}
SAME_AREA = {"rel_tol": 0.01, "abs_tol": 1.0}  # px^2; COCO rounds sides to 0.01 px
SHOWN = 60  # characters around an error
# Where the annotation file may lie; the first pattern that matches anything wins.
PLACES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"annotations\.json",
        r"annotations/instances[^/]*\.json",
        r"annotations/[^/]+\.json",
        r"[^/]+\.json",
        r"(images/)?[^/]+/[^/]+\.json",
    )
)


def read(folder: Path, rules: ReadRules = USUAL) -> ReadResult:
    """Read a folder in COCO's layout, or one annotation file.

    Raises:
        DatasetError: No or no unambiguous annotation file; not JSON, or with a key twice; an
            image without file or with an id twice; a category id that no category has.
    """
    if folder.is_file():
        source, names = Source.open(folder.parent, rules), [folder.name]
    else:
        source = Source.open(folder, rules)
        names = _annotation_files(folder, source.files)
    reading = _Reading(source)
    for name in names:
        reading.file(name, subset_of(name) if len(names) > 1 else "")
    negatives = source.negatives(reading.paths, f"record in {names[0]}", "leave out")
    return source.result(reading.classes, reading.images, reading.files, negatives)


def write(
    dataset: Dataset, folder: Path, images: Path | None = None
) -> tuple[list[str], tuple[Finding, ...]]:
    """Write `annotations.json`, and the pictures into `images/`.

    Returns:
        Path of each image, and what the format cannot hold; see `pocketdet.formats.write`.
    """
    labels = list(dataset.classes)
    if any(box.label == DONT_CARE for image in dataset for box in image.boxes):
        labels.append(DONT_CARE)
    numbers = {label: number for number, label in enumerate(labels, 1)}
    image_rows: list[dict[str, Any]] = []
    box_rows: list[dict[str, Any]] = []
    paths = place(dataset, folder, "images", images)
    for image_id, (image, path) in enumerate(zip(dataset, paths, strict=True), 1):
        row = {
            "id": image_id,
            "file_name": path.removeprefix("images/"),
            "width": image.size_wh[0],
            "height": image.size_wh[1],
        }
        image_rows.append({**row, "subset": image.subset} if image.subset else row)
        for box in image.boxes:
            box_rows.append(_row(box, len(box_rows) + 1, image_id, numbers[box.label]))
    categories = [{"id": number, "name": label} for label, number in numbers.items()]
    folder.mkdir(parents=True, exist_ok=True)
    parts = (("images", image_rows), ("annotations", box_rows), ("categories", categories))
    lines = ",\n".join(  # one record a line: a text diff shows what changed
        f'"{key}": [\n' + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]"
        for key, rows in parts
    )
    (folder / "annotations.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return paths, ()


def _row(box: Box, box_id: int, image_id: int, category_id: int) -> dict[str, Any]:
    x1, y1, x2, y2 = box.xyxy
    # Rounded as 1e-6 px, so that 0.1 + 0.2 is not written as 0.30000000000000004.
    x, y, w, h = (round(value, 6) for value in (x1, y1, x2 - x1, y2 - y1))
    row: dict[str, Any] = {
        "id": box_id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x, y, w, h],
        "area": round(w * h, 6),
        "iscrowd": int(box.ignore == "iscrowd"),
    }
    if box.ignore and box.ignore != "iscrowd":
        row |= {"ignore": 1, "ignore_reason": box.ignore}
    if box.occlusion is not None:
        row["occlusion"] = box.occlusion
    if box.truncation is not None:
        row["truncation"] = box.truncation
    if box.annotator:
        row["annotator"] = box.annotator
    return row


@dataclass
class _Reading:
    """The state of reading one source out of one or several files."""

    source: Source
    classes: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def file(self, name: str, subset: str) -> None:
        """Add what one annotation file holds."""
        path = self.source.folder / name
        rows = self.source.rows(name)
        raw = _load(path, self.source.unread)
        self.source.leave(raw, READ.keys())
        for part, read in READ.items():
            for row in _records(path, raw, part):
                self.source.leave(row, read)
        labels: dict[Any, str] = {}
        for n, row in enumerate(_records(path, raw, "categories"), 1):
            label = row.get("name")
            if not isinstance(label, str) or not label.strip() or not _is_text(label):
                raise DatasetError(f"{path}: category {n}: expected a name, found {row}")
            labels[_id(path, row, "id", f"category {n}")] = label
        for label in labels.values():
            if label not in self.classes and label != DONT_CARE:
                self.classes.append(label)
        records: dict[Any, dict[str, Any]] = {}
        for n, row in enumerate(_records(path, raw, "images"), 1):
            key = _id(path, row, "id", f"image {n}")
            if key in records:
                error = DatasetError(f"{path}: image {n}: id {key!r} is used twice")
                rows.doubt(error, f"image {n}", "duplicate id", 0)
                continue
            records[key] = row
        by_image: dict[Any, list[_Row]] = {key: [] for key in records}
        for annotation in _distinct(path, rows, _records(path, raw, "annotations")):
            if annotation.image_id not in by_image:
                rows.drop(annotation.record, "unknown image id", repr(annotation.image_id))
            else:
                by_image[annotation.image_id].append(annotation)
            self.source.unread["area"] += _has_own_area(annotation.fields)
            by = annotation.fields.get("annotator")
            self.source.unread["annotator"] += by not in EMPTY and not line(by)
        for key, record in records.items():
            self._image(rows, f"image {key}", record, by_image[key], labels, subset)

    def _image(
        self,
        rows: Rows,
        record: str,
        row: dict[str, Any],
        annotations: list["_Row"],
        labels: dict[Any, str],
        subset: str,
    ) -> None:
        """Add one image with its boxes."""
        source, boxes = self.source, len(annotations)
        file = source.folder / rows.file
        beside = rows.file.rpartition("/")[0]
        name = rows.attempt(
            lambda: safe(row.get("file_name"), file, record), record, "unsafe file name", boxes
        )
        if name is None:
            return
        path = rows.attempt(
            lambda: source.pictures.named(name, ("images", beside, ""), file, record),
            record, "picture not found", boxes,
        )  # fmt: skip
        if path is None:
            return
        if path in self.paths:
            error = DatasetError(f"{file}: {record}: {name!r} is also another image's file")
            rows.doubt(error, record, "picture annotated twice", boxes)
            return
        self.paths.add(path)
        frame = source.frame(path, rows, record, boxes)
        stated = (number(row.get("width")), number(row.get("height")))
        if frame is None or not rows.fits(record, stated, frame, boxes):
            return
        kept = []
        for annotation in annotations:
            what = f"{annotation.record} of {record}"
            label = _label(file, rows, labels, annotation.fields, what)
            if label is not None:
                kept.append(_box(rows, what, label, annotation.fields, frame))
        subset = str(row.get("subset", subset))
        if subset and not SAFE_NAME.fullmatch(subset):
            error = DatasetError(
                f"{file}: {record}: subset {subset!r}: expected letters and digits"
            )
            rows.doubt(error, record, "unsafe file name", boxes)
            return
        self.images.append(Image(path, frame.upright_wh, tuple(filter(None, kept)), subset=subset))
        self.files.append(rows.file)


@dataclass(frozen=True, slots=True)
class _Row:
    """An annotation: how findings call it, its image, its fields."""

    record: str
    image_id: int | str
    fields: dict[str, Any]


def _distinct(path: Path, rows: Rows, records: list[dict[str, Any]]) -> Iterator[_Row]:
    """The annotations without those whose id another one has."""
    seen: set[int | str] = set()
    for n, row in enumerate(records, 1):
        record = f"annotation {row.get('id', f'number {n}')}"
        try:
            image_id = _id(path, row, "image_id", record)
            own = None if row.get("id") is None else _id(path, row, "id", record)
        except DatasetError as error:
            rows.doubt(error, record, "malformed row", 1)
            continue
        if own is not None:
            if own in seen:
                rows.drop(record, "duplicate id")
                continue
            seen.add(own)
        yield _Row(record, image_id, row)


def _label(
    file: Path, rows: Rows, labels: dict[Any, str], row: dict[str, Any], record: str
) -> str | None:
    """Class name of an annotation, or None when it was dropped for having none."""
    try:
        label = labels.get(_id(file, row, "category_id", record))
        if label is not None:
            return label
        raise DatasetError(
            f"{file}: {record}: category_id {row.get('category_id')!r} is no category; "
            f"expected one of {sorted(labels, key=str)}"
        )
    except DatasetError as error:
        rows.doubt(error, record, "unknown class", 1)
        return None


def _has_own_area(row: dict[str, Any]) -> bool:
    """Whether the stated area is not the box's, but that of an outline."""
    area, bbox = row.get("area"), row.get("bbox")
    if area is None or not isinstance(bbox, list) or len(bbox) != 4:
        return False
    return not math.isclose(number(area), number(bbox[2]) * number(bbox[3]), **SAME_AREA)


def _box(rows: Rows, record: str, label: str, row: dict[str, Any], frame: Frame) -> Box | None:
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4:
        rows.drop(record, "malformed row", f"bbox {bbox!r}")
        return None
    x, y, w, h = map(number, bbox)
    ignore = ""
    if label == DONT_CARE:
        ignore = DONT_CARE
    elif row.get("iscrowd"):
        ignore = "iscrowd"
    elif row.get("ignore"):
        ignore = str(row.get("ignore_reason", "ignore"))
    return rows.box(
        record,
        label,
        (x, y, x + w, y + h),
        frame,
        ignore=ignore,
        occlusion=row.get("occlusion"),
        truncation=row.get("truncation"),
        annotator=line(row.get("annotator")),
    )


def _annotation_files(folder: Path, files: list[str]) -> list[str]:
    """The JSON file of the source, or its several official subsets."""
    for pattern in PLACES:
        found = [path for path in files if pattern.fullmatch(path) and path != SIDECAR]
        subsets = {subset_of(path) for path in found} - {""}
        if len(found) == 1 or (found and len(subsets) == len(found)):
            return found
        if found:
            raise DatasetError(
                f"{folder}: expected one COCO file, found {', '.join(found)}; keep one, "
                "or let their names say train, val, test"
            )
    raise DatasetError(f"{folder}: expected annotations.json or annotations/*.json, found none")


def _load(path: Path, unread: Counter[str]) -> dict[str, Any]:
    """The JSON object of a file, without segmentations: they are most of its size.

    Args:
        path: Of the file.
        unread: Counts what is left out.
    """

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise DatasetError(f"{path}: key {twice!r} twice in record {str(row)[:120]}")
        for name in UNREAD:
            if name in row and row.pop(name):
                unread[name] += 1
        return row

    text = read_text(path)
    try:
        raw = json.loads(text, object_pairs_hook=whole)
    except json.JSONDecodeError as error:
        byte = len(text[: error.pos].encode("utf-8", "surrogatepass"))
        near = text[max(0, error.pos - SHOWN) : error.pos + SHOWN]
        raise DatasetError(
            f"{path}: not JSON: byte {byte}, line {error.lineno} column {error.colno}: "
            f"{error.msg}, in {near!r}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise DatasetError(f"{path}: expected an object with images, annotations, categories")
    return raw


def _records(path: Path, raw: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = raw.get(key)
    if not isinstance(rows, list):
        raise DatasetError(f"{path}: expected a list {key!r}, found {type(rows).__name__}")
    for n, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DatasetError(f"{path}: {key} record {n}: expected an object, found {row!r}")
    return rows


def _is_text(value: str) -> bool:
    """False for half a surrogate pair, which JSON can escape and no text file can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _id(path: Path, row: dict[str, Any], key: str, record: str) -> int | str:
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():  # as pandas writes them
        return int(value)
    if not isinstance(value, int | str):
        raise DatasetError(f"{path}: {record}: expected {key} as a whole number, found {value!r}")
    return value
