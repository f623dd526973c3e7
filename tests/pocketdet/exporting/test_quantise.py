from pathlib import Path

import numpy as np
import pytest

from pocketdet.errors import ExportError
from pocketdet.exporting import flatbuffer, quantise
from pocketdet.preprocess import Preprocessing

RULE = Preprocessing((96, 64), "stretch")


@pytest.fixture(scope="module")
def graph(tiny_converted: Path) -> flatbuffer.Graph:
    return flatbuffer.read(tiny_converted / "fp32.tflite")


def test_calibration_pictures_are_checked(graph: flatbuffer.Graph) -> None:
    with pytest.raises(ExportError, match="no calibration picture"):
        quantise._samples(graph, RULE, [])
    with pytest.raises(ExportError, match=r"shape \(32, 96, 3\), expected \(64, 96, 3\)"):
        quantise._samples(graph, RULE, [np.zeros((32, 96, 3), np.uint8)])


def test_calibration_spans_all_pixel_values_and_leaves_the_pictures_alone(
    graph: flatbuffer.Graph,
) -> None:
    picture = np.full((64, 96, 3), 100, np.uint8)
    (sample,) = quantise._samples(graph, RULE, [picture])
    assert (sample.min(), sample.max()) == (-127 / 128, 1)
    assert (picture == 100).all()


def test_the_head_is_all_behind_the_neck_and_gives_the_outputs(graph: flatbuffer.Graph) -> None:
    names = quantise.head(graph)
    assert {graph.tensors[o].name for o in graph.outputs.values()} <= names
    of = {graph.tensors[o].name: graph.layer(op) for op in graph.operations for o in op.outputs}
    assert {"neck", "backbone"}.isdisjoint(of[name].split("_")[0] for name in names)
    assert len(names) == sum("head" in layer for layer in of.values()) + len(graph.outputs)


def test_a_layer_is_kept_with_what_it_reads_and_what_reads_it(graph: flatbuffer.Graph) -> None:
    layers = [graph.layer(op) for op in graph.operations]
    of = {graph.tensors[o].name: graph.layer(op) for op in graph.operations for o in op.outputs}
    middle = layers.index("backbone_1_0_depthwise_relu6")
    kept = {of[name] for name in quantise.around(graph, [layers[middle]])}
    assert kept == set(layers[middle - 1 : middle + 2])


def test_an_int8_file_computes_in_int8(tiny_converted: Path, graph: flatbuffer.Graph) -> None:
    assert quantise.float_layers(graph) > 40
    assert quantise.float_layers(flatbuffer.read(tiny_converted / "int8.tflite")) == 0
