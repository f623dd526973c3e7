from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pocketdet.design import costs, ops
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import flatbuffer
from pocketdet.quiet import quiet


@pytest.fixture(scope="module")
def rows(tiny_spec: NetSpec) -> list[costs.LayerCost]:
    with quiet():
        from pocketdet.detector import net

        return list(costs.count(net.build(tiny_spec, batch=1)))


def test_operations_are_those_of_the_converted_file(
    rows: list[costs.LayerCost], tiny_converted: Path
) -> None:
    expected = Counter(ops.OPERATIONS[row.type] for row in rows)
    graph = flatbuffer.read(tiny_converted / "fp32.tflite")
    found = Counter(op.kind for op in graph.operations)
    for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESIZE_BILINEAR", "CONCATENATION"):
        # The normalisation's addition is no layer of its own.
        assert found[kind] - (kind == "ADD") == expected[kind], kind


def test_the_nets_of_this_project_are_taken_whole(rows: list[costs.LayerCost]) -> None:
    for gate in ops.gates(rows):
        assert (gate.partitions, gate.outside) == (1, ()), gate.text


def test_nearest_neighbour_splits_the_net_and_the_gate_says_so(
    rows: list[costs.LayerCost],
) -> None:
    worse = [replace(r, type="UpSampling2D") if r.type == "Enlarge" else r for r in rows]
    gates = {gate.delegate: gate for gate in ops.gates(worse)}
    xnnpack = gates["XNNPACK"]
    assert xnnpack.partitions == 3
    assert {kind for kind, _, _ in xnnpack.outside} == {"RESIZE_NEAREST_NEIGHBOR"}
    assert "upsample bilinearly" in xnnpack.text
    assert gates["NNAPI int8"].outside == ()


def test_a_layer_that_no_table_knows_is_refused_by_name(rows: list[costs.LayerCost]) -> None:
    odd = replace(rows[3], name="odd", type="LSTM")
    with pytest.raises(ExportError, match="layer odd: nothing is known of LSTM"):
        ops.gates([*rows[:3], odd])
