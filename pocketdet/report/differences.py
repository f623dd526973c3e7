"""The pictures in which a converted file differs most from the trained net, side by side."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.detector.decode import Detections
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.parity import Agreement, Comparison
from pocketdet.preprocess import load_rgb
from pocketdet.report.pictures import class_marks, draw

MOST_WH = (640, 640)  # px, of each half
GAP = 8  # px
SAME = 1e-3  # a badness below is rounding, and no picture is worth drawing


def worst(
    expected: Mapping[str, Detections],
    found: Mapping[str, Mapping[str, Detections]],
    contract: Contract,
    root: Path,
) -> Iterator[tuple[str, PIL.Image, str]]:
    """One picture of every file that differs: (file name, net left and file right, caption).

    Args:
        expected: Image path -> the net's detections.
        found: Variant -> image path -> the file's.
        contract: Of the files; boxes are shown from the operating point on.
        root: Folder that the images' paths are below.
    """
    classes = contract.net.classes
    for variant, own in found.items():
        by_path = {path: _agreement(expected[path], own[path], contract) for path in sorted(own)}
        path = max(by_path, key=lambda p: _badness(by_path[p]), default=None)
        if path is None or _badness(by_path[path]) < SAME:
            continue
        rgb = load_rgb(root / path)
        halves = [
            draw(
                rgb,
                class_marks(contract.operating_point.reported(d, len(classes)), classes),
                MOST_WH,
            )
            for d in (expected[path], own[path])
        ]
        sheet = PIL.new("RGB", (2 * halves[0].width + GAP, halves[0].height), "white")
        sheet.paste(halves[0], (0, 0))
        sheet.paste(halves[1], (halves[0].width + GAP, 0))
        yield f"{variant}.jpg", sheet, _caption(path, by_path[path])


def _agreement(net: Detections, file: Detections, contract: Contract) -> Agreement:
    comparison = Comparison(contract.operating_point.score_min)
    comparison.add(None, {}, net, file)
    return comparison.agreement()


def _badness(found: Agreement) -> float:
    """Boxes lost and added, then how far the worst pair is apart."""
    overlap = 1 - (1.0 if found.iou_min is None else found.iou_min)
    return float(np.nan_to_num(found.missing + found.extra + overlap + (found.score_max or 0.0)))


def _caption(path: str, found: Agreement) -> str:
    pair = (
        f"IoU at least {found.iou_min:.2f}, score within {found.score_max:.2f}"
        if found.iou_min is not None and found.score_max is not None
        else "no pair of boxes"
    )
    return f"{path}: net left, file right; {found.missing} missing, {found.extra} added, {pair}"
