"""The pictures of an evaluation: the worst in detail, and a sheet of all sorts."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image as PIL

from pocketdet.preprocess import load_rgb
from pocketdet.report import pictures
from pocketdet.scoring.results import Judged, SubsetResult

SHEET_COLUMNS, SHEET_ROWS = 4, 3
CELL_WH = (300, 225)  # px, of a picture on the sheet


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


def sheet(result: SubsetResult, judged: list[Judged], root: Path) -> PIL.Image:
    """Detections on pictures taken evenly from the worst to the best: an honest first look."""
    count = min(SHEET_COLUMNS * SHEET_ROWS, len(judged))
    # From the best to the worst, so that the eye first learns what is right.
    chosen = [judged[-1 - i * (len(judged) - 1) // max(1, count - 1)] for i in range(count)]
    cells = []
    for j in chosen:
        image = result.dataset.images[j.index]
        marks = [
            *(m for m in pictures.truth_marks(image, j.matches) if m.style == "dashed"),
            *pictures.found_marks(j.found, j.matches, result.dataset.classes),
        ]
        bare = [pictures.Mark(m.xyxy, m.colour, m.style) for m in marks]
        picture = pictures.draw(load_rgb(root / image.path), bare, CELL_WH)
        cells.append((picture, caption(j)))
    return pictures.contact_sheet(cells, SHEET_COLUMNS, CELL_WH)


def caption(judged: Judged) -> str:
    """One line on what is right and wrong in a picture."""
    hits = judged.matches.verdicts.count("hit")
    parts = [f"{hits} found"]
    if judged.misses:
        parts.append(f"{judged.misses} missed")
    if judged.false_alarms:
        parts.append(f"{judged.false_alarms} false alarm{'s' if judged.false_alarms > 1 else ''}")
    return ", ".join(parts)
