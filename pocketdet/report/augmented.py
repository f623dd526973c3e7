"""The sheet that shows what augmentation does: photos as they are and as training sees them."""

from collections.abc import Sequence

import numpy as np
from PIL import Image as PIL

from pocketdet.inputs.augment import Objects, Picture
from pocketdet.report.pictures import CLASS_COLOURS, IGNORED, Mark, contact_sheet, draw

CELL_WH = (320, 320)  # px, at most, of one picture
COLUMNS = 3  # pairs a row


def sheet(
    pairs: Sequence[tuple[str, tuple[Picture, Objects], tuple[Picture, Objects]]],
    classes: Sequence[str],
) -> PIL.Image:
    """Pairs of pictures, before (left) and after (right), with their boxes.

    Args:
        pairs: Caption, picture before, picture after, all at the net's size.
        classes: Names of the class numbers; each has its colour, ignored regions are hatched.
    """
    cells = []
    for caption, *pair in pairs:
        drawn = [np.asarray(draw(rgb, marks(objects, classes), CELL_WH)) for rgb, objects in pair]
        cells.append(
            (PIL.fromarray(np.concatenate(drawn, axis=1)), f"{caption}: photo | in training")
        )
    cell_wh = (max(cell.width for cell, _ in cells), max(cell.height for cell, _ in cells))
    return contact_sheet(cells, COLUMNS, cell_wh)


def marks(objects: Objects, classes: Sequence[str]) -> list[Mark]:
    """Objects of a training picture as boxes to draw."""
    found: list[Mark] = []
    rows = zip(
        objects.boxes_xyxy.tolist(), objects.labels.tolist(), objects.ignore.tolist(), strict=True
    )
    for (x1, y1, x2, y2), label, ignore in rows:
        if ignore:
            found.append(Mark((x1, y1, x2, y2), IGNORED, "hatched"))
        else:
            colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
            found.append(Mark((x1, y1, x2, y2), colour, "solid", classes[label]))
    return found
