"""Photos with boxes drawn on them: what an eye needs to trust or distrust a number.

Needs numpy and Pillow only, so that `pocketdet detect` draws on a machine without the pipeline.
Every colour has its own line style too, for readers who do not see the difference of the colours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL
from PIL import ImageDraw, ImageFont

from pocketdet.dataset import Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring.matching import Matches

HIT, FALSE_ALARM, MISS, IGNORED = "#21a05a", "#e0293f", "#ff9500", "#9aa0a6"
# Okabe & Ito's palette, told apart by colour-blind readers too; for classes.
CLASS_COLOURS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#0072b2")
INK, PAPER = "#1d2126", "#ffffff"
PANEL_WH = (620, 560)  # px, at most, of one photo in a side-by-side picture
FONT_PX = 13
LINE_PX = 2
GAP_PX = 8

Style = Literal["solid", "bold", "dashed", "hatched"]


@dataclass(frozen=True)
class Mark:
    """One box to draw.

    Attributes:
        xyxy: Pixel edges in the photo.
        colour: "#rrggbb".
        style: How its line is drawn.
        text: Its label, or "".
    """

    xyxy: tuple[float, float, float, float]
    colour: str
    style: Style
    text: str = ""


def truth_marks(image: Image, matches: Matches) -> list[Mark]:
    """The ground truth of a picture: found, missed and ignored objects."""
    marks = []
    for box, taker in zip(image.boxes, matches.takers, strict=True):
        if box.ignore:
            marks.append(Mark(box.xyxy, IGNORED, "hatched", f"{box.label}: {box.ignore}"))
        elif taker < 0:
            marks.append(Mark(box.xyxy, MISS, "dashed", f"{box.label} missed"))
        else:
            marks.append(Mark(box.xyxy, HIT, "solid", box.label))
    return marks


def found_marks(found: Detections, matches: Matches, classes: tuple[str, ...]) -> list[Mark]:
    """The detections of a picture with their scores, and how far they overlap an object (IoU)."""
    looks: dict[str, tuple[str, Style]] = {
        "hit": (HIT, "solid"),
        "false alarm": (FALSE_ALARM, "bold"),
        "ignored": (IGNORED, "solid"),
    }
    marks = []
    for box, score, label, verdict, overlap in zip(
        found.boxes_xyxy.tolist(),
        found.scores.tolist(),
        found.labels.tolist(),
        matches.verdicts,
        matches.overlaps,
        strict=True,
    ):
        text = f"{classes[label]} {score:.2f}"
        if overlap > 0 and verdict != "ignored":
            text += f"  IoU {overlap:.2f}"
        x1, y1, x2, y2 = box
        marks.append(Mark((x1, y1, x2, y2), *looks[verdict], text))
    return marks


def class_marks(found: Detections, classes: Sequence[str]) -> list[Mark]:
    """Detections without ground truth: a colour per class, with scores."""
    rows = zip(found.boxes_xyxy.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    return [
        Mark(
            (x1, y1, x2, y2),
            CLASS_COLOURS[label % len(CLASS_COLOURS)],
            "bold",
            f"{classes[label]} {score:.2f}",
        )
        for (x1, y1, x2, y2), score, label in rows
    ]


def draw(rgb: npt.NDArray[np.uint8], marks: Sequence[Mark], most_wh: tuple[int, int]) -> PIL.Image:
    """A photo with marks, scaled to fit `most_wh`; labels dodge each other where there is room.

    Lines and letters grow with the result, so that they can be read on large pictures too.

    Args:
        rgb: The photo, (H, W, 3).
        marks: Boxes in its pixels.
        most_wh: Largest width and height of the result, px.
    """
    h, w = rgb.shape[:2]
    scale = min(most_wh[0] / w, most_wh[1] / h)
    size = (max(1, round(w * scale)), max(1, round(h * scale)))
    photo = PIL.fromarray(rgb).resize(size, PIL.Resampling.LANCZOS)
    brush = ImageDraw.Draw(photo)
    zoom = max(1, min(size) // 450)
    boxes = [tuple(round(v * scale) for v in mark.xyxy) for mark in marks]
    # Hatching first, so that it covers no other box's line.
    for mark, box in sorted(zip(marks, boxes, strict=True), key=lambda m: m[0].style != "hatched"):
        _outline(brush, box, mark, zoom)
    taken: list[tuple[int, int, int, int]] = []
    for mark, box in zip(marks, boxes, strict=True):
        if mark.text:
            taken.append(_label(brush, mark, box, size, taken, zoom))
    return photo


def side_by_side(
    rgb: npt.NDArray[np.uint8],
    image: Image,
    found: Detections,
    matches: Matches,
    classes: tuple[str, ...],
) -> PIL.Image:
    """Ground truth (left) beside detections (right), with a title and a legend.

    Args:
        rgb: The photo, (H, W, 3).
        image: Its ground truth.
        found: The detections to show, and only those.
        matches: What became of them.
        classes: Names of the class numbers.
    """
    truth = truth_marks(image, matches)
    missed = [Mark(m.xyxy, m.colour, m.style) for m in truth if m.style == "dashed"]
    left = draw(rgb, truth, PANEL_WH)
    right = draw(rgb, [*missed, *found_marks(found, matches, classes)], PANEL_WH)
    row = 3 * FONT_PX // 2 + GAP_PX
    sheet = PIL.new(
        "RGB", (left.width + right.width + 3 * GAP_PX, left.height + 2 * row + GAP_PX), PAPER
    )
    sheet.paste(left, (GAP_PX, row))
    sheet.paste(right, (left.width + 2 * GAP_PX, row))
    brush = ImageDraw.Draw(sheet)
    middle = row // 2
    for x, text in ((GAP_PX, "Ground truth"), (left.width + 2 * GAP_PX, "Detections")):
        brush.text((x, middle), text, INK, _font(), "lm")
    brush.text((sheet.width - GAP_PX, middle), image.path, INK, _font(), "rm")
    _legend(brush, (GAP_PX, sheet.height - row // 2 - GAP_PX // 2))
    return sheet


def contact_sheet(
    pictures: Sequence[tuple[PIL.Image, str]], columns: int, cell_wh: tuple[int, int]
) -> PIL.Image:
    """Pictures in a grid, row by row, each over its caption.

    Args:
        pictures: Picture and caption; pictures larger than a cell are scaled down.
        columns: Cells a row.
        cell_wh: Room for a picture, px.
    """
    row = 3 * FONT_PX // 2 + GAP_PX
    pitch_w, pitch_h = cell_wh[0] + GAP_PX, cell_wh[1] + row
    rows = -(-len(pictures) // columns)
    sheet = PIL.new("RGB", (columns * pitch_w + GAP_PX, max(1, rows) * pitch_h + GAP_PX), PAPER)
    brush = ImageDraw.Draw(sheet)
    for i, (picture, caption) in enumerate(pictures):
        x, y = GAP_PX + i % columns * pitch_w, GAP_PX + i // columns * pitch_h
        small = picture.copy()
        small.thumbnail(cell_wh, PIL.Resampling.LANCZOS)
        sheet.paste(small, (x + (cell_wh[0] - small.width) // 2, y + cell_wh[1] - small.height))
        brush.text((x, y + cell_wh[1] + row // 2), caption, INK, _font(), "lm")
    return sheet


def _outline(brush: ImageDraw.ImageDraw, box: tuple[int, ...], mark: Mark, zoom: int = 1) -> None:
    x1, y1, x2, y2 = box
    thin, thick = LINE_PX * zoom, (LINE_PX + 1) * zoom
    if mark.style == "dashed":
        for xa, ya, xb, yb in _dashes(x1, y1, x2, y2):
            brush.line((xa, ya, xb, yb), mark.colour, thick)
        return
    if mark.style == "hatched":
        for offset in range(8, x2 - x1 + y2 - y1, 8):  # 45 degrees, cut to the box
            start = (x1 + min(offset, x2 - x1), y1 + max(0, offset - (x2 - x1)))
            end = (x1 + max(0, offset - (y2 - y1)), y1 + min(offset, y2 - y1))
            brush.line((*start, *end), mark.colour, 1)
    width = thick if mark.style == "bold" else thin
    brush.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), None, mark.colour, width)


def _dashes(x1: int, y1: int, x2: int, y2: int) -> list[tuple[int, int, int, int]]:
    dashes = []
    for x in range(x1, x2, 10):
        end = min(x + 6, x2)
        dashes += [(x, y1, end, y1), (x, y2 - 1, end, y2 - 1)]
    for y in range(y1, y2, 10):
        end = min(y + 6, y2)
        dashes += [(x1, y, x1, end), (x2 - 1, y, x2 - 1, end)]
    return dashes


def _label(
    brush: ImageDraw.ImageDraw,
    mark: Mark,
    box: tuple[int, ...],
    size_wh: tuple[int, int],
    taken: Sequence[tuple[int, int, int, int]],
    zoom: int,
) -> tuple[int, int, int, int]:
    """Write a label above, below or in its box: where it is inside the photo and free."""
    font = _font(zoom)
    w, h = int(font.getlength(mark.text)) + 8 * zoom, (FONT_PX + 5) * zoom
    x1, y1, x2, y2 = box
    places = [(x1, y1 - h), (x2 - w, y1 - h), (x1, y2), (x2 - w, y2), (x1, y1), (x1, y2 - h)]
    spots = []
    for x, y in places:
        x = min(max(x, 0), max(0, size_wh[0] - w))
        if 0 <= y <= size_wh[1] - h:
            spots.append((x, y, x + w, y + h))
    if not spots:  # a photo less high than a label
        spots = [(min(max(x1, 0), max(0, size_wh[0] - w)), 0, x1 + w, h)]
    spot = next((s for s in spots if not any(_meet(s, t) for t in taken)), spots[0])
    brush.rectangle((spot[0], spot[1], spot[0] + w - 1, spot[3] - 1), mark.colour)
    ink = INK if _light(mark.colour) else PAPER
    brush.text((spot[0] + 4 * zoom, (spot[1] + spot[3]) / 2), mark.text, ink, font, "lm")
    return spot


def _legend(brush: ImageDraw.ImageDraw, at: tuple[int, int]) -> None:
    x, y = at
    entries: tuple[tuple[str, str, Style], ...] = (
        ("found", HIT, "solid"),
        ("false alarm", FALSE_ALARM, "bold"),
        ("missed", MISS, "dashed"),
        ("ignored", IGNORED, "hatched"),
    )
    for text, colour, style in entries:
        _outline(brush, (x, y - 7, x + 24, y + 7), Mark((0, 0, 1, 1), colour, style))
        brush.text((x + 31, y), text, INK, _font(), "lm")
        x += 31 + int(_font().getlength(text)) + 3 * GAP_PX


def _meet(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _light(colour: str) -> bool:
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * r + 0.587 * g + 0.114 * b > 140


def _font(zoom: int = 1) -> ImageFont.FreeTypeFont:
    """Pillow's own font: the same pixels on every machine."""
    font = ImageFont.load_default(FONT_PX * zoom)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; reinstall it from a wheel")
    return font
