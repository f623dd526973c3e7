from collections.abc import Callable
from pathlib import Path

import pytest

from pocketdet.exporting import flatbuffer
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.flatbuffer import FlatTensor, Graph, Operation
from pocketdet.profiling import host as profiling


def test_macs_equal_a_count_over_keras_layers(tiny_trained: Path, tiny_converted: Path) -> None:
    from pocketdet.detector import net

    expected = 0
    for layer in net.load(tiny_trained / "design", tiny_trained / "trained", batch=1).layers:
        if type(layer).__name__ in ("Conv2D", "DepthwiseConv2D"):
            kernel = layer.kernel.shape  # (h, w, in, out), or (h, w, channels, 1)
            _, height, width, channels = layer.output.shape
            depth = 1 if type(layer).__name__ == "DepthwiseConv2D" else kernel[2]
            expected += height * width * channels * kernel[0] * kernel[1] * depth
    for name in ("fp32", "fp16", "int8"):
        graph = flatbuffer.read(tiny_converted / f"{name}.tflite")
        assert sum(layer.macs for layer in profiling.layers(graph)) == expected


def test_the_biggest_layers_come_first_with_their_names(tiny_converted: Path) -> None:
    for name in ("fp32", "fp16", "int8"):
        layers = profiling.layers(flatbuffer.read(tiny_converted / f"{name}.tflite"))
        assert [layer.macs for layer in layers] == sorted((x.macs for x in layers), reverse=True)
        assert layers[0].kind == "CONV_2D"
        assert layers[0].name.startswith(("backbone", "head", "neck"))
        convolutions = [layer for layer in layers if layer.macs]
        assert all(layer.weight_bytes > 0 for layer in convolutions), name


def tensor(size: int, constant: bool = False) -> FlatTensor:
    return FlatTensor("t", (size,), "int8", size if constant else 0, 0.0, 0)


def test_peak_of_a_graph_with_a_branch() -> None:
    # 0 (10) -> a -> 1 (100) -> b -> 2 (20) -> c(1, 2) -> 3 (5), with weights 4 (1000)
    graph = Graph(
        (
            Operation("CONV_2D", (0, 4), (1,)),
            Operation("CONV_2D", (1, 4), (2,)),
            Operation("ADD", (1, 2), (3,)),
        ),
        (tensor(10), tensor(100), tensor(20), tensor(5), tensor(1000, constant=True)),
        {"image": 0},
        {"out": 3},
    )
    # at a: 10 + 100; at b: 100 + 20; at c: 100 + 20 + 5
    assert profiling.peak_activation_bytes(graph) == 125


def test_peak_counts_an_early_output_to_the_end() -> None:
    graph = Graph(
        (Operation("RELU", (0,), (1,)), Operation("RELU", (0,), (2,))),
        (tensor(10), tensor(7), tensor(7)),
        {"image": 0},
        {"first": 1, "second": 2},
    )
    assert profiling.peak_activation_bytes(graph) == 24


def test_int8_needs_a_quarter_of_the_memory(tiny_converted: Path) -> None:
    fp32, fp16, int8 = (
        profiling.peak_activation_bytes(flatbuffer.read(tiny_converted / f"{name}.tflite"))
        for name in ("fp32", "fp16", "int8")
    )
    assert fp16 == fp32
    assert int8 == pytest.approx(fp32 / 4, rel=0.1)


def test_profile_of_a_file(tiny_converted: Path) -> None:
    contract = Contract.load(tiny_converted / "contract.json")
    path = tiny_converted / "int8.tflite"
    found = profiling.profile(path, contract, runs=5, warmup=1)
    assert found.size_mb == path.stat().st_size / 1e6
    assert found.weights_mb < found.size_mb
    assert 0 < found.host_net.p50_ms <= found.host_net.p90_ms <= found.host_net.p99_ms
    assert found.host_start_ms > 0
    assert found.host_peak_mb > found.host_file_mb > 0
    before, after = profiling.around(path, contract, runs=3, warmup=1)
    assert before.p50_ms > 0
    assert after.p50_ms > 0


def test_measure_counts_calls() -> None:
    calls: list[int] = []
    latency = profiling.measure(lambda: calls.append(1), runs=4, warmup=3)
    assert len(calls) == 7
    assert 0 <= latency.p50_ms <= latency.p90_ms <= latency.p99_ms


def test_two_calls_are_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    times = {"slow": [4.0, 40.0, 6.0, 8.0, 6.0], "quick": [2.0, 4.0, 3.0, 4.0, 2.0]}

    def measure(call: Callable[[], object], runs: int, warmup: int) -> profiling.Latency:
        name = str(call())
        turns.append(name)
        p50 = times[name][turns.count(name) - 1]
        return profiling.Latency(p50, p50, p50)

    monkeypatch.setattr(profiling, "measure", measure)
    assert profiling.in_turns(lambda: "slow", lambda: "quick", 1, 0) == (6.0, 3.0, 2.0)
    assert turns == ["slow", "quick"] * profiling.ROUNDS
