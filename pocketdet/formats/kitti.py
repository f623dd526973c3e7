"""KITTI object: one text file a picture, boxes as left, top, right, bottom in float pixels.

    pixels      0   1   2   3          The devkit calls the coordinates "0-based" and its scoring
    edges     0   1   2   3   4        takes width = right - left, without adding a pixel. So they
              |---|---|---|---|        are read as edges: x1 = left, x2 = right. A box that ends at
                                       the last pixel has right = width - 1, up to 1 px short;
                                       changing that would change every IoU of the devkit.

Row: type, truncated 0..1, occluded 0..3, alpha, left, top, right, bottom, then 7 numbers of the
box in space, which are not read and are written as the devkit's "unknown". Layout: `label_2/*.txt`,
`image_2/`, official lists `ImageSets/{train,val,trainval,test}.txt`. DontCare becomes ignore, for
any class; every other ignored box is written as DontCare, which loses its label and reason.
"""

import math
from pathlib import Path, PurePosixPath

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, walk
from pocketdet.formats.lists import list_files, official_lists, refuse_leftovers, write_lists
from pocketdet.formats.pictures import Pictures, upright_size
from pocketdet.formats.placing import label_path, place
from pocketdet.formats.rows import (
    DONT_CARE,
    Finding,
    ReadResult,
    Rows,
    decimal,
    level,
    number,
    share,
)

FIELDS = 15
UNKNOWN_3D = "-1 -1 -1 -1000 -1000 -1000 -10"  # height, width, length, x, y, z, rotation


def read(folder: Path) -> ReadResult:
    """Read a folder in KITTI's layout.

    Raises:
        DatasetError: No label file; a picture without label file or a label file without picture;
            a list that names neither.
    """
    files = walk(folder)
    pictures = Pictures(folder, files)
    labels = [p for p in files if "/label_2/" in f"/{p.lower()}" and p.lower().endswith(".txt")]
    if not labels:
        raise DatasetError(f"{folder}: expected label_2/*.txt, found none")
    findings: list[Finding] = []
    images: list[Image] = []
    subsets = official_lists(folder, list_files(files, "ImageSets"))
    for label in labels:
        file = folder / label
        path = pictures.of_label(label, ("label_2", "image_2"), file)
        if path is None:
            raise DatasetError(f"{file}: picture {file.stem}.png not found below {folder}; add it")
        size_wh = upright_size(folder / path)
        rows = Rows(label, findings)
        lines = enumerate(read_text(file).splitlines(), 1)
        boxes = [_box(rows, f"line {n}", line, size_wh) for n, line in lines if line.strip()]
        subset = subsets.pop(PurePosixPath(label).stem, "")
        images.append(Image(path, size_wh, tuple(filter(None, boxes)), subset=subset))
    used = [image.path for image in images]
    refuse_leftovers(folder, pictures.unused(used), list(subsets), "label_2/*.txt")
    classes = {box.label for image in images for box in image.boxes} - {DONT_CARE}
    return ReadResult(
        Dataset(tuple(sorted(classes)), tuple(images)), tuple(findings), tuple(labels)
    )


def write(dataset: Dataset, folder: Path, images: Path | None = None) -> tuple[Finding, ...]:
    """Write `label_2/`, and the pictures into `image_2/`; see `pocketdet.formats.write`."""
    lost: list[Finding] = []
    lists: dict[str, list[str]] = {}
    for image, path in zip(dataset, place(dataset, folder, "image_2", images), strict=True):
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
    return tuple(lost)


def _box(rows: Rows, record: str, line: str, size_wh: tuple[int, int]) -> Box | None:
    # From the right, so that a type may hold spaces ("traffic light"); a 16th field is a score.
    fields = line.rsplit(maxsplit=FIELDS - 1)
    words = line.split()
    if len(words) == FIELDS + 1 and not math.isnan(number(words[1])):
        fields = words[:FIELDS]
    if len(fields) < FIELDS:
        rows.drop(record, "malformed row", f"{len(fields)} fields, expected {FIELDS}")
        return None
    label = fields[0].strip()
    truncation, occlusion, _, *sides = map(number, fields[1:8])
    known = label != DONT_CARE
    return rows.box(
        record,
        label,
        sides,
        size_wh,
        ignore="" if known else DONT_CARE,
        occlusion=level(occlusion) if known else None,
        truncation=share(truncation) if known else None,
    )


def _line(box: Box) -> str:
    sides = " ".join(map(decimal, box.xyxy))
    if box.ignore:
        return f"{DONT_CARE} -1 -1 -10 {sides} {UNKNOWN_3D}\n"
    truncation = "-1" if box.truncation is None else f"{box.truncation:g}"
    occlusion = "-1" if box.occlusion is None else str(box.occlusion)
    return f"{box.label} {truncation} {occlusion} -10 {sides} {UNKNOWN_3D}\n"
