"""Puts decoding and suppression into a .tflite file, by LiteRT's own operation for it.

A file with `TFLite_Detection_PostProcess` gives boxes that are ready, and with its metadata is what
MediaPipe Tasks' ObjectDetector loads on Android, iOS and the web. The operation reads offsets as
(y, x, h, w) and anchors likewise; it treats both axes alike, so the net's (x, y, w, h) are handed
over as they are, and the columns of the few boxes that are left are exchanged behind it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.detector import decode
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import BINS, NetSpec
from pocketdet.exporting.surgery import Editor

OPERATION = "TFLite_Detection_PostProcess"
BOXES, CLASSES, SCORES, COUNT = (
    "detection_boxes", "detection_classes", "detection_scores", "num_detections"
)  # fmt: skip


def append(content: bytes, spec: NetSpec, point: OperatingPoint, score_min: float) -> bytes:
    """A file that gives boxes, from one that gives raw maps.

    Args:
        content: The file with raw maps in float32.
        spec: Its net.
        point: Suppression and number of boxes.
        score_min: Boxes with a lower score are left out for good, so it lies well below the
            operating point, which the app or the metadata applies.

    Returns:
        The file's content. Its outputs: boxes (1, N, 4) as ymin, xmin, ymax, xmax in shares of the
        picture, classes (1, N), scores (1, N), count (1), all float32; N = max_detections.
    """
    editor = Editor(content)
    scores = _joined(editor, "scores", spec, len(spec.classes))
    scores = _step(editor, "LOGISTIC", (scores,), editor.shape(scores))
    if spec.anchor_free:
        offsets, centre, size = _from_distances(editor, spec), 1.0, 1.0
    else:
        offsets = _joined(editor, "boxes", spec, spec.box_values)
        centre, size = decode.CENTRE_VARIANCE, decode.SIZE_VARIANCE
        # The net's decoding cuts what would be a box of 55 anchors; the operation does not.
        free, most = np.finfo(np.float32).max, decode.MAX_LOG_SIZE / size
        limit = editor.constant("limit", np.asarray([free, free, most, most], np.float32))
        offsets = _step(
            editor, "MINIMUM", (offsets, limit), editor.shape(offsets), "MaximumMinimumOptions"
        )

    shares = decode.anchors(spec) / np.asarray(spec.input_wh * 2, np.float32)
    anchors = editor.constant("anchors", shares.astype(np.float32))
    most = point.max_detections
    swapped = editor.tensor("boxes/xyxy", (1, most, 4))
    found = {
        CLASSES: editor.tensor(CLASSES, (1, most)),
        SCORES: editor.tensor(SCORES, (1, most)),
        COUNT: editor.tensor(COUNT, (1,)),
    }
    editor.custom(
        OPERATION,
        (offsets, scores, anchors),
        (swapped, *found.values()),
        {
            "max_detections": most,
            "max_classes_per_detection": 1,
            "detections_per_class": most,
            "use_regular_nms": True,  # within each class
            "nms_score_threshold": float(score_min),
            "nms_iou_threshold": float(point.nms_iou),
            "num_classes": len(spec.classes),
            **dict.fromkeys(("y_scale", "x_scale"), 1 / centre),
            **dict.fromkeys(("h_scale", "w_scale"), 1 / size),
        },
    )
    boxes = editor.tensor(BOXES, (1, most, 4))
    order = editor.constant("boxes/order", np.asarray([1, 0, 3, 2], np.int32))
    editor.operation("GATHER", (swapped, order), (boxes,), ("GatherOptions", {"axis": 2}))
    editor.answer({BOXES: boxes, **found})
    return editor.content()


def _step(
    editor: Editor,
    kind: str,
    inputs: Sequence[int],
    shape: Sequence[int],
    options: str | None = None,
    **fields: Any,
) -> int:
    """Add an operation and its output; the output's index."""
    output = editor.tensor(f"postprocess/{kind.lower()}_{len(editor.graph.tensors)}", shape)
    editor.operation(kind, inputs, (output,), (options, fields) if options else None)
    return output


def _reshaped(editor: Editor, tensor: int, shape: Sequence[int]) -> int:
    wanted = np.asarray(shape, np.int32)
    target = editor.constant(f"postprocess/shape_{len(editor.graph.tensors)}", wanted)
    return _step(editor, "RESHAPE", (tensor, target), shape, "ReshapeOptions", newShape=wanted)


def _joined(editor: Editor, kind: str, spec: NetSpec, width: int) -> int:
    """The maps of all levels as rows of one tensor, (1, predictions, width)."""
    maps = editor.outputs()
    parts = []
    for level in spec.levels:
        raw = maps[f"{kind}_{level.stride}"]
        rows = int(np.prod(editor.shape(raw))) // width
        parts.append(_reshaped(editor, raw, (1, rows, width)))
    total = sum(editor.shape(part)[1] for part in parts)
    return _step(editor, "CONCATENATION", parts, (1, total, width), "ConcatenationOptions", axis=1)


def _from_distances(editor: Editor, spec: NetSpec) -> int:
    """Distributions of distances as offsets of centre and size from a cell, (1, cells, 4).

    size = cell exp(offset) wants the logarithm of left + right; a box of no width stays tiny.
    """
    logits = _joined(editor, "boxes", spec, spec.box_values)
    cells = editor.shape(logits)[1]
    logits = _reshaped(editor, logits, (4 * cells, BINS))
    weights = _step(editor, "SOFTMAX", (logits,), (4 * cells, BINS), "SoftmaxOptions", beta=1.0)
    distances = _product(editor, weights, np.arange(BINS, dtype=np.float32)[None])
    sides = _reshaped(editor, distances, (cells, 4))  # left, top, right, bottom, in cells
    centre = np.asarray([[-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]], np.float32)
    size = np.asarray([[1, 0, 1, 0], [0, 1, 0, 1]], np.float32)
    least = editor.constant("least", np.asarray([1e-6], np.float32))
    large = _step(
        editor, "MAXIMUM", (_product(editor, sides, size), least), (cells, 2),
        "MaximumMinimumOptions",
    )  # fmt: skip
    logarithms = _step(editor, "LOG", (large,), (cells, 2))
    both = (_product(editor, sides, centre), logarithms)
    offsets = _step(editor, "CONCATENATION", both, (cells, 4), "ConcatenationOptions", axis=1)
    return _reshaped(editor, offsets, (1, cells, 4))


def _product(editor: Editor, rows: int, matrix: npt.NDArray[np.float32]) -> int:
    """Each row times a matrix (outputs, inputs)."""
    weights = editor.constant(f"postprocess/matrix_{len(editor.graph.tensors)}", matrix)
    shape = (editor.shape(rows)[0], len(matrix))
    return _step(
        editor, "FULLY_CONNECTED", (rows, weights, -1), shape, "FullyConnectedOptions",
        keepNumDims=False,
    )  # fmt: skip
