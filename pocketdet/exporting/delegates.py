"""Which operations of a net a phone's accelerators take; the others fall back to plain CPU.

Every change between delegate and CPU copies tensors and waits, so that one operation outside costs
more than its own time. TensorFlow's own check (`Analyzer(gpu_compatibility=True)`) calls NMS,
ARG_MAX and GATHER_ND compatible (tensorflow issue 77042), hence these tables. All are stated in
LiteRT's names of operations; for Core ML and ExecuTorch, which convert the same net from other
formats, they say what its counterpart there does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pocketdet.exporting.flatbuffer import Graph, Operation

FLOATS = ("float32", "float16")
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclass(frozen=True)
class Delegate:
    """An accelerator and what it takes.

    Attributes:
        name: For people.
        taken: Operations.
        source: Where the table is from.
        read: When it was read or tried.
        quantised: Whether it takes 8-bit values: "yes", "no", or "only".
        hybrid_outside: Operations that it does not take with float values and 8-bit weights.
    """

    name: str
    taken: frozenset[str]
    source: str
    read: str
    quantised: str = "yes"
    hybrid_outside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """An operation that a delegate leaves to the CPU: kind, the net's layer, and why."""

    kind: str
    layer: str
    reason: str


XNNPACK = Delegate(
    "XNNPACK",
    frozenset({
        "ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CEIL", "CONCATENATION", "CONV_2D",
        "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EXP", "FLOOR",
        "FULLY_CONNECTED", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "MAXIMUM",
        "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "PAD", "PRELU", "QUANTIZE", "RELU",
        "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "ROUND", "RSQRT", "SLICE",
        "SOFTMAX", "SPACE_TO_DEPTH", "SPLIT", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "SUM",
        "TANH", "TRANSPOSE", "TRANSPOSE_CONV"
    }),
    "each tried in a small net in ai-edge-litert 2.3.0; PRELU and RELU_N1_TO_1 by "
    "tensorflow/lite/delegates/xnnpack/README.md",
    "2026-11",
    # Seen: of a dynamic-range file every such layer is outside, 14 partitions; CONV_2D is inside.
    hybrid_outside=frozenset({"DEPTHWISE_CONV_2D"}),
)  # fmt: skip
GPU = Delegate(
    "GPU",
    frozenset({
        "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE",
        "EXP", "FULLY_CONNECTED", "LOGISTIC", "LSTM", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "MUL",
        "PAD", "PRELU", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX",
        "STRIDED_SLICE", "SUB", "TRANSPOSE_CONV"
    }),
    # It unpacks float16 and int8 weights itself, so QUANTIZE and DEQUANTIZE count as taken.
    "tensorflow/lite/g3doc/performance/gpu_advanced.md, Supported ops",
    "2026-11",
)  # fmt: skip
NNAPI = Delegate(
    "NNAPI int8",
    frozenset({
        "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE",
        "DEQUANTIZE", "FULLY_CONNECTED", "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM",
        "MUL", "PAD", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX", "SPACE_TO_DEPTH", "STRIDED_SLICE", "TRANSPOSE"
    }),
    "operations with QUANT8_ASYMM_SIGNED in android-nn-driver/NnapiSupport.txt, HAL 1.3 (Arm NN)",
    "2026-11",
    quantised="only",
)  # fmt: skip
COREML = Delegate(
    "Core ML Neural Engine",
    frozenset({
        "ABS", "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D",
        "DEPTH_TO_SPACE", "DEQUANTIZE", "QUANTIZE", "FULLY_CONNECTED", "HARD_SWISH", "LEAKY_RELU",
        "LOGISTIC", "MAXIMUM", "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "PAD", "PRELU", "RELU",
        "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SOFTMAX", "SUB", "TANH",
        "TRANSPOSE", "TRANSPOSE_CONV"
    }),
    "Apple states none; hollance/neural-engine, docs/unsupported-layers.md (found by experiment). "
    "Core ML's CPU and GPU take every operation that the converter writes",
    "2026-11",
)  # fmt: skip
EXECUTORCH = Delegate(
    "ExecuTorch XNNPACK",
    frozenset({
        "ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CEIL", "CONCATENATION", "CONV_2D", "COS",
        "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "EXP", "FLOOR",
        "FULLY_CONNECTED", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "MAXIMUM",
        "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "PAD", "POW", "PRELU", "QUANTIZE", "RELU",
        "RELU6", "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "RSQRT", "SIN", "SLICE", "SOFTMAX",
        "SPACE_TO_DEPTH", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "TANH", "TRANSPOSE",
        "TRANSPOSE_CONV"
    }),
    "each tried in a small net in executorch 1.5.1 (tests/executorch_ops.py)",
    "2026-11",
)  # fmt: skip
DELEGATES: Mapping[str, Delegate] = {d.name: d for d in (XNNPACK, GPU, NNAPI, COREML, EXECUTORCH)}
# What a design can do instead, by operation.
ADVICE = {
    "RESIZE_NEAREST_NEIGHBOR": "upsample bilinearly",
    "ARG_MAX": "take the best class in the app",
    "TOPK_V2": "select boxes in the app",
    "GATHER": "index in the app",
    "GATHER_ND": "index in the app",
    "NON_MAX_SUPPRESSION_V4": "suppress in the app, or use a file with post-processing",
    "NON_MAX_SUPPRESSION_V5": "suppress in the app, or use a file with post-processing",
    "TFLite_Detection_PostProcess": "it runs behind the net; nothing to avoid",
    "DEPTHWISE_CONV_2D": "use int8 or fp16 instead of dynamic range",
}


def asked(graph: Graph) -> list[Delegate]:
    """The delegates that a file is for: an int8 accelerator is no place for a float file."""
    computed = (graph.tensors[i] for op in graph.operations for i in op.outputs)
    quantised = any(tensor.dtype == "int8" for tensor in computed)
    return [d for d in DELEGATES.values() if quantised or d.quantised != "only"]


def refusals(graph: Graph, delegate: Delegate) -> list[Refusal]:
    """The operations that a delegate does not take, in the order of execution."""
    found = []
    for op in graph.operations:
        if reason := _reason(op, graph, delegate):
            found.append(Refusal(op.kind, graph.layer(op), reason))
    return found


def partitions(graph: Graph, delegate: Delegate) -> int:
    """Pieces that a delegate runs, each between operations outside; 0 if it runs nothing."""
    count, inside = 0, False
    for op in graph.operations:
        taken = _reason(op, graph, delegate) is None
        count += taken and not inside
        inside = taken
    return count


def outside(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    """Delegate -> (operation, layer) that it does not take."""
    return {
        delegate.name: [(refusal.kind, refusal.layer) for refusal in refusals(graph, delegate)]
        for delegate in asked(graph)
    }


def advice(found: Sequence[Refusal]) -> list[str]:
    """What a design can do about refusals, each once."""
    lines = (f"{r.kind}: {ADVICE[r.kind]}" for r in found if r.kind in ADVICE)
    return list(dict.fromkeys(lines))


def _reason(op: Operation, graph: Graph, delegate: Delegate) -> str | None:
    """Why a delegate leaves an operation out, or None."""
    if op.kind not in delegate.taken:
        return "not among its operations"
    dtypes = [graph.tensors[i].dtype for i in (*op.inputs[:1], *op.outputs[:1])]
    floats = all(dtype in FLOATS for dtype in dtypes)
    if delegate.quantised == "only" and floats:
        return "float values, it takes 8-bit ones only"
    hybrid = op.kind in WEIGHTED and graph.tensors[op.inputs[1]].dtype == "int8" and floats
    if hybrid and op.kind in delegate.hybrid_outside:
        return "float values with 8-bit weights"
    return None
