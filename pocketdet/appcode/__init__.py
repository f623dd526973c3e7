"""App-side code from a contract: pre- and post-processing with every constant filled in.

    app/pocketdet.hpp      C++17, no dependencies: the reference for any platform
    app/selftest.cpp       holds it against the golden vectors of the bundle
    app/Pocketdet.kt       Kotlin for Android, with LiteRT
    app/Pocketdet.swift    Swift for iOS, with Vision and Core ML; not compiled here

Templates are beside this file; `@NAME@` is a constant of the contract.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from pocketdet.detector import decode
from pocketdet.detector.spec import BINS
from pocketdet.exporting.contract import Contract
from pocketdet.preprocess import FILL, RESIZE

FOLDER = "app"
TEMPLATES = ("pocketdet.hpp", "selftest.cpp", "Pocketdet.kt", "Pocketdet.swift")
CODE = Path(__file__).parent


def files(contract: Contract) -> dict[str, bytes]:
    """The app code of a bundle, name -> content."""
    values = _values(contract)
    return {
        f"{FOLDER}/{name}": _filled((CODE / name).read_text(encoding="utf-8"), values).encode()
        for name in TEMPLATES
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match[1]], template)


def _values(contract: Contract) -> dict[str, str]:
    """The constants as text that C++, Kotlin and Swift read alike, floats with an f where told."""
    net, rule, point = contract.net, contract.preprocessing, contract.operating_point
    limits = point.score_mins(len(net.classes)).tolist()
    anchors = [(level.stride, *shape) for level in net.levels for shape in level.shapes_wh]
    return {
        "INPUT_W": str(net.input_wh[0]),
        "INPUT_H": str(net.input_wh[1]),
        "CLASSES": ", ".join(_text(name) for name in net.classes),
        "CLASS_COUNT": str(len(net.classes)),
        "STRIDES": ", ".join(str(level.stride) for level in net.levels),
        "LEVEL_COUNT": str(len(net.levels)),
        "ANCHORS_CPP": ", ".join(f"{{{s}, {w!r}f, {h!r}f}}" for s, w, h in _floats(anchors)),
        "ANCHORS_KT": ", ".join(f"Anchor({s}, {w!r}f, {h!r}f)" for s, w, h in _floats(anchors)),
        "ANCHOR_COUNT": str(len(anchors)),
        "ANCHOR_FREE": "true" if net.anchor_free else "false",
        "BINS": str(BINS),
        "CENTRE_VARIANCE": f"{decode.CENTRE_VARIANCE!r}f",
        "SIZE_VARIANCE": f"{decode.SIZE_VARIANCE!r}f",
        "MAX_LOG_SIZE": f"{decode.MAX_LOG_SIZE!r}f",
        "SCORE_MINS": ", ".join(f"{limit:.9f}f" for limit in limits),
        "SCORE_MINS_PLAIN": ", ".join(f"{limit:.9f}" for limit in limits),
        "SCORE_MIN": f"{point.score_min!r}",
        "NMS_IOU": f"{float(point.nms_iou)!r}f",
        "NMS_IOU_DOUBLE": f"{float(point.nms_iou)!r}",
        "MAX_DETECTIONS": str(point.max_detections),
        "LETTERBOX": {"stretch": "false", "letterbox": "true"}[rule.resize],
        "CORNERS": "true" if rule.interpolation == "mediapipe" else "false",
        "FILL": str(FILL[0]),
        "VISION_OPTION": RESIZE[rule.resize][1],
    }


def _floats(
    anchors: list[tuple[int, float, float]],
) -> list[tuple[int, float, float]]:
    """Sides as floats, so that their text has a point."""
    return [(stride, float(w), float(h)) for stride, w, h in anchors]


def _text(name: str) -> str:
    """A string literal; class names come from annotations and may hold anything."""
    return json.dumps(name, ensure_ascii=False).replace("$", "\\u0024")
