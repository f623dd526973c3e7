"""What a .tflite file costs: read from the file itself (exact), or timed on this computer.

Times of this computer are called host_*: they compare files with each other and say nothing of a
phone's milliseconds.
"""

import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pocketdet.detector.decode import detections
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.flatbuffer import Graph, Operation
from pocketdet.preprocess import to_input
from pocketdet.profiling import startup
from pocketdet.runtimes.litert import LiteRTRuntime

ROUNDS = 5  # of each of two calls in turn
PHOTO_WH = (1280, 720)  # px, of the picture that pre-processing is timed with: a camera's preview


@dataclass(frozen=True)
class Layer:
    """One operation of a file.

    Attributes:
        place: In the order of execution, from 0.
        name: Of the net's layer.
        kind: Operation.
        shape: Of the output.
        macs: Multiply-accumulates; 0 for what has no weights.
        weight_bytes: Of its constants.
        activation_bytes: Of its outputs.
    """

    place: int
    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    weight_bytes: int
    activation_bytes: int


@dataclass(frozen=True)
class Latency:
    """Percentiles of a time, ms."""

    p50_ms: float
    p90_ms: float
    p99_ms: float


@dataclass(frozen=True)
class FileProfile:
    """The cost of one file.

    Attributes:
        size_mb: MB (10^6 bytes).
        mmac: Million multiply-accumulates a picture.
        weights_mb: Of its constants.
        peak_activation_mb: See `peak_activation_bytes`.
        host_net: Time of the net alone, one thread of this computer.
        host_start_ms: From the file to the first result, in a fresh process here.
        host_peak_mb: Most memory of that process, Python, numpy and LiteRT included.
        host_file_mb: By how much the file and its first result raised that.
    """

    size_mb: float
    mmac: float
    weights_mb: float
    peak_activation_mb: float
    host_net: Latency
    host_start_ms: float
    host_peak_mb: float
    host_file_mb: float


def profile(path: Path, contract: Contract, runs: int, warmup: int) -> FileProfile:
    """Read and time a .tflite file.

    Args:
        path: The file.
        contract: Of the net.
        runs: Timed calls.
        warmup: Calls before these.

    Raises:
        ExportError: LiteRT is missing, or the file is broken or of another net.
    """
    graph = flatbuffer.read(path)
    rgb = to_input(_photo(contract.net.input_wh), contract.preprocessing)
    runtime = LiteRTRuntime(path, contract.net)
    begun = startup.in_fresh_process(path, contract)
    return FileProfile(
        size_mb=path.stat().st_size / 1e6,
        mmac=sum(layer.macs for layer in layers(graph)) / 1e6,
        weights_mb=graph.weight_bytes / 1e6,
        peak_activation_mb=peak_activation_bytes(graph) / 1e6,
        host_net=measure(lambda: runtime.run(rgb), runs, warmup),
        host_start_ms=begun.start_ms,
        host_peak_mb=begun.peak_mb,
        host_file_mb=begun.file_mb,
    )


def around(path: Path, contract: Contract, runs: int, warmup: int) -> tuple[Latency, Latency]:
    """Time what comes before and after the net, in this project's numpy code.

    Args:
        path: A .tflite file, whose outputs on a random picture are decoded and suppressed at the
            operating point.
        contract: Of the net.
        runs: Timed calls.
        warmup: Calls before these.
    """
    photo = _photo(PHOTO_WH)
    runtime = LiteRTRuntime(path, contract.net)
    outputs = runtime.raw(to_input(photo, contract.preprocessing))

    def after() -> object:
        boxes, scores = runtime.candidates(outputs)
        return detections(boxes, scores, contract.preprocessing, PHOTO_WH, contract.operating_point)

    return (
        measure(lambda: to_input(photo, contract.preprocessing), runs, warmup),
        measure(after, runs, warmup),
    )


def host() -> dict[str, str]:
    """What this computer is, as far as its times need it to be understood."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip()
            for line in information.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    return {"cpu": cpu, "system": platform.system(), "threads": "1"}


def _photo(size_wh: tuple[int, int]) -> "np.typing.NDArray[np.uint8]":
    """A picture of noise, always the same."""
    w, h = size_wh
    return np.random.default_rng(0).integers(0, 256, (h, w, 3), dtype=np.uint8)


def layers(graph: Graph) -> list[Layer]:
    """All operations, those with most multiply-accumulates first, then by place.

    float16 files unpack every weight in an operation of its own, which runs once at the start;
    these are left out, and their bytes are counted where the weight is used.
    """
    unpacked = {
        op.outputs[0]: op.inputs[0]
        for op in graph.operations
        if op.kind == "DEQUANTIZE" and graph.tensors[op.inputs[0]].constant_bytes
    }
    rows = []
    for place, op in enumerate(graph.operations):
        if op.outputs[0] in unpacked:
            continue
        weights = [graph.tensors[unpacked.get(i, i)] for i in op.inputs if i >= 0]
        rows.append(
            Layer(
                place,
                graph.layer(op),
                op.kind,
                graph.tensors[op.outputs[0]].shape,
                _macs(op, graph),
                sum(tensor.constant_bytes for tensor in weights),
                sum(graph.tensors[i].bytes for i in op.outputs),
            )
        )
    return sorted(rows, key=lambda layer: (-layer.macs, layer.place))


def _macs(op: Operation, graph: Graph) -> int:
    """Multiply-accumulates of one picture; bias and activation are not counted."""
    values = math.prod(graph.tensors[op.outputs[0]].shape)
    if op.kind == "CONV_2D":  # weights: (outputs, kernel height, kernel width, inputs a group)
        return values * math.prod(graph.tensors[op.inputs[1]].shape[1:])
    if op.kind == "DEPTHWISE_CONV_2D":  # (1, kernel height, kernel width, channels)
        return values * math.prod(graph.tensors[op.inputs[1]].shape[1:3])
    if op.kind == "FULLY_CONNECTED":  # (outputs, inputs)
        return values * graph.tensors[op.inputs[1]].shape[1]
    if op.kind == "TRANSPOSE_CONV":  # inputs: output shape, weights, picture
        _, height, width, _ = graph.tensors[op.inputs[1]].shape
        return (
            math.prod(graph.tensors[op.inputs[2]].shape)
            * height
            * width
            * (graph.tensors[op.inputs[1]].shape[0])
        )
    return 0


def peak_activation_bytes(graph: Graph) -> int:
    """Most bytes of computed values that must be in memory at once.

    A tensor lives from the operation that makes it to the last that reads it; the input from the
    start, outputs to the end. An interpreter needs at least this, and more where its planner leaves
    gaps or a convolution wants scratch space.
    """
    end = len(graph.operations)
    first = dict.fromkeys(graph.inputs.values(), 0)
    last = dict.fromkeys(graph.outputs.values(), end)
    constant = {i for i, tensor in enumerate(graph.tensors) if tensor.constant_bytes}
    for place, op in enumerate(graph.operations):
        if op.kind == "DEQUANTIZE" and op.inputs[0] in constant:
            constant.update(op.outputs)  # an unpacked float16 weight
        for i in op.outputs:
            first.setdefault(i, place)
        for i in op.inputs:
            last[i] = max(last.get(i, 0), place)
    alive = np.zeros(end + 1, np.int64)
    for i in first.keys() - constant:
        alive[first[i] : last.get(i, first[i]) + 1] += graph.tensors[i].bytes
    return int(alive.max(initial=0))


def measure(call: Callable[[], object], runs: int, warmup: int) -> Latency:
    """Time a call on this computer.

    Args:
        call: What is timed.
        runs: Timed calls.
        warmup: Calls before these.
    """
    for _ in range(warmup):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return Latency(*np.percentile(times, (50, 90, 99)).tolist())


def in_turns(
    first: Callable[[], object], second: Callable[[], object], runs: int, warmup: int
) -> tuple[float, float, float]:
    """Time two calls in rounds, so that what else the computer does meets both.

    Args:
        first: What is timed.
        second: What it is compared with.
        runs: Timed calls a round.
        warmup: Calls before those.

    Returns:
        p50 of the first and of the second, ms, and how many times as long the first takes: medians
        over the rounds.
    """
    pairs = [
        (measure(first, runs, warmup).p50_ms, measure(second, runs, warmup).p50_ms)
        for _ in range(ROUNDS)
    ]
    a, b, ratio = np.median([(a, b, a / b) for a, b in pairs], axis=0).tolist()
    return a, b, ratio
