"""TFLite Model Metadata, read back by the schema's own rules: a vtable gives each field's place."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import metadata, variants


class Reader:
    """A table in a flatbuffer."""

    def __init__(self, content: bytes, place: int | None = None) -> None:
        from flatbuffers import encode, number_types
        from flatbuffers.table import Table

        if place is None:
            place = encode.Get(number_types.UOffsetTFlags.packer_type, content, 0)
        self.table = Table(content, place)
        self.content = content

    def _slot(self, slot: int) -> int:
        return int(self.table.Offset(4 + 2 * slot))

    def text(self, slot: int) -> str:
        return str(self.table.String(self.table.Pos + self._slot(slot)).decode())

    def byte(self, slot: int) -> int:
        return self.content[self.table.Pos + self._slot(slot)] if self._slot(slot) else 0

    def child(self, slot: int) -> "Reader":
        return Reader(self.content, self.table.Indirect(self.table.Pos + self._slot(slot)))

    def children(self, slot: int) -> list["Reader"]:
        if not self._slot(slot):
            return []
        start = self.table.Vector(self._slot(slot))
        places = range(start, start + 4 * self.table.VectorLen(self._slot(slot)), 4)
        return [Reader(self.content, self.table.Indirect(place)) for place in places]

    def numbers(self, slot: int, dtype: Any) -> list[float]:
        start, count = self.table.Vector(self._slot(slot)), self.table.VectorLen(self._slot(slot))
        return np.frombuffer(self.content, dtype, count, start).tolist()  # type: ignore[no-any-return]

    def number(self, slot: int) -> float:
        place = self.table.Pos + self._slot(slot)
        return float(np.frombuffer(self.content, np.float32, 1, place)[0])


def graph(path: Path) -> Reader:
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    (buffer,) = (e.buffer for e in model.metadata if e.name == b"TFLITE_METADATA")
    packed = model.buffers[buffer].data.tobytes()
    assert packed[4:8] == b"M001"
    root = Reader(packed)
    assert root.text(7) == "1.0.0"
    (only,) = root.children(3)
    return only


def test_normalisation_is_in_the_graph_and_so_not_in_the_metadata(tiny_converted: Path) -> None:
    (picture,) = graph(tiny_converted / "fp32_nms.tflite").children(2)
    (unit,) = picture.children(4)
    assert unit.byte(0) == metadata.NORMALISATION
    mean_and_deviation = unit.child(1)
    assert mean_and_deviation.numbers(0, np.float32) == [0.0]
    assert mean_and_deviation.numbers(1, np.float32) == [1.0]
    (picture,) = graph(tiny_converted / "int8_nms.tflite").children(2)
    assert picture.children(4) == [], "the bytes of a picture are the quantised input"
    assert picture.child(3).byte(0) == metadata.IMAGE_PROPERTIES
    assert picture.child(3).child(1).byte(0) == metadata.RGB


def test_the_outputs_are_named_as_mediapipe_looks_for_them(tiny_converted: Path) -> None:
    outputs = graph(tiny_converted / "int8_nms.tflite").children(3)
    names = [output.text(0) for output in outputs]
    assert names == ["location", "category", "score", "number of detections"]
    boxes = outputs[0].child(3).child(1)
    assert boxes.numbers(0, np.uint32) == [1, 0, 3, 2]
    (labels,) = outputs[1].children(6)
    assert (labels.text(0), labels.byte(2)) == ("labels.txt", metadata.VALUE_LABELS)
    (threshold,) = outputs[2].children(4)
    assert threshold.byte(0) == metadata.THRESHOLD
    assert threshold.child(1).number(0) == pytest.approx(0.03), "the operating point"


def test_every_litert_file_carries_the_class_names(
    tiny_converted: Path, tiny_spec: NetSpec
) -> None:
    files = sorted(tiny_converted.glob("*.tflite"))
    made = {recipe.file for recipe in variants.RECIPES.values()}
    assert {path.name for path in files} == {name for name in made if name.endswith(".tflite")}
    for path in files:
        content = path.read_bytes()
        assert metadata.labels(content) == list(tiny_spec.classes)
        with zipfile.ZipFile(io.BytesIO(content)) as zipped:
            (entry,) = zipped.infolist()
            assert entry.date_time[0] == 1980, "no clock in a file"
    assert metadata.labels(b"no zip") == []
