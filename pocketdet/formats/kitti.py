"""KITTI object: one text file a picture, boxes as left, top, right, bottom in float pixels.

    pixels      0   1   2   3          The devkit calls the coordinates "0-based" and its scoring
    edges     0   1   2   3   4        takes width = right - left, without adding a pixel. So they
              |---|---|---|---|        are read as edges: x1 = left, x2 = right. A box that ends at
                                       the last pixel has right = width - 1, up to 1 px short;
                                       changing that would change every IoU of the devkit.

Row: type, truncated 0..1, occluded 0..3, alpha, left, top, right, bottom, then 7 numbers of the
box in space, and perhaps a score. Of these, alpha, the box in space and the score are not read, and
the devkit's "unknown" is written. Layout: `label_2/*.txt`, `image_2/`, official lists
`ImageSets/{train,val,trainval,test}.txt`. DontCare becomes ignore, for any class; every other
ignored box is written as DontCare, which loses its label and reason unless `pocketdet.json` holds
them.
"""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.lists import official_lists, write_lists
from pocketdet.formats.pictures import Frame
from pocketdet.formats.placing import label_path, place
from pocketdet.formats.rows import (
    Finding,
    ReadResult,
    Rows,
    decimal,
    number,
)
from pocketdet.formats.source import USUAL, ReadRules, Source

FIELDS = 15
UNKNOWN_3D = (-1, -1, -1, -1000, -1000, -1000, -10)  # height, width, length, x, y, z, rotation
UNKNOWN_ALPHA = -10  # the devkit's; else the angle it is seen from
EXPECTED = "label_2/*.txt"


def read(folder: Path, rules: ReadRules = USUAL) -> ReadResult:
    """Read a folder in KITTI's layout.

    Raises:
        DatasetError: No label file; a picture without label file or a label file without picture;
            a list that names neither.
    """
    source = Source.open(folder, rules)
    labels = [
        path
        for path in source.files
        if "/label_2/" in f"/{path.lower()}" and path.lower().endswith(".txt")
    ]
    if not labels:
        raise DatasetError(f"{folder}: expected {EXPECTED}, found none")
    images: list[Image] = []
    kept: list[str] = []
    used: list[str] = []
    subsets = official_lists(source, "ImageSets")
    for label in labels:
        subset = subsets.pop(PurePosixPath(label).stem, "")
        path, image = source.of_lines(label, ("label_2", "image_2"), ".png", partial(_box, source))
        if path is not None:
            used.append(path)
        if image is not None:
            images.append(replace(image, subset=subset))
            kept.append(label)
    negatives = source.negatives(used, EXPECTED, "refuse")
    source.refuse_ids("ImageSets", subsets, EXPECTED)
    classes = {box.label for image in images for box in image.boxes} - {DONT_CARE}
    return source.result(sorted(classes), images, kept, negatives)


def write(
    dataset: Dataset, folder: Path, images: Path | None = None
) -> tuple[list[str], tuple[Finding, ...]]:
    """Write `label_2/`, and the pictures into `image_2/`.

    Returns:
        Path of each image, and what the format cannot hold; see `pocketdet.formats.write`.
    """
    lost: list[Finding] = []
    lists: dict[str, list[str]] = {}
    paths = place(dataset, folder, "image_2", images)
    for image, path in zip(dataset, paths, strict=True):
        label = label_path(path, "label_2", ".txt")
        for number_, box in enumerate(image.boxes, 1):
            if box.ignore and box.label != DONT_CARE:
                detail = f"{box.label}, {box.ignore}: written as DontCare"
                lost.append(
                    Finding(label, f"line {number_}", "cannot be written", detail, dropped=False)
                )
        target = folder / label
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(_line(box) for box in image.boxes), encoding="utf-8")
        if image.subset:
            lists.setdefault(image.subset, []).append(target.stem)
    write_lists(folder / "ImageSets", lists)
    return paths, tuple(lost)


def _box(source: Source, rows: Rows, record: str, line: str, frame: Frame) -> Box | None:
    # From the right, so that a type may hold spaces ("traffic light"); a 16th field is a score.
    fields = line.rsplit(maxsplit=FIELDS - 1)
    words = line.split()
    if len(words) == FIELDS + 1 and not math.isnan(number(words[1])):
        fields = words[:FIELDS]
        source.unread["score"] += 1
    if len(fields) < FIELDS:
        rows.drop(record, "malformed row", f"{len(fields)} fields, expected {FIELDS}")
        return None
    label = fields[0].strip()
    alpha, *sides = map(number, fields[3:8])
    known = label != DONT_CARE
    if known and any(number(field) not in UNKNOWN_3D for field in fields[8:]):
        source.unread["box in space"] += 1
    source.unread["alpha"] += known and alpha != UNKNOWN_ALPHA
    return rows.box(
        record,
        label,
        sides,
        frame,
        ignore="" if known else DONT_CARE,
        occlusion=fields[2] if known else None,
        truncation=fields[1] if known else None,
    )


def _line(box: Box) -> str:
    sides = " ".join(map(decimal, box.xyxy))
    alpha, unknown = UNKNOWN_ALPHA, " ".join(map(str, UNKNOWN_3D))
    if box.ignore:
        return f"{DONT_CARE} -1 -1 {alpha} {sides} {unknown}\n"
    truncation = "-1" if box.truncation is None else f"{box.truncation:.12g}"
    occlusion = "-1" if box.occlusion is None else str(box.occlusion)
    return f"{box.label} {truncation} {occlusion} {alpha} {sides} {unknown}\n"
