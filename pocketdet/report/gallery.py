"""The pictures of an evaluation: the worst, a sheet of all sorts and of each kind of error."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.analysis.label_errors import Suspect
from pocketdet.dataset import Dataset
from pocketdet.preprocess import load_rgb
from pocketdet.report import pictures
from pocketdet.scoring.cases import Case
from pocketdet.scoring.results import Judged, SubsetResult

SHEET_COLUMNS, SHEET_ROWS = 4, 3
CELL_WH = (300, 225)  # px, of a picture on the sheet
ZOOM_WH = (240, 240)  # px, of an error on its sheet
SURROUNDINGS = 0.6  # of the larger side of an error, shown on each side of it
LEAST_SURROUNDINGS = 24  # px
SAMPLES = 8
QUALITY = 88  # of JPEG
SAMPLE_WH = (640, 640)  # px, at most


def worst(
    result: SubsetResult, judged: list[Judged], root: Path, most: int
) -> Iterator[tuple[str, PIL.Image, str]]:
    """Detections beside ground truth, worst first: (file name, picture, caption).

    Args:
        result: The subset.
        judged: Its pictures, worst first.
        root: Folder that the images' paths are below.
        most: Pictures, at most; those without any error are left out.
    """
    wrong = [j for j in judged if j.badness > 0]
    for rank, j in enumerate(wrong[:most], start=1):
        image = result.dataset.images[j.index]
        rgb = load_rgb(root / image.path)
        picture = pictures.side_by_side(rgb, image, j.found, j.matches, result.dataset.classes)
        yield f"worst_{rank:02d}.jpg", picture, f"{image.path}: {caption(j)}"


def album(drawn: Iterable[tuple[str, PIL.Image, str]], folder: Path) -> None:
    """Write pictures into a new folder, and their captions into captions.json."""
    folder.mkdir()
    captions = {}
    for name, picture, text in drawn:
        picture.save(folder / name, quality=QUALITY, optimize=True)
        captions[name] = text
    (folder / "captions.json").write_text(json.dumps(captions, indent=1) + "\n")


def sheet(result: SubsetResult, judged: list[Judged], root: Path) -> PIL.Image:
    """Detections on pictures taken evenly from the worst to the best: an honest first look."""
    count = min(SHEET_COLUMNS * SHEET_ROWS, len(judged))
    # From the best to the worst, so that the eye first learns what is right.
    chosen = [judged[-1 - i * (len(judged) - 1) // max(1, count - 1)] for i in range(count)]
    cells = []
    for j in chosen:
        image = result.dataset.images[j.index]
        bare = [pictures.Mark(m.xyxy, m.colour, m.style) for m in _marks(result, j)]
        picture = pictures.draw(load_rgb(root / image.path), bare, CELL_WH)
        cells.append((picture, caption(j)))
    return pictures.contact_sheet(cells, SHEET_COLUMNS, CELL_WH)


def errors(result: SubsetResult, cases: Sequence[Case], root: Path) -> PIL.Image:
    """The cases of one kind, zoomed: what was found in red, the object in orange, others thin."""
    cells = []
    for case in cases:
        image = result.dataset.images[case.image]
        crop, offset = _around(load_rgb(root / image.path), case.focus)
        marks = [
            pictures.Mark(_moved(box.xyxy, offset), pictures.IGNORED, "solid")
            for box in image.boxes
            if box.xyxy != case.target
        ]
        if case.target:
            label = f"is {case.target_label}" if case.found else f"{case.target_label} missed"
            mark = _moved(case.target, offset), pictures.MISS
            marks.append(pictures.Mark(*mark, "dashed", label))
        if case.found:
            text = f"{case.found_label} {case.score:.2f}"
            mark = _moved(case.found, offset), pictures.FALSE_ALARM
            marks.append(pictures.Mark(*mark, "bold", text))
        cells.append((pictures.draw(crop, marks, ZOOM_WH), _case_caption(case, image.path)))
    return pictures.contact_sheet(cells, SHEET_COLUMNS, ZOOM_WH)


def suspects(dataset: Dataset, ranked: Sequence[Suspect], root: Path) -> PIL.Image:
    """Annotations that may be wrong, zoomed; where a box may be missing, what was found instead."""
    images = {image.path: image for image in dataset}
    cells = []
    for suspect in ranked:
        image = images[suspect.image]
        crop, offset = _around(load_rgb(root / image.path), suspect.xyxy)
        marks = [
            pictures.Mark(_moved(box.xyxy, offset), pictures.IGNORED, "solid")
            for box in image.boxes
            if box.xyxy != suspect.xyxy
        ]
        xyxy = _moved(suspect.xyxy, offset)
        if suspect.kind == "missing":
            marks.append(pictures.Mark(xyxy, pictures.FALSE_ALARM, "bold", suspect.suggested))
        else:
            marks.append(pictures.Mark(xyxy, pictures.MISS, "dashed", suspect.label))
        hint = f" ({suspect.suggested})" if suspect.kind == "mislabelled" else ""
        caption = f"{suspect.kind}{hint} {suspect.suspicion:.2f}  "
        cells.append((pictures.draw(crop, marks, ZOOM_WH), caption + _end_of(image.path, caption)))
    return pictures.contact_sheet(cells, SHEET_COLUMNS, ZOOM_WH)


def samples(
    result: SubsetResult, judged: Sequence[Judged], root: Path
) -> Iterator[tuple[str, PIL.Image, str]]:
    """The same pictures in every run, however good: (file name, picture, caption).

    They are chosen by a hash of their paths, so that new pictures take the place of few.
    """
    name_of = {
        j.index: hashlib.sha256(result.dataset.images[j.index].path.encode()).hexdigest()[:12]
        for j in judged
    }
    for j in sorted(judged, key=lambda j: name_of[j.index])[:SAMPLES]:
        image = result.dataset.images[j.index]
        picture = pictures.draw(load_rgb(root / image.path), _marks(result, j), SAMPLE_WH)
        yield f"{name_of[j.index]}.jpg", picture, f"{image.path}: {caption(j)}"


def caption(judged: Judged) -> str:
    """One line on what is right and wrong in a picture."""
    hits = judged.matches.verdicts.count("hit")
    parts = [f"{hits} found"]
    if judged.misses:
        parts.append(f"{judged.misses} missed")
    if judged.false_alarms:
        parts.append(f"{judged.false_alarms} false alarm{'s' if judged.false_alarms > 1 else ''}")
    return ", ".join(parts)


def _case_caption(case: Case, path: str) -> str:
    """IoU, score where no box shows it, and the end of the path, in the width of a cell."""
    facts = ""
    if case.found and case.target:
        facts = f"IoU {case.iou:.2f}  "
    elif case.iou:
        facts = f"at best {case.score:.2f}, IoU {case.iou:.2f}  "
    return facts + _end_of(path, facts)


def _end_of(path: str, before: str) -> str:
    """As much of a path as fits a cell's width after other words."""
    room = 34 - len(before)
    return path if len(path) <= room else f"…{path[-room:]}"


def _marks(result: SubsetResult, judged: Judged) -> list[pictures.Mark]:
    """What was found, and what was missed."""
    truth = pictures.truth_marks(result.dataset.images[judged.index], judged.matches)
    return [
        *(mark for mark in truth if mark.style == "dashed"),
        *pictures.found_marks(judged.found, judged.matches, result.dataset.classes),
    ]


def _around(
    rgb: npt.NDArray[np.uint8], box: tuple[float, float, float, float]
) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """A square part of a photo around a box, and where it begins."""
    h, w = rgb.shape[:2]
    x1, y1, x2, y2 = box
    side = max(x2 - x1, y2 - y1)
    half = side / 2 + max(SURROUNDINGS * side, LEAST_SURROUNDINGS)
    left, right = (int(min(max((x1 + x2) / 2 + s * half, 0), w)) for s in (-1, 1))
    top, bottom = (int(min(max((y1 + y2) / 2 + s * half, 0), h)) for s in (-1, 1))
    left, top = min(left, w - 1), min(top, h - 1)
    return rgb[top : max(bottom, top + 1), left : max(right, left + 1)], (left, top)


def _moved(xyxy: Sequence[float], offset: tuple[int, int]) -> tuple[float, float, float, float]:
    (x1, y1, x2, y2), (x, y) = xyxy, offset
    return x1 - x, y1 - y, x2 - x, y2 - y
