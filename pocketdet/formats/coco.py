"""COCO detection: one JSON file, boxes as [x, y, width, height] in float pixels, origin top-left.

    x                x + width
    |----------------|            Pixel edges already: x1 = x, x2 = x + width. No pixel is added.

Layout: `annotations.json` + `images/`, or `annotations/instances_*.json` beside any picture
folders. Several such files whose names say train, val or test are official subsets. `iscrowd`
becomes ignore. Keys that COCO does not know but allows carry the rest: on an annotation `ignore`
with `ignore_reason`, `occlusion`, `truncation`; on an image `subset`.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, safe, walk
from pocketdet.formats.lists import subset_of
from pocketdet.formats.pictures import Pictures, upright_size
from pocketdet.formats.placing import place
from pocketdet.formats.rows import DONT_CARE, Finding, ReadResult, Rows, level, number, share

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


def read(folder: Path) -> ReadResult:
    """Read a folder in COCO's layout.

    Raises:
        DatasetError: No or no unambiguous annotation file; not JSON, or with a key twice; an
            image without file or with an id twice; a category id that no category has.
    """
    files = walk(folder)
    names = _annotation_files(folder, files)
    reading = _Reading(folder, Pictures(folder, files))
    for name in names:
        reading.file(name, subset_of(name) if len(names) > 1 else "")
    for path in reading.pictures.unused(reading.paths):
        reading.findings.append(Finding(path, "picture", "picture without annotation", boxes=0))
    return ReadResult(
        Dataset(tuple(reading.classes), tuple(reading.images)),
        tuple(reading.findings),
        tuple(reading.files),
    )


def write(dataset: Dataset, folder: Path, images: Path | None = None) -> tuple[Finding, ...]:
    """Write `annotations.json`, and the pictures into `images/`; see `pocketdet.formats.write`."""
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
    return ()


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
    return row


@dataclass
class _Reading:
    """The state of reading one source out of one or several files."""

    folder: Path
    pictures: Pictures
    classes: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def file(self, name: str, subset: str) -> None:
        """Add what one annotation file holds."""
        path = self.folder / name
        raw = _load(path)
        labels: dict[Any, str] = {}
        for n, row in enumerate(_rows(path, raw, "categories"), 1):
            label = row.get("name")
            if not isinstance(label, str) or not label.strip() or not _is_text(label):
                raise DatasetError(f"{path}: category {n}: expected a name, found {row}")
            labels[_id(path, row, "id", f"category {n}")] = label
        for label in labels.values():
            if label not in self.classes and label != DONT_CARE:
                self.classes.append(label)
        records: dict[Any, dict[str, Any]] = {}
        for n, row in enumerate(_rows(path, raw, "images"), 1):
            key = _id(path, row, "id", f"image {n}")
            if key in records:
                raise DatasetError(f"{path}: image {n}: id {key!r} is used twice")
            records[key] = row
        boxes = self._boxes_by_image(path, raw, records)
        for key, row in records.items():
            self._image(name, key, row, boxes.get(key, []), labels, subset)

    def _boxes_by_image(
        self, path: Path, raw: dict[str, Any], records: dict[Any, dict[str, Any]]
    ) -> dict[Any, list[dict[str, Any]]]:
        """Annotations by image id; those of no image or with an id twice are dropped."""
        rows = Rows(path.relative_to(self.folder).as_posix(), self.findings)
        by_image: dict[Any, list[dict[str, Any]]] = {}
        seen: set[Any] = set()
        for n, row in enumerate(_rows(path, raw, "annotations"), 1):
            record = f"annotation {row.get('id', f'number {n}')}"
            key = _id(path, row, "image_id", record)
            if row.get("id") is not None:
                own = _id(path, row, "id", record)
                if own in seen:
                    rows.drop(record, "duplicate id")
                    continue
                seen.add(own)
            if key not in records:
                rows.drop(record, "unknown image id", repr(key))
                continue
            by_image.setdefault(key, []).append(row)
        return by_image

    def _image(
        self,
        name: str,
        key: Any,
        row: dict[str, Any],
        annotations: list[dict[str, Any]],
        labels: dict[Any, str],
        subset: str,
    ) -> None:
        """Add one image with its boxes."""
        file = self.folder / name
        rows = Rows(name, self.findings)
        record = f"image {key}"
        file_name = safe(row.get("file_name"), file, record)
        beside = name.rpartition("/")[0]
        path = self.pictures.named(file_name, ("images", beside, ""), file, record)
        if path in self.paths:
            raise DatasetError(f"{file}: {record}: {file_name!r} is also another image's file")
        self.paths.add(path)
        size_wh = upright_size(self.folder / path)
        stated = (number(row.get("width")), number(row.get("height")))
        if all(side > 0 for side in stated) and stated != size_wh:
            rows.size_differs(record, stated, size_wh, len(annotations))
            return
        boxes = []
        for annotation in annotations:
            what = f"annotation {annotation.get('id', '')} of {record}"
            label = labels.get(_id(file, annotation, "category_id", what))
            if label is None:
                raise DatasetError(
                    f"{file}: {what}: category_id {annotation.get('category_id')!r} is no "
                    f"category; expected one of {sorted(labels, key=str)}"
                )
            box = _box(rows, what, label, annotation, size_wh)
            if box is not None:
                boxes.append(box)
        subset = str(row.get("subset", subset))
        self.images.append(Image(path, size_wh, tuple(boxes), subset=subset))
        self.files.append(name)


def _box(
    rows: Rows, record: str, label: str, row: dict[str, Any], size_wh: tuple[int, int]
) -> Box | None:
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
        size_wh,
        ignore=ignore,
        occlusion=level(number(row.get("occlusion"))),
        truncation=share(number(row.get("truncation"))),
    )


def _annotation_files(folder: Path, files: list[str]) -> list[str]:
    """The JSON file of the source, or its several official subsets."""
    for pattern in PLACES:
        found = [path for path in files if pattern.fullmatch(path)]
        subsets = {subset_of(path) for path in found} - {""}
        if len(found) == 1 or (found and len(subsets) == len(found)):
            return found
        if found:
            raise DatasetError(
                f"{folder}: expected one COCO file, found {', '.join(found)}; keep one, "
                "or let their names say train, val, test"
            )
    raise DatasetError(f"{folder}: expected annotations.json or annotations/*.json, found none")


def _load(path: Path) -> dict[str, Any]:
    """The JSON object of a file, without segmentations: they are most of its size."""

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise DatasetError(f"{path}: key {twice!r} twice in record {str(row)[:120]}")
        row.pop("segmentation", None)
        return row

    try:
        raw = json.loads(read_text(path), object_pairs_hook=whole)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not JSON: {error}") from error
    if not isinstance(raw, dict):
        raise DatasetError(f"{path}: expected an object with images, annotations, categories")
    return raw


def _rows(path: Path, raw: dict[str, Any], key: str) -> list[dict[str, Any]]:
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
    if not isinstance(value, int | str):
        raise DatasetError(f"{path}: {record}: expected {key} as a number, found {value!r}")
    return value
