"""The tables against files: what the interpreter really delegates, and nets known to be refused."""

from pathlib import Path

import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import delegates, flatbuffer
from pocketdet.exporting.delegates import DELEGATES, XNNPACK
from pocketdet.exporting.surgery import Editor
from pocketdet.runtimes.litert import LiteRTRuntime

# Operation -> delegates that must refuse it, by their documents.
REFUSED = {
    "ARG_MAX": set(DELEGATES),
    "GATHER_ND": set(DELEGATES),
    "TOPK_V2": set(DELEGATES),
    "NON_MAX_SUPPRESSION_V4": set(DELEGATES),
    "RESIZE_NEAREST_NEIGHBOR": {"XNNPACK", "GPU", "ExecuTorch XNNPACK"},
    "LSTM": set(DELEGATES) - {"GPU"},
    "DEPTH_TO_SPACE": {"GPU"},
}


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_a_net_with_it_is_refused_for_it_and_nothing_else(
    tiny_converted: Path, tmp_path: Path, kind: str
) -> None:
    editor = Editor((tiny_converted / "fp32.tflite").read_bytes())
    first = editor.graph.operators[3].outputs[0]
    odd = editor.tensor("net/strange_layer/odd", editor.shape(int(first)))
    editor.operation(kind, (int(first),), (odd,), place=5)
    path = tmp_path / "odd.tflite"
    path.write_bytes(editor.content())
    graph = flatbuffer.read(path)
    refusing = {}
    for name, delegate in DELEGATES.items():
        if delegate.quantised == "only":
            refused = {r.kind for r in delegates.refusals(graph, delegate) if "among" in r.reason}
        else:
            refused = {r.kind for r in delegates.refusals(graph, delegate)}
        if refused:
            assert refused == {kind}
            refusing[name] = delegates.refusals(graph, delegate)
    assert set(refusing) == REFUSED[kind]
    if "XNNPACK" in refusing:
        (refusal,) = refusing["XNNPACK"]
        assert refusal.layer == "strange_layer"
        assert delegates.partitions(graph, XNNPACK) == 2


@pytest.mark.parametrize("name", ["fp32", "fp16", "dynamic", "int8", "fp32_nms", "int8_nms"])
def test_partitions_are_those_that_the_interpreter_makes(
    tiny_converted: Path, tiny_spec: NetSpec, name: str
) -> None:
    path = tiny_converted / f"{name}.tflite"
    counted = delegates.partitions(flatbuffer.read(path), XNNPACK)
    assert counted == LiteRTRuntime(path, tiny_spec).partitions


def test_an_int8_accelerator_takes_no_float(tiny_converted: Path) -> None:
    floats = flatbuffer.read(tiny_converted / "fp32.tflite")
    assert delegates.partitions(floats, delegates.NNAPI) == 0
    assert "NNAPI int8" not in delegates.outside(floats)
    quantised = flatbuffer.read(tiny_converted / "int8.tflite")
    assert delegates.refusals(quantised, delegates.NNAPI) == []


def test_advice_is_given_once(tiny_converted: Path) -> None:
    graph = flatbuffer.read(tiny_converted / "dynamic.tflite")
    found = delegates.refusals(graph, XNNPACK)
    assert len(found) > 5
    (line,) = delegates.advice(found)
    assert line == "DEPTHWISE_CONV_2D: use int8 or fp16 instead of dynamic range"


def test_every_table_says_where_it_is_from() -> None:
    for delegate in DELEGATES.values():
        assert delegate.source
        assert delegate.read.startswith("20")
