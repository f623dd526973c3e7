"""`pocketdet.json` beside the annotations: what their format cannot hold.

Other tools do not read it; ours puts back together what was written. It holds, where the files
alone would be read otherwise:

    {
      "classes": ["person", "bicycle"],         the classes, in the order of their numbers
      "images": [                               all images, in their order
        {"path": "image_2/b.png"},
        {"path": "image_2/a.png",
         "subset": "val", "source": "street",   if the files say another
         "rows": 2,                             boxes that the files have
         "boxes": [                             all boxes, in their order:
           1,                                   the second row of the files as it stands,
           {"row": 0, "xyxy": [1, 2, 11, 12],   the first row with other attributes,
            "label": "person", "ignore": "iscrowd", "occlusion": null, "truncation": null},
           {"row": null, ...}                   a box that the files do not have
         ]}
      ]
    }

The files may be edited afterwards. Where the rows of a picture are no longer those that the
sidecar speaks of (another number, or a corner moved by more than `SAME_PX`), the files win for
that picture, and a finding says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError, broken_rules
from pocketdet.formats.files import read_text
from pocketdet.formats.lists import SAFE_NAME
from pocketdet.formats.rows import SIDECAR, Finding, ReadResult, Rows

SAME_PX = 1e-3


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _BoxEntry(_Strict):
    row: int | None
    xyxy: tuple[float, float, float, float]
    label: str
    ignore: str
    occlusion: int | None
    truncation: float | None
    annotator: str = ""

    @property
    def box(self) -> Box:
        return Box(
            self.label, self.xyxy, self.ignore, self.occlusion, self.truncation, self.annotator
        )


class _ImageEntry(_Strict):
    path: str
    subset: Annotated[str, Field(pattern=rf"^({SAFE_NAME.pattern})?$")] | None = None
    source: str | None = None
    rows: int | None = None
    boxes: tuple[int | _BoxEntry, ...] | None = None


class _File(_Strict):
    classes: tuple[str, ...]
    images: tuple[_ImageEntry, ...]


def write(dataset: Dataset, paths: Sequence[str], files: Dataset, folder: Path) -> list[Finding]:
    """Write what reading the files alone would lose; no sidecar if that is nothing.

    Args:
        dataset: What was to be written.
        paths: Path of each of its images in the layout of the files.
        files: What reading the files gives.
        folder: Of the files.

    Returns:
        A finding for each box and subset that other tools will not see.
    """
    read = {image.path: image for image in files}
    entries = []
    findings: list[Finding] = []
    for image, path in zip(dataset, paths, strict=True):
        entry = _entry(image, path, read[path])
        entries.append(entry)
        findings += _findings(entry)
    in_place = [entry.path for entry in entries] == [image.path for image in files]
    bare = all(entry == _ImageEntry(path=entry.path) for entry in entries)
    if not in_place or not bare or dataset.classes != files.classes:
        whole = _File(classes=dataset.classes, images=tuple(entries))
        text = whole.model_dump_json(exclude_defaults=True, indent=1, ensure_ascii=False)
        (folder / SIDECAR).write_text(text + "\n", encoding="utf-8")
    return findings


def apply(result: ReadResult, folder: Path) -> ReadResult:
    """What was read out of the files, with what the sidecar holds, if there is one.

    Raises:
        DatasetError: The sidecar is broken.
    """
    file = folder / SIDECAR
    if not file.is_file():
        return result
    try:
        whole = _File.model_validate_json(read_text(file))
    except ValidationError as error:
        raise DatasetError(
            f"{file}: {broken_rules(error)[0]}; delete the file to read without it"
        ) from None
    findings = list(result.findings)
    rows = Rows(SIDECAR, findings)
    read = {
        image.path: (image, label_file)
        for image, label_file in zip(result.dataset, result.files, strict=True)
    }
    pairs: list[tuple[Image, str]] = []
    for entry in whole.images:
        if entry.path not in read:
            rows.change(entry.path, "pocketdet.json does not fit", "no such picture is annotated")
            continue
        image, label_file = read.pop(entry.path)
        image = replace(
            image,
            subset=image.subset if entry.subset is None else entry.subset,
            source=image.source if entry.source is None else entry.source,
        )
        boxes = _boxes(entry, image)
        if boxes is None:
            detail = "its annotation was changed since, and is taken as it stands"
            rows.change(entry.path, "pocketdet.json does not fit", detail)
        pairs.append((image if boxes is None else replace(image, boxes=boxes), label_file))
    pairs += read.values()  # pictures that came later
    classes = dict.fromkeys((*whole.classes, *result.dataset.classes))
    return replace(
        result,
        dataset=Dataset(tuple(classes), tuple(image for image, _ in pairs)),
        findings=tuple(findings),
        files=tuple(label_file for _, label_file in pairs),
    )


def _entry(image: Image, path: str, read: Image) -> _ImageEntry:
    found = list(_pair(image.boxes, read.boxes))
    as_read = found == list(range(len(read.boxes)))
    return _ImageEntry(
        path=path,
        subset=image.subset if image.subset != read.subset else None,
        source=image.source if image.source != read.source else None,
        rows=None if as_read else len(read.boxes),
        boxes=None if as_read else tuple(found),
    )


def _pair(boxes: Sequence[Box], rows: Sequence[Box]) -> Iterator[int | _BoxEntry]:
    """For each box the row that it was written to; writers keep the order, and may leave out."""
    next_row = 0
    for box in boxes:
        candidates = (n for n in range(next_row, len(rows)) if _near(box.xyxy, rows[n].xyxy))
        row = next(candidates, None)
        if row is not None:
            next_row = row + 1
            if replace(rows[row], xyxy=box.xyxy) == box:
                yield row
                continue
        yield _BoxEntry(
            row=row,
            xyxy=box.xyxy,
            label=box.label,
            ignore=box.ignore,
            occlusion=box.occlusion,
            truncation=box.truncation,
            annotator=box.annotator,
        )


def _boxes(entry: _ImageEntry, image: Image) -> tuple[Box, ...] | None:
    """The boxes of a picture, or None where its rows are others than the sidecar's."""
    rows = image.boxes
    if entry.boxes is None:
        return rows
    if entry.rows != len(rows):
        return None
    boxes = []
    for found in entry.boxes:
        row = found if isinstance(found, int) else found.row
        if row is not None and not 0 <= row < len(rows):
            return None
        if isinstance(found, int):
            boxes.append(rows[found])
            continue
        if row is not None and not _near(found.xyxy, rows[row].xyxy):
            return None
        boxes.append(found.box)
    return tuple(boxes)


def _findings(entry: _ImageEntry) -> Iterator[Finding]:
    for number, found in enumerate(entry.boxes or (), 1):
        if isinstance(found, _BoxEntry):
            detail = f"{found.label}, {found.ignore or 'counts'}, occlusion {found.occlusion}, "
            detail += f"truncation {found.truncation}"
            record = f"box {number}"
            yield Finding(entry.path, record, "only in pocketdet.json", detail, dropped=False)
    if entry.subset is not None:
        detail = f"subset {entry.subset!r}"
        yield Finding(entry.path, "picture", "only in pocketdet.json", detail, False, boxes=0)


def _near(a: Sequence[float], b: Sequence[float]) -> bool:
    return all(abs(x - y) <= SAME_PX for x, y in zip(a, b, strict=True))
