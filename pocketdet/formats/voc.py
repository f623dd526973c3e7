"""PASCAL VOC: one XML file a picture, boxes as whole pixels counted from 1, both ends included.

    edges     0   1   2   3   4        A box that covers pixels 2 and 3 is xmin = 2, xmax = 3
              |---|###|###|---|        (devkit: "the top-left pixel in the image has coordinates
    pixels      1   2   3   4          (1,1)"). Edges: x1 = xmin - 1 = 1, x2 = xmax = 3.

Layout: `Annotations/*.xml`, `JPEGImages/`, official lists `ImageSets/Main/{train,val,trainval,
test}.txt`; a picture belongs to the annotation of its stem, as in the devkit. `difficult` becomes
ignore. `truncated` says only that a part is outside, so it is read as the share `TRUNCATED`, and
`occluded` as KITTI's level 1. Elements that VOC does not know but allows carry the exact values:
`truncation`, `occlusion`, `ignore`, and `annotator`, of an object or of the whole picture.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.saxutils import escape

from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import safe
from pocketdet.formats.lists import official_lists, write_lists
from pocketdet.formats.pictures import Frame
from pocketdet.formats.placing import label_path, place
from pocketdet.formats.rows import (
    Finding,
    ReadResult,
    Rows,
    decimal,
    line,
    number,
)
from pocketdet.formats.source import USUAL, ReadRules, Source

EXPECTED = "Annotations/*.xml"
READ = {
    # folder and path say where the picture lies, which its own place does; segmented is counted
    "annotation": {"filename", "size", "object", "annotator", "folder", "path", "segmented"},
    "size": {"width", "height", "depth"},  # depth: the picture's own counts
    "object": {"name", "bndbox", "difficult", "ignore", "annotator"}
    | {"truncated", "truncation", "occluded", "occlusion"},
    "bndbox": {"xmin", "ymin", "xmax", "ymax"},
}
BLANK = ("", "unknown", "unspecified")  # what tools write where nobody said anything
TRUNCATED = 0.5
"""Stands for "some unknown share": the devkit marks objects from about 0.15 to nearly 1."""


def read(folder: Path, rules: ReadRules = USUAL) -> ReadResult:
    """Read a folder in VOC's layout.

    Raises:
        DatasetError: No annotation; XML that is broken or declares entities; a picture without
            annotation or an annotation without picture; a list that names neither.
    """
    source = Source.open(folder, rules)
    xml = [path for path in source.files if path.lower().endswith(".xml")]
    labels = [path for path in xml if "annotations" in path.lower().split("/")[:-1]] or xml
    if not labels:
        raise DatasetError(f"{folder}: expected {EXPECTED}, found none")
    images: list[Image] = []
    kept: list[str] = []
    used: dict[str, str] = {}
    subsets = official_lists(source, "ImageSets/Main")
    for label in labels:
        subset = subsets.pop(PurePosixPath(label).stem, "")
        path, image = _image(source, label)
        if path in used:
            error = DatasetError(f"{folder / label}: {path} is also annotated in {used[path]}")
            count = len(image.boxes) if image else 0
            source.rows(label).doubt(error, path, "picture annotated twice", count)
            continue
        if path is not None:
            used[path] = label
        if image is not None:
            images.append(replace(image, subset=subset))
            kept.append(label)
    negatives = source.negatives(used, EXPECTED, "refuse")
    source.refuse_ids("ImageSets/Main", subsets, EXPECTED)
    classes = {box.label for image in images for box in image.boxes} - {DONT_CARE}
    return source.result(sorted(classes), images, kept, negatives)


def write(
    dataset: Dataset, folder: Path, images: Path | None = None
) -> tuple[list[str], tuple[Finding, ...]]:
    """Write `Annotations/`, `ImageSets/`, and the pictures into `JPEGImages/`.

    Returns:
        Path of each image, and what the format cannot hold; see `pocketdet.formats.write`.
    """
    lists: dict[str, list[str]] = {}
    paths = place(dataset, folder, "JPEGImages", images)
    for image, path in zip(dataset, paths, strict=True):
        target = folder / label_path(path, "Annotations", ".xml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_xml(image, PurePosixPath(path).name), encoding="utf-8")
        if image.subset:
            lists.setdefault(image.subset, []).append(target.stem)
    write_lists(folder / "ImageSets" / "Main", lists)
    return paths, ()


def _image(source: Source, label: str) -> tuple[str | None, Image | None]:
    """The picture of an annotation, and the image with its boxes; None where it was dropped."""
    rows = source.rows(label)
    root = rows.attempt(lambda: _annotation(source.folder / label), "file", "broken file", 0)
    objects = [] if root is None else root.findall("object")
    path = _picture(source, rows, "" if root is None else root.findtext("filename"), len(objects))
    if path is None or root is None:
        return path, None
    frame = source.frame(path, rows, "file", len(objects))
    stated = [number(root.findtext(f"size/{side}")) for side in ("width", "height")]
    if frame is None or not rows.fits("size", stated, frame, len(objects)):
        return path, None
    source.unread.update(_unread(root))
    source.unread["segmentation"] += (root.findtext("segmented") or "0").strip() == "1"
    by = line(root.findtext("annotator"))
    boxes = (_box(rows, f"object {n}", row, frame, by) for n, row in enumerate(objects, 1))
    return path, Image(path, frame.upright_wh, tuple(filter(None, boxes)))


def _unread(element: Any) -> Iterator[str]:
    """Names of what an annotation says and `_box` and `_image` do not ask for."""
    yield from element.attrib
    for child in element:
        if child.tag not in READ[element.tag]:
            if child.attrib or any(t.strip().lower() not in BLANK for t in child.itertext()):
                yield child.tag
        elif child.tag in READ:
            yield from _unread(child)


def _picture(source: Source, rows: Rows, stated: str | None, boxes: int) -> str | None:
    """The picture of the annotation's stem, or else of the name that it states."""
    file = source.folder / rows.file
    swap = ("Annotations", "JPEGImages")
    if not stated:
        return source.picture_of(rows, swap, ".jpg", boxes)
    name = rows.attempt(lambda: safe(stated, file, "filename"), "filename", "unsafe file name", 0)
    if name is None:
        return source.picture_of(rows, swap, ".jpg", boxes)
    pictures = source.pictures

    def find() -> str:
        own = pictures.of_label(rows.file, swap, file)
        return own or pictures.named(name, ("JPEGImages", ""), file, "filename")

    path = rows.attempt(find, "filename", "picture not found", boxes)
    if path is not None and PurePosixPath(name).stem != PurePosixPath(path).stem:
        rows.change("filename", "names another picture", f"{stated}, taken: {path}")
    return path


def _box(rows: Rows, record: str, row: Any, frame: Frame, annotator: str) -> Box | None:
    label = (row.findtext("name") or "").strip()
    if not label:
        rows.drop(record, "malformed row", "no name")
        return None
    sides = [number(row.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin", "xmax", "ymax")]
    ignore = (row.findtext("ignore") or "").strip()
    if not ignore and flag(row, "difficult"):
        ignore = "difficult"
    truncation, occlusion = row.findtext("truncation"), row.findtext("occlusion")
    if truncation is None and row.findtext("truncated") is not None:
        truncation = TRUNCATED if flag(row, "truncated") else 0.0
    if occlusion is None and row.findtext("occluded") is not None:
        occlusion = int(flag(row, "occluded"))
    return rows.box(
        record,
        label,
        to_edges(*sides),
        frame,
        ignore=ignore,
        occlusion=occlusion,
        truncation=truncation,
        annotator=line(row.findtext("annotator")) or annotator,
    )


def to_edges(xmin: float, ymin: float, xmax: float, ymax: float) -> tuple[float, ...]:
    """VOC's pixels, counted from 1 and both included, as pixel edges x1, y1, x2, y2."""
    return xmin - 1, ymin - 1, xmax, ymax


def from_edges(x1: float, y1: float, x2: float, y2: float) -> tuple[float, ...]:
    """The opposite of `to_edges`."""
    return x1 + 1, y1 + 1, x2, y2


def flag(row: Any, name: str) -> bool:
    """Whether an object says so of itself; what is not there is no."""
    return (row.findtext(name) or "").strip().lower() in ("1", "true", "yes")


def parse(file: Path) -> Any:
    """The root element of an annotation.

    Raises:
        DatasetError: It is broken XML, or declares entities or a DTD, whatever they say.
    """
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


def _annotation(file: Path) -> Any:
    root = parse(file)
    if root.tag != "annotation":
        raise DatasetError(f"{file}: expected <annotation>, found <{root.tag}>; is it VOC?")
    return root


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
    if box.annotator:
        lines.append(f"<annotator>{escape(box.annotator)}</annotator>")
    corners = (
        f"<{key}>{decimal(value)}</{key}>"
        for key, value in zip(
            ("xmin", "ymin", "xmax", "ymax"), from_edges(x1, y1, x2, y2), strict=True
        )
    )
    return [*lines, f"<bndbox>{''.join(corners)}</bndbox>"]
