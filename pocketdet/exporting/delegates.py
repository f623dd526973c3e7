"""Which operations of a .tflite file a phone's delegates take; the others fall back to plain CPU.

Every change between delegate and CPU copies tensors and waits, so that one operation outside costs
more than its own time. TensorFlow's own check (`Analyzer(gpu_compatibility=True)`) calls NMS,
ARG_MAX and GATHER_ND compatible (tensorflow issue 77042), hence these tables.
"""

from collections.abc import Mapping

from pocketdet.exporting.flatbuffer import Graph

# Seen: a small float32 net around each operation stays one partition in ai-edge-litert 2.3.0, and
# those left out (RESIZE_NEAREST_NEIGHBOR, TILE, STRIDED_SLICE, PACK, CAST, ARG_MAX, GATHER, ...)
# split it in two. PRELU and RELU_N1_TO_1 by tensorflow/lite/delegates/xnnpack/README.md.
XNNPACK = frozenset({
    "ABS", "ADD", "AVERAGE_POOL_2D", "BATCH_MATMUL", "CEIL", "CONCATENATION", "CONV_2D",
    "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE", "DIV", "ELU", "EXP", "FLOOR",
    "FULLY_CONNECTED", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "MAXIMUM",
    "MAX_POOL_2D", "MEAN", "MINIMUM", "MUL", "NEG", "PAD", "PRELU", "QUANTIZE", "RELU", "RELU6",
    "RELU_N1_TO_1", "RESHAPE", "RESIZE_BILINEAR", "ROUND", "RSQRT", "SLICE", "SOFTMAX",
    "SPACE_TO_DEPTH", "SPLIT", "SQRT", "SQUARE", "SQUARED_DIFFERENCE", "SUB", "SUM", "TANH",
    "TRANSPOSE", "TRANSPOSE_CONV"
})  # fmt: skip
# tensorflow/lite/g3doc/performance/gpu_advanced.md, "Supported ops". The delegate unpacks
# float16 and int8 weights itself, so QUANTIZE and DEQUANTIZE count as taken.
GPU = frozenset({
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEQUANTIZE",
    "EXP", "FULLY_CONNECTED", "LOGISTIC", "LSTM", "MAX_POOL_2D", "MAXIMUM", "MINIMUM", "MUL",
    "PAD", "PRELU", "QUANTIZE", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX",
    "STRIDED_SLICE", "SUB", "TRANSPOSE_CONV"
})  # fmt: skip
DELEGATES: Mapping[str, frozenset[str]] = {"XNNPACK": XNNPACK, "GPU": GPU}


def outside(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    """Delegate -> operations that it does not take, each with its layer, in the graph's order."""
    return {
        name: [(op.kind, graph.layer(op)) for op in graph.operations if op.kind not in taken]
        for name, taken in DELEGATES.items()
    }
