"""Detections in the protocols' own files.

    coco    result JSON: a list of {image_id, category_id, bbox: [x, y, width, height], score}
    voc     plain text, one file a picture: class score x y width height (see `ground_truth` for
            its pixels); or the devkit's, one file a class, NAME_det_SUBSET_CLASS.txt:
            picture score xmin ymin xmax ymax, pixels from 1, both included
    kitti   text, one file a picture, in the folder or its `data`: a label's 15 fields and the score

A picture without detections has an empty file where there is one file a picture, and a class
without detections where there is one file a class: a missing file is an error, not "none found".
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet.errors import DatasetError
from pocketdet.formats.voc import to_edges
from pocketdet.scoring.columns import Found, Objects, sorted_found
from pocketdet.scoring.ground_truth import KITTI_FIELDS, plain_edges
from pocketdet.scoring.kitti import TYPES
from pocketdet.scoring.records import edges, files, is_known, lines, load_json, numbers

DEVKIT_FILE = re.compile(r".*_det_[^_]+_(?P<label>.+)")
_Row = tuple[int, int, tuple[float, float, float, float], float]


def coco(path: Path, truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A COCO result file.

    Args:
        path: The file.
        truth: The ground truth that it belongs to.

    Raises:
        DatasetError: It is no such file; a record is no detection, or of an unknown image or
            category.
    """
    raw = load_json(path)
    if not isinstance(raw, list):
        raise DatasetError(f"{path}: expected a list of results, found {type(raw).__name__}")
    images = {row["id"] for row in truth["images"]}
    categories = {row["id"] for row in truth["categories"]}
    rows = []
    for n, row in enumerate(raw, 1):
        try:
            image, category, score = row["image_id"], row["category_id"], row["score"]
            x, y, w, h = box = row["bbox"]
            # One test for all, as a file may hold a million rows; NaN fails any comparison.
            good = image in images and category in categories and w >= 0 and h >= 0
            good = good and abs(x) + abs(y) + w + h + abs(score) < math.inf
        except (TypeError, LookupError, ValueError):
            good = False
        if not good:
            raise DatasetError(f"{path}: result {n}: {_wrong(row, images, categories)}")
        rows.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    return rows


def voc(path: Path, objects: Objects) -> Found:
    """VOC's detections, plain or the devkit's.

    Raises:
        DatasetError: No or not all files are there; a record is no detection, or of an unknown
            picture or class.
    """
    texts = files(path, ".txt", "Main")
    devkit = {stem: DEVKIT_FILE.fullmatch(stem) for stem in texts if stem not in objects.images}
    if devkit and all(devkit.values()) and len(devkit) == len(texts):
        return _voc_devkit(
            {match["label"]: texts[stem] for stem, match in devkit.items() if match},
            path,
            objects,
        )
    rows: list[_Row] = []
    for image, file in _one_per_picture(texts, path, objects):
        for record, words in lines(file, 6, "class score x y width height"):
            label = _class(file, record, words[0], objects.classes)
            (score,) = numbers(file, record, words[1:2], "score")
            rows.append((image, label, plain_edges(file, record, words[2:]), score))
    return _found(rows)


def kitti(path: Path, objects: Objects) -> Found:
    """KITTI's detections; the case of a type does not matter, as in the devkit.

    Raises:
        DatasetError: Not all files are there; a record is no detection or of an unknown type.
    """
    names = {name.lower(): name for name in TYPES}
    rows: list[_Row] = []
    for image, file in _one_per_picture(files(path, ".txt", "data"), path, objects):
        for record, words in lines(file, 16, f"{KITTI_FIELDS}, score"):
            name = names.get(words[0].lower(), words[0])
            label = _class(file, record, name, TYPES)
            sides = numbers(file, record, words[4:8], "left top right bottom")
            (score,) = numbers(file, record, words[15:], "score")
            number = objects.classes.index(TYPES[label])
            rows.append((image, number, edges(file, record, sides), score))
    return _found(rows)


def _voc_devkit(by_class: Mapping[str, Path], path: Path, objects: Objects) -> Found:
    with_objects = {objects.classes[k] for k in objects.label[~objects.ignored].tolist()}
    for name in sorted(with_objects - set(by_class)):
        raise DatasetError(
            f"{path}: expected a file ..._{name}.txt; write an empty one if none was found"
        )
    pictures = {name: i for i, name in enumerate(objects.images)}
    rows: list[_Row] = []
    for name, file in by_class.items():
        label = _class(file, "file name", name, objects.classes)
        for record, words in lines(file, 6, "picture score xmin ymin xmax ymax"):
            if words[0] not in pictures:
                raise DatasetError(f"{file}: {record}: picture {words[0]} is not in the truth")
            score, *corners = numbers(file, record, words[1:], "fields 2-6")
            box = edges(file, record, to_edges(*corners))
            rows.append((pictures[words[0]], label, box, score))
    return _found(rows)


def _one_per_picture(
    texts: Mapping[str, Path], path: Path, objects: Objects
) -> list[tuple[int, Path]]:
    """Number and file of each picture."""
    for stem in sorted(texts.keys() - set(objects.images)):
        raise DatasetError(f"{texts[stem]}: there is no picture {stem} in the ground truth")
    missing = [name for name in objects.images if name not in texts]
    if missing:
        raise DatasetError(
            f"{path}: {len(missing)} pictures have no file of detections, first {missing[0]}.txt; "
            "write an empty one if none was found"
        )
    return [(image, texts[name]) for image, name in enumerate(objects.images)]


def _class(file: Path, record: str, name: str, classes: Sequence[str]) -> int:
    if name not in classes:
        raise DatasetError(
            f"{file}: {record}: class {name!r} is unknown, expected one of {', '.join(classes)}; "
            "correct it, or name all classes where the ground truth does not show each"
        )
    return classes.index(name)


def _found(rows: Sequence[_Row]) -> Found:
    return sorted_found(
        np.asarray([row[0] for row in rows], np.int64),
        np.asarray([row[1] for row in rows], np.int64),
        np.asarray([row[2] for row in rows], np.float64).reshape(-1, 4),
        np.asarray([row[3] for row in rows], np.float64),
    )


def _wrong(row: Any, images: set[Any], categories: set[Any]) -> str:
    """What is wrong with a COCO result."""
    keys = ("image_id", "category_id", "bbox", "score")
    if not isinstance(row, dict) or any(key not in row for key in keys):
        return f"expected {', '.join(keys)}, found {str(row)[:120]}"
    if not is_known(row["image_id"], images):
        return f"image_id {row['image_id']!r} is not in the ground truth"
    if not is_known(row["category_id"], categories):
        return f"category_id {row['category_id']!r} is not in the ground truth"
    return (
        "expected a finite score and bbox [x, y, width, height] with sides of 0 or more, "
        f"found score {row['score']!r}, bbox {row['bbox']!r}"
    )
