"""PASCAL VOC: one XML file a picture, boxes as whole pixels counted from 1, both ends included.

    edges     0   1   2   3   4        A box that covers pixels 2 and 3 is xmin = 2, xmax = 3
              |---|###|###|---|        (devkit: "the top-left pixel in the image has coordinates
    pixels      1   2   3   4          (1,1)"). Edges: x1 = xmin - 1 = 1, x2 = xmax = 3.

Layout: `Annotations/*.xml`, `JPEGImages/`, official lists `ImageSets/Main/{train,val,trainval,
test}.txt`; a picture belongs to the annotation of its stem, as in the devkit. `difficult` becomes
ignore. `truncated` says only that a part is outside, so it is read as the share `TRUNCATED`, and
`occluded` as KITTI's level 1. Elements that VOC does not know but allows carry the exact values:
`truncation`, `occlusion`, `ignore`.
"""

from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import safe, walk
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

TRUNCATED = 0.5
"""Stands for "some unknown share": the devkit marks objects from about 0.15 to nearly 1."""


def read(folder: Path) -> ReadResult:
    """Read a folder in VOC's layout.

    Raises:
        DatasetError: No annotation; XML that is broken or declares entities; a picture without
            annotation or an annotation without picture; a list that names neither.
    """
    files = walk(folder)
    pictures = Pictures(folder, files)
    xml = [path for path in files if path.lower().endswith(".xml")]
    labels = [path for path in xml if "annotations" in path.lower().split("/")[:-1]] or xml
    if not labels:
        raise DatasetError(f"{folder}: expected Annotations/*.xml, found none")
    findings: list[Finding] = []
    images: list[Image] = []
    kept: list[str] = []
    used: list[str] = []
    classes: set[str] = set()
    subsets = official_lists(folder, list_files(files, "ImageSets/Main"))
    for label in labels:
        path, image = _image(folder, label, pictures, findings)
        used.append(path)
        subset = subsets.pop(PurePosixPath(label).stem, "")
        if image is not None:
            images.append(Image(path, image.size_wh, image.boxes, subset=subset))
            kept.append(label)
            classes.update(box.label for box in image.boxes)
    refuse_leftovers(folder, pictures.unused(used), list(subsets), "Annotations/*.xml")
    return ReadResult(
        Dataset(tuple(sorted(classes - {DONT_CARE})), tuple(images)), tuple(findings), tuple(kept)
    )


def write(dataset: Dataset, folder: Path, images: Path | None = None) -> tuple[Finding, ...]:
    """Write `Annotations/`, `ImageSets/`, and the pictures; see `pocketdet.formats.write`."""
    lists: dict[str, list[str]] = {}
    for image, path in zip(dataset, place(dataset, folder, "JPEGImages", images), strict=True):
        target = folder / label_path(path, "Annotations", ".xml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_xml(image, PurePosixPath(path).name), encoding="utf-8")
        if image.subset:
            lists.setdefault(image.subset, []).append(target.stem)
    write_lists(folder / "ImageSets" / "Main", lists)
    return ()


def _image(
    folder: Path, label: str, pictures: Pictures, findings: list[Finding]
) -> tuple[str, Image | None]:
    """Path of an annotation's picture, and the image, or None when it was dropped."""
    file = folder / label
    root = _parse(file)
    if root.tag != "annotation":
        raise DatasetError(f"{file}: expected <annotation>, found <{root.tag}>; is it VOC?")
    path = pictures.of_label(label, ("Annotations", "JPEGImages"), file)
    rows = Rows(label, findings)
    stated_name = root.findtext("filename")
    if stated_name:
        name = safe(stated_name, file, "filename")
        if path is None:
            path = pictures.named(name, ("JPEGImages", ""), file, "filename")
        elif PurePosixPath(name).stem != PurePosixPath(path).stem:
            rows.change("filename", "names another picture", f"{stated_name}, taken: {path}")
    if path is None:
        raise DatasetError(f"{file}: picture {file.stem}.jpg not found below {folder}; add it")
    size_wh = upright_size(folder / path)
    objects = root.findall("object")
    stated = tuple(number(root.findtext(f"size/{side}")) for side in ("width", "height"))
    if all(side > 0 for side in stated) and stated != size_wh:
        rows.size_differs("size", stated, size_wh, len(objects))
        return path, None
    boxes = (_box(rows, f"object {n}", row, size_wh) for n, row in enumerate(objects, 1))
    return path, Image(path, size_wh, tuple(box for box in boxes if box is not None))


def _box(rows: Rows, record: str, row: Any, size_wh: tuple[int, int]) -> Box | None:
    label = (row.findtext("name") or "").strip()
    if not label:
        rows.drop(record, "malformed row", "no name")
        return None
    sides = [number(row.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
    ignore = (row.findtext("ignore") or "").strip()
    if not ignore and _flag(row, "difficult"):
        ignore = "difficult"
    truncation = occlusion = None
    if (text := row.findtext("truncation")) is not None:
        truncation = share(number(text))
    elif row.findtext("truncated") is not None:
        truncation = TRUNCATED if _flag(row, "truncated") else 0.0
    if (text := row.findtext("occlusion")) is not None:
        occlusion = level(number(text))
    elif row.findtext("occluded") is not None:
        occlusion = int(_flag(row, "occluded"))
    # 1-based and inclusive -> edges
    xyxy = (sides[0] - 1, sides[1] - 1, sides[2], sides[3])
    return rows.box(
        record, label, xyxy, size_wh, ignore=ignore, occlusion=occlusion, truncation=truncation
    )


def _flag(row: Any, name: str) -> bool:
    return (row.findtext(name) or "").strip().lower() in ("1", "true", "yes")


def _parse(file: Path) -> Any:
    """The root element; entity and DTD declarations are refused, whatever they say."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        return fromstring(file.read_bytes(), forbid_dtd=True)
    except DefusedXmlException as error:
        raise DatasetError(
            f"{file}: declares entities or a DTD ({type(error).__name__}), which an annotation "
            "needs for nothing but harm; remove the declaration"
        ) from None
    except (ParseError, ValueError, LookupError) as error:
        raise DatasetError(f"{file}: not XML: {error}") from error


def _xml(image: Image, name: str) -> str:
    w, h = image.size_wh
    lines = [
        "<annotation>",
        "\t<folder>JPEGImages</folder>",
        f"\t<filename>{escape(name)}</filename>",
        f"\t<size><width>{w}</width><height>{h}</height><depth>3</depth></size>",
        "\t<segmented>0</segmented>",
    ]
    for box in image.boxes:
        lines += ["\t<object>", *(f"\t\t{line}" for line in _object(box)), "\t</object>"]
    return "\n".join([*lines, "</annotation>", ""])


def _object(box: Box) -> list[str]:
    x1, y1, x2, y2 = box.xyxy
    truncated = bool(box.truncation)
    lines = [
        f"<name>{escape(box.label)}</name>",
        "<pose>Unspecified</pose>",
        f"<difficult>{int(bool(box.ignore))}</difficult>",
    ]
    if box.truncation is not None:
        lines.append(f"<truncated>{int(truncated)}</truncated>")
        if box.truncation not in (0.0, TRUNCATED):
            lines.append(f"<truncation>{box.truncation!r}</truncation>")
    if box.occlusion is not None:
        lines.append(f"<occluded>{int(box.occlusion > 0)}</occluded>")
        if box.occlusion > 1:
            lines.append(f"<occlusion>{box.occlusion}</occlusion>")
    if box.ignore not in ("", "difficult"):
        lines.append(f"<ignore>{escape(box.ignore)}</ignore>")
    corners = (
        f"<{key}>{decimal(value)}</{key}>"
        for key, value in zip(
            ("xmin", "ymin", "xmax", "ymax"), (x1 + 1, y1 + 1, x2, y2), strict=True
        )
    )
    return [*lines, f"<bndbox>{''.join(corners)}</bndbox>"]
