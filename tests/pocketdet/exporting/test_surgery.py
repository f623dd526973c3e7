from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.surgery import Editor
from pocketdet.runtimes.opening import open_runtime


def test_taking_apart_and_putting_together_changes_nothing(
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
    tmp_path: Path,
) -> None:
    content = (tiny_converted / "int8.tflite").read_bytes()
    again = Editor(content).content()
    assert Editor(again).content() == again
    (tmp_path / "again.tflite").write_bytes(again)
    before = open_runtime(tiny_converted / "int8.tflite", tiny_spec).raw(tiny_pictures[0])
    after = open_runtime(tmp_path / "again.tflite", tiny_spec).raw(tiny_pictures[0])
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


def test_constants_lie_at_multiples_of_16_bytes(tiny_converted: Path) -> None:
    from ai_edge_litert import schema_py_generated as schema

    for name in ("fp32", "int8_nms"):
        content = (tiny_converted / f"{name}.tflite").read_bytes()
        model = schema.Model.GetRootAs(content, 0)
        placed = 0
        for k in range(model.BuffersLength()):
            buffer = model.Buffers(k)
            if buffer.DataLength() > 0:
                assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0
                placed += 1
        assert placed > 50


def test_a_kind_is_listed_once(tiny_converted: Path) -> None:
    editor = Editor((tiny_converted / "fp32.tflite").read_bytes())
    before = len(editor.model.operatorCodes)
    assert before == len(editor.model.operatorCodes)
    made = [editor.tensor(f"t{k}", (1,)) for k in range(2)]
    for tensor in made:
        editor.operation("SIN", (0,), (tensor,))
        editor.custom("Own", (0,), (tensor,), {"a": 1})
    assert len(editor.model.operatorCodes) == before + 2


def test_int8_with_a_float_input_computes_the_same(
    tiny_converted: Path, tiny_spec: NetSpec, tiny_pictures: list[npt.NDArray[np.uint8]]
) -> None:
    path = tiny_converted / "int8_float.tflite"
    graph = flatbuffer.read(path)
    assert [op.kind for op in graph.operations[:3]] == ["SUB", "MUL", "QUANTIZE"]
    assert {graph.tensors[i].dtype for i in graph.inputs.values()} == {"float32"}
    floats = open_runtime(path, tiny_spec)
    assert floats.partitions == 1
    bytes_ = open_runtime(tiny_converted / "int8.tflite", tiny_spec)
    for picture in tiny_pictures[:3]:
        expected = bytes_.raw(picture)
        for name, value in floats.raw(picture).items():
            np.testing.assert_array_equal(value, expected[name])
