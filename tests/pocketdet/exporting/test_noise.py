"""The layer that a net loses its precision in is found: one is spoilt on purpose."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.exporting import flatbuffer, ledger, noise
from pocketdet.exporting.ledger import Row
from pocketdet.exporting.parity import Agreement
from pocketdet.exporting.surgery import Editor

Pictures = list[npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def rows(tiny_converted: Path, tiny_pictures: Pictures) -> list[noise.Noise]:
    files = (tiny_converted / f"{name}.tflite" for name in ("fp32", "int8"))
    return noise.layers(*files, tiny_pictures[:2])


def test_every_layer_has_a_ratio_and_a_file_no_noise_against_itself(
    rows: list[noise.Noise], tiny_converted: Path, tiny_pictures: Pictures
) -> None:
    graph = flatbuffer.read(tiny_converted / "fp32.tflite")
    convolutions = sum("CONV_2D" in op.kind for op in graph.operations)
    # The output convolutions are compared behind their DEQUANTIZE.
    assert sum("CONV_2D" in row.kind for row in rows) == convolutions - 6
    assert sum(row.kind == "DEQUANTIZE" for row in rows) == 6
    assert all(5 < row.sqnr_db < 60 for row in rows)
    same = tiny_converted / "fp32.tflite"
    exact = noise.layers(same, same, tiny_pictures[:1])
    assert {row.sqnr_db for row in exact} == {noise.PERFECT_DB}


def test_the_layer_with_spoilt_weights_is_the_worst(
    tiny_converted: Path, tiny_pictures: Pictures, tmp_path: Path
) -> None:
    editor = Editor((tiny_converted / "int8.tflite").read_bytes())
    path = tmp_path / "spoilt.tflite"
    graph = flatbuffer.read(tiny_converted / "int8.tflite")
    place = [k for k, op in enumerate(graph.operations) if op.kind == "CONV_2D"][9]
    weights = editor.graph.tensors[graph.operations[place].inputs[1]].buffer
    values = editor.model.buffers[weights].data.view(np.int8)
    editor.model.buffers[weights].data = (values // 32 * 32).view(np.uint8)
    path.write_bytes(editor.content())
    worst = noise.worst(noise.layers(tiny_converted / "fp32.tflite", path, tiny_pictures[:2]))
    assert worst.layer == graph.layer(graph.operations[place])
    assert worst.drop_db > 6
    assert worst.layer in worst.text


def test_a_failing_gate_names_it(rows: list[noise.Noise]) -> None:
    agreement = Agreement(4, 0.1, 0.01, 10, 0, 0, 0.95, 0.99, 0.01)
    row = Row("int8_nms", "int8_nms.tflite", "LiteRT", "ok", 2.5, agreement, 50.0, 3.0, 2.0)
    (line,) = ledger.failures([row], 0.05, {"int8": rows})
    assert line.startswith("int8_nms: AP drop 3.00 points, at most 2 allowed")
    assert f"most quantisation noise is added by {noise.worst(rows).layer}" in line
