"""Ground truth for scoring, in the protocols' own files. Pictures are not needed.

`pocketdet.formats` reads the same formats for training: there boxes are clipped to their picture
and bad ones dropped and counted. A protocol takes them as they are written.

    coco    instances JSON, or a folder with annotations.json
    voc     Annotations/*.xml, or plain text, one file a picture: class x y width height
    kitti   label_2/*.txt, one file a picture

In plain text, x and y are the first pixel and x + width, y + height the last one that belongs to
the box, as tools that read this format do; so a side is width + 1 pixels by VOC's rule.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.dataset import DONT_CARE
from pocketdet.errors import DatasetError
from pocketdet.formats.voc import flag, parse, to_edges
from pocketdet.scoring.columns import ANY_CLASS, Objects
from pocketdet.scoring.kitti import TYPES
from pocketdet.scoring.records import edges, files, is_known, lines, load_json, numbers

PLAIN = "class x y width height"
KITTI_FIELDS = "type truncated occluded alpha left top right bottom and 7 of the box in space"


def coco(path: Path) -> dict[str, Any]:
    """A COCO ground truth, checked; annotations are numbered anew from 1.

    pycocotools takes an annotation of id 0 for "no match" and mixes up those of one id. Where an
    annotation has no `area`, it is that of its box; where it has no `iscrowd`, it is none.

    Raises:
        DatasetError: It is not such a file, or a record of it is wrong.
    """
    file = path / "annotations.json" if path.is_dir() else path
    raw = load_json(file)
    parts: dict[str, list[dict[str, Any]]] = {}
    for key in ("images", "annotations", "categories"):
        rows = raw.get(key) if isinstance(raw, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise DatasetError(f"{file}: expected lists images, annotations, categories; no {key}")
        parts[key] = rows
    known = {key: _ids(file, key, parts[key]) for key in ("images", "categories")}
    names = [row.get("name") for row in parts["categories"]]
    for n, name in enumerate(names, 1):
        if not isinstance(name, str) or names.count(name) > 1:
            raise DatasetError(
                f"{file}: categories record {n}: expected a name of its own, found {name!r}"
            )
    annotations = []
    for n, row in enumerate(parts["annotations"], 1):
        record = f"annotation {row.get('id', f'number {n}')}"
        for key, table in (("image_id", "images"), ("category_id", "categories")):
            if not is_known(row.get(key), known[table]):
                raise DatasetError(f"{file}: {record}: {key} {row.get(key)!r} is not in {table}")
        w, h = _xywh(file, record, row.get("bbox"))[2:]
        (area,) = numbers(file, record, [row.get("area", w * h)], "area")
        crowd = int(bool(row.get("iscrowd", 0)))
        annotations.append({**row, "id": n, "area": area, "iscrowd": crowd})
    if not parts["images"]:
        raise DatasetError(f"{file}: holds no image; there is nothing to score")
    return {**parts, "annotations": annotations}


def voc(path: Path, classes: Sequence[str] = ()) -> Objects:
    """VOC's ground truth.

    Args:
        path: Folder of VOC's XML files, or of plain text files.
        classes: Further classes, of which the ground truth may hold no object.

    Raises:
        DatasetError: There is no such file, or a record is wrong.
    """
    xml, plain = files(path, ".xml", "Annotations"), files(path, ".txt", "Annotations")
    if not xml and not plain:
        raise DatasetError(f"{path}: expected Annotations/*.xml or *.txt, found none")
    if xml and plain:
        raise DatasetError(f"{path}: expected VOC's XML or plain text, found both; separate them")
    rows: list[_Row] = []
    sizes_wh = []
    for image, file in enumerate((xml or plain).values()):
        read = _voc_xml(file) if xml else _plain(file)
        sizes_wh.append(read[0])
        rows += [(image, *row) for row in read[1]]
    return _objects(tuple(xml or plain), rows, sizes_wh, classes)


def kitti(path: Path) -> Objects:
    """KITTI's ground truth; the case of a type does not matter, as in the devkit.

    Raises:
        DatasetError: There is no such file, or a record is wrong.
    """
    found = files(path, ".txt", "label_2")
    if not found:
        raise DatasetError(f"{path}: expected label_2/*.txt, found none")
    names = {name.lower(): name for name in (*TYPES, DONT_CARE)}
    rows: list[_Row] = []
    for image, file in enumerate(found.values()):
        for record, words in lines(file, 15, KITTI_FIELDS):
            truncation, occlusion, _, *sides = numbers(file, record, words[1:8], "fields 2-8")
            name = names.get(words[0].lower(), words[0])
            box = edges(file, record, sides)
            rows.append((image, name, box, name == DONT_CARE, truncation, int(occlusion)))
    return _objects(tuple(found), rows, [_UNKNOWN_WH] * len(found), TYPES)


_Edges = tuple[float, float, float, float]
_Row = tuple[int, str, _Edges, bool, float, int]
_UNKNOWN_WH = (float("nan"), float("nan"))


def _objects(
    images: tuple[str, ...],
    rows: Sequence[_Row],
    sizes_wh: Sequence[tuple[float, float]],
    further: Iterable[str],
) -> Objects:
    """Rows of picture, class, edges, ignored, truncation, occlusion in columns."""
    names = {row[1] for row in rows} | set(further)
    classes = tuple(sorted(names - {DONT_CARE}))
    number = {name: k for k, name in enumerate(classes)} | {DONT_CARE: ANY_CLASS}
    return Objects(
        images=images,
        classes=classes,
        image=np.asarray([row[0] for row in rows], np.int64),
        label=np.asarray([number[row[1]] for row in rows], np.int64),
        boxes_xyxy=np.asarray([row[2] for row in rows], np.float64).reshape(-1, 4),
        ignored=np.asarray([row[3] or row[1] == DONT_CARE for row in rows], np.bool_),
        sizes_wh=np.asarray(sizes_wh, np.float64).reshape(-1, 2),
        truncation=np.asarray([row[4] for row in rows], np.float64),
        occlusion=np.asarray([row[5] for row in rows], np.int64),
    )


def _voc_xml(file: Path) -> tuple[tuple[float, float], list[tuple[str, _Edges, bool, float, int]]]:
    root = parse(file)
    if root.tag != "annotation":
        raise DatasetError(f"{file}: expected <annotation>, found <{root.tag}>; is it VOC?")
    rows = []
    for n, row in enumerate(root.findall("object"), 1):
        record = f"object {n}"
        name = (row.findtext("name") or "").strip()
        if not name:
            raise DatasetError(f"{file}: {record}: expected a name, found none")
        texts = [row.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        corners = numbers(file, record, texts, "bndbox")
        box = edges(file, record, to_edges(*corners))
        rows.append((name, box, flag(row, "difficult"), -1.0, -1))
    stated = [root.findtext(f"size/{side}") for side in ("width", "height")]
    if None in stated:
        return _UNKNOWN_WH, rows
    w, h = numbers(file, "size", stated, "width and height")
    return (w, h), rows


def _plain(file: Path) -> tuple[tuple[float, float], list[tuple[str, _Edges, bool, float, int]]]:
    rows = []
    for record, words in lines(file, 5, PLAIN):
        rows.append((words[0], plain_edges(file, record, words[1:]), False, -1.0, -1))
    return _UNKNOWN_WH, rows


def plain_edges(file: Path, record: str, words: Sequence[str]) -> _Edges:
    """Edges of x y width height in plain text; see the module's docstring for the "+1".

    Raises:
        DatasetError: They are no box.
    """
    x, y, w, h = numbers(file, record, words, "x y width height")
    if w < 0 or h < 0:
        raise DatasetError(f"{file}: {record}: width and height: expected 0 or more, found {w} {h}")
    return x, y, x + w + 1, y + h + 1


def _ids(file: Path, key: str, rows: Sequence[dict[str, Any]]) -> set[Any]:
    ids = [row.get("id") for row in rows]
    for n, value in enumerate(ids, 1):
        if not isinstance(value, int | str) or isinstance(value, bool):
            raise DatasetError(f"{file}: {key} record {n}: expected an id, found {value!r}")
    twice = [value for value, times in Counter(ids).items() if times > 1]
    if twice:
        raise DatasetError(f"{file}: {key}: id {twice[0]!r} is used twice")
    return set(ids)


def _xywh(file: Path, record: str, bbox: object) -> list[float]:
    if not isinstance(bbox, list) or len(bbox) != 4 or any(isinstance(v, str) for v in bbox):
        raise DatasetError(f"{file}: {record}: expected bbox [x, y, width, height], found {bbox!r}")
    x, y, w, h = numbers(file, record, bbox, "bbox")
    if w < 0 or h < 0:
        raise DatasetError(f"{file}: {record}: width and height: expected 0 or more, found {w} {h}")
    return [x, y, w, h]
