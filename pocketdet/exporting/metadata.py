"""TFLite Model Metadata: what a client such as MediaPipe Tasks reads beside the net.

Written by the schema metadata_schema.fbs 1.1.0 of TensorFlow Lite Support (root table
ModelMetadata, file identifier M001); the numbers of its fields and enums are below. The class names
travel as labels.txt in a zip at the file's end, which a reader of the flatbuffer does not see.

Normalisation is in every file of ours, so the metadata of a float input says mean 0 and deviation
1; that of a uint8 input says nothing, because a client hands over the picture's bytes as they are.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pocketdet.delivery.bundle import DATE
from pocketdet.exporting import postprocess
from pocketdet.exporting.surgery import Editor
from pocketdet.preprocess import RESIZE, Resize

NAME = "TFLITE_METADATA"  # of the buffer, by which readers find it
LABELS = "labels.txt"
PARSER = "1.0.0"  # lowest version of a reader that understands all fields used here
# Names by which MediaPipe tells the outputs of a file with post-processing apart.
MEANINGS = {
    postprocess.BOXES: ("location", "The locations of the detected boxes."),
    postprocess.CLASSES: ("category", "The categories of the detected boxes."),
    postprocess.SCORES: ("score", "The scores of the detected boxes."),
    postprocess.COUNT: ("number of detections", "The number of the detected boxes."),
}
IMAGE_PROPERTIES, BOX_PROPERTIES, FEATURE_PROPERTIES = 2, 3, 1  # union ContentProperties
NORMALISATION, THRESHOLD = 1, 3  # union ProcessUnitOptions
RGB, BOUNDARIES, RATIO = 1, 1, 0  # ColorSpaceType, BoundingBoxType, CoordinateType
AXIS_LABELS, VALUE_LABELS = 2, 3  # AssociatedFileType


@dataclass(frozen=True)
class Table:
    """A table of the schema: the values of its fields in order, None for those left out.

    A value is text, a Byte, a Float, a Table, or a list of whole numbers, floats or tables.
    """

    fields: tuple[Any, ...]


@dataclass(frozen=True)
class Byte:
    """An enum's or union's number."""

    value: int


@dataclass(frozen=True)
class Float:
    """A float32 field."""

    value: float


def attach(content: bytes, classes: Sequence[str], resize: Resize, score_min: float) -> bytes:
    """A .tflite file with metadata and class names.

    Args:
        content: The file.
        classes: Names in the order of their numbers.
        resize: How the picture becomes the input; a client cannot read it, a person can.
        score_min: The operating point: a client leaves out boxes below it unless the app says
            otherwise. Only for a file with post-processing.
    """
    editor = Editor(content)
    inputs = [_input(editor, index, resize) for index in editor.inputs().values()]
    outputs = [_output(name, score_min) for name in editor.outputs()]
    graph = Table((None, None, inputs, outputs))
    title = f"Detects {', '.join(classes)}"
    root = Table(("pocketdet", title, None, [graph], None, None, None, PARSER))
    editor.attach(NAME, _packed(root))
    archive = io.BytesIO(editor.content())
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as zipped:
        entry = zipfile.ZipInfo(LABELS, DATE)
        entry.create_system = 3
        zipped.writestr(entry, "".join(f"{name}\n" for name in classes))
    return archive.getvalue()


def labels(content: bytes) -> list[str]:
    """The class names in a file, or none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            return zipped.read(LABELS).decode().splitlines()
    except (zipfile.BadZipFile, KeyError):
        return []


def _input(editor: Editor, tensor: int, resize: Resize) -> Table:
    properties = Table((Byte(RGB),))
    content = Table((Byte(IMAGE_PROPERTIES), properties))
    float_input = editor.graph.tensors[tensor].type == 0  # TensorType.FLOAT32
    plain = Table((Byte(NORMALISATION), Table(([0.0], [1.0]))))
    text = f"RGB picture of 0..255, {RESIZE[resize][0]}"
    return Table(("image", text, None, content, [plain] if float_input else None))


def _output(name: str, score_min: float) -> Table:
    if name not in MEANINGS:
        features = Table((Byte(FEATURE_PROPERTIES), Table(())))
        return Table((name, "A raw map, see contract.json.", None, features))
    title, text = MEANINGS[name]
    box = name == postprocess.BOXES
    properties = (
        # left, top, right, bottom are the columns 1, 0, 3, 2.
        Table(([1, 0, 3, 2], Byte(BOUNDARIES), Byte(RATIO))) if box else Table(())
    )
    kind = Byte(BOX_PROPERTIES if box else FEATURE_PROPERTIES)
    units = [Table((Byte(THRESHOLD), Table((Float(score_min),))))]
    files = [Table((LABELS, "Class names.", Byte(VALUE_LABELS)))]
    return Table(
        (
            title,
            text,
            None,
            Table((kind, properties)),
            units if name == postprocess.SCORES else None,
            None,
            files if name == postprocess.CLASSES else None,
        )
    )


def _packed(root: Table) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, root), file_identifier=b"M001")
    return bytes(builder.Output())


def _write(builder: Any, value: Any) -> Any:
    """Write a value that is stored elsewhere, and return its offset: children come first."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list):
        if not isinstance(value[0], Table):
            dtype = np.uint32 if isinstance(value[0], int) else np.float32
            return builder.CreateNumpyVector(np.asarray(value, dtype))
        offsets = [_write(builder, item) for item in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    stored = [
        None if item is None or isinstance(item, (Byte, Float)) else _write(builder, item)
        for item in value.fields
    ]
    builder.StartObject(len(value.fields))
    for slot, (item, offset) in enumerate(zip(value.fields, stored, strict=True)):
        if isinstance(item, Byte):
            builder.PrependInt8Slot(slot, item.value, 0)
        elif isinstance(item, Float):
            builder.PrependFloat32Slot(slot, item.value, 0.0)
        elif offset is not None:
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return builder.EndObject()
