"""Boxes that can be read and are odd all the same."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pocketdet.boxes import ious
from pocketdet.curation.checkup.symptom import Symptom, Thresholds
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.formats import ReadResult

MANY = 2000  # boxes of a picture, of which all pairs are compared


def check(result: ReadResult, folder: Path, limits: Thresholds) -> Iterator[Symptom]:
    """Tiny, huge, sliver-shaped and doubled boxes, crowded pictures, copied label files."""
    cases: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for image in result.dataset:
        for number, box in enumerate(image.boxes, 1):
            if not box.ignore:
                for name, what in _odd(image, box, limits):
                    cases[name].append((f"{image.path}: box {number}", what))
        for a, b, iou in _twice(image, limits):
            what = f"{image.boxes[a].label}, IoU {iou:.3f}"
            cases["labels.duplicate_box"].append((f"{image.path}: boxes {a + 1}, {b + 1}", what))
    for name, found in sorted(cases.items()):
        where = tuple(place for place, _ in found)
        yield Symptom(name, "warning", len(found), found[0][1], where)
    yield from _crowded(result.dataset, limits)
    yield from _identical(result, folder, limits)


def _odd(image: Image, box: Box, limits: Thresholds) -> Iterator[tuple[str, str]]:
    w, h = image.size_wh
    bw, bh = box.xyxy[2] - box.xyxy[0], box.xyxy[3] - box.xyxy[1]
    scale = limits.input_px / max(w, h)
    size = f"{box.label}, {bw:.4g} x {bh:.4g} px of {w} x {h}"
    if min(bw, bh) * scale < limits.tiny_px:
        yield "labels.tiny_box", f"{size}; below {limits.tiny_px:g} px at {limits.input_px} px"
    if bw * bh > limits.huge * w * h:
        yield "labels.huge_box", size
    if max(bw, bh) > limits.aspect * min(bw, bh):
        yield "labels.extreme_aspect", size


def _twice(image: Image, limits: Thresholds) -> Iterator[tuple[int, int, float]]:
    """Pairs of boxes of one class that cover each other; among very many the equal ones alone."""
    if len(image.boxes) < 2:
        return
    if len(image.boxes) > MANY:  # each with each would take all memory
        first: dict[tuple[str, tuple[float, ...]], int] = {}
        for b, box in enumerate(image.boxes):
            a = first.setdefault((box.label, box.xyxy), b)
            if a != b:
                yield a, b, 1.0
        return
    xyxy = np.array([box.xyxy for box in image.boxes])
    overlap = np.triu(ious(xyxy, xyxy), 1)
    for a, b in np.argwhere(overlap > limits.twice_iou).tolist():
        if image.boxes[a].label == image.boxes[b].label:
            yield a, b, float(overlap[a, b])


def _crowded(dataset: Dataset, limits: Thresholds) -> Iterator[Symptom]:
    counts = np.array([len(image.boxes) for image in dataset])
    if not len(counts):
        return
    # Three times what the fullest pictures have, without those that are in question.
    usual = float(np.quantile(counts[counts <= limits.crowded], 0.99, method="higher")
                  if (counts <= limits.crowded).any() else 0)  # fmt: skip
    most = max(limits.crowded, 3 * usual)
    where = [image.path for image, n in zip(dataset, counts, strict=True) if n > most]
    if where:
        what = f"{counts.max()} boxes in one picture, {usual:g} in the fullest of the others"
        yield Symptom("labels.crowded_picture", "note", len(where), what, tuple(where))


def _identical(result: ReadResult, folder: Path, limits: Thresholds) -> Iterator[Symptom]:
    """Label files of equal content: what was copied was not looked at."""
    uses = Counter(result.files)
    files: dict[str, list[str]] = defaultdict(list)
    for image, name in zip(result.dataset, result.files, strict=True):
        # COCO's one file holds them all: there the boxes of a picture are compared.
        if not image.boxes:
            continue
        if uses[name] > 1:
            content = repr([(box.label, box.xyxy) for box in image.boxes]).encode()
        else:
            content = _content(folder / name)
        files[hashlib.sha256(content).hexdigest()].append(image.path)
    copies = [paths for paths in files.values() if len(paths) >= limits.identical]
    if copies:
        where = tuple(path for paths in copies for path in paths)
        what = f"{len(copies[0])} pictures with one annotation"
        yield Symptom("labels.identical_files", "warning", len(where), what, where)


def _content(file: Path) -> bytes:
    """What a label file says; VOC's names its picture, which is no difference."""
    data = file.read_bytes()
    return data[data.find(b"<object>") :] if file.suffix.lower() == ".xml" else data
