"""int8 of a PyTorch module for ExecuTorch's XNNPACK delegate: weights a channel, activations a map.

ExecuTorch's own XNNPACKQuantizer knows ReLU but not ReLU6: it rounds what a convolution gives
before ReLU6 cuts it, to a range several times as wide, and computes ReLU6 separately. Nor does it
join padding to a convolution. The delegate takes both in one operation, so they are said here.
Normalisation and upsampling stay float32: the first rounds to the picture's own 256 steps behind
it, and of the second the delegate has no other.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e import MinMaxObserver, PerChannelMinMaxObserver
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import (
    QuantizationAnnotation,
    QuantizationSpec,
    Quantizer,
)

from pocketdet.errors import ExportError

ATEN = torch.ops.aten
SMALLEST = 2**-12  # scale, as in ExecuTorch's own quantizer
ACTIVATIONS = QuantizationSpec(
    dtype=torch.int8,
    quant_min=-128,
    quant_max=127,
    qscheme=torch.per_tensor_affine,
    observer_or_fake_quant_ctr=MinMaxObserver.with_args(eps=SMALLEST),
)
WEIGHTS = QuantizationSpec(
    dtype=torch.int8,
    quant_min=-127,
    quant_max=127,
    qscheme=torch.per_channel_symmetric,
    ch_axis=0,
    observer_or_fake_quant_ctr=PerChannelMinMaxObserver.with_args(eps=SMALLEST),
)


def quantise(net: torch.nn.Module, pictures: Sequence[npt.NDArray[np.uint8]]) -> GraphModule:
    """The module with rounding put in.

    Args:
        net: Takes (1, H, W, 3) float32 RGB 0..255.
        pictures: (H, W, 3) uint8 RGB; the ranges of activations are from what they activate.

    Raises:
        ExportError: There is no picture.
    """
    if not pictures:
        raise ExportError("ExecuTorch int8: no calibration picture, expected at least one")
    inputs = [torch.from_numpy(picture.astype(np.float32))[None] for picture in pictures]
    # Two corner pixels pin the input's range to 0..255, as in `exporting.litert`.
    inputs[0][0, 0, 0], inputs[0][0, -1, -1] = 0, 255
    prepared = prepare_pt2e(torch.export.export(net, (inputs[0],)).module(), XnnpackInt8())
    with torch.no_grad():
        for picture in inputs:
            prepared(picture)
    return convert_pt2e(prepared)


class XnnpackInt8(Quantizer):  # type: ignore[misc]
    """Marks convolutions, with the padding before and the activation behind them, and sums."""

    def annotate(self, model: GraphModule) -> GraphModule:
        """Mark them, see the base class."""
        for node in model.graph.nodes:
            if node.target == ATEN.conv2d.default:
                _convolution(node)
            elif node.target == ATEN.add.Tensor and len(node.all_input_nodes) == 2:
                _mark(node, dict.fromkeys(node.all_input_nodes, ACTIVATIONS), ACTIVATIONS)
        return model

    def validate(self, model: GraphModule) -> None:
        """Nothing to check."""


def _convolution(node: Node) -> None:
    picture, weight = node.args[:2]
    inputs = {weight: WEIGHTS}
    if picture.target == ATEN.pad.default:
        _mark(picture, {picture.args[0]: ACTIVATIONS}, None)
    else:
        inputs[picture] = ACTIVATIONS
    (reader, *others) = node.users
    if reader.target in (ATEN.hardtanh.default, ATEN.relu.default) and not others:
        _mark(node, inputs, None)
        _mark(reader, {}, ACTIVATIONS)
    else:
        _mark(node, inputs, ACTIVATIONS)


def _mark(
    node: Node, inputs: dict[Node, QuantizationSpec], output: QuantizationSpec | None
) -> None:
    node.meta["quantization_annotation"] = QuantizationAnnotation(
        input_qspec_map=inputs, output_qspec=output, _annotated=True
    )
