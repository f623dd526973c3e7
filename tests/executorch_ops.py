"""Prints which operations ExecuTorch's XNNPACK delegate takes, each tried in a small net: JSON.

Runs in the environment of `make executorch`; operations have LiteRT's names.
"""

import json
import sys

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from torch import nn
from torch.nn import functional as F

from pocketdet.errors import ExportError
from pocketdet.exporting.executorch import check

C = 4
NETS = {
    "ABS": torch.abs,
    "ADD": lambda x: x + x,
    "ARG_MAX": lambda x: x.argmax(1),
    "AVERAGE_POOL_2D": nn.AvgPool2d(2),
    "BATCH_MATMUL": lambda x: torch.bmm(x.reshape(C, 8, 8), x.reshape(C, 8, 8)),
    "CEIL": torch.ceil,
    "CONCATENATION": lambda x: torch.cat([x, x.abs()], 1),
    "CONV_2D": nn.Conv2d(C, 2, 3),
    "COS": torch.cos,
    "DEPTHWISE_CONV_2D": nn.Conv2d(C, C, 3, groups=C),
    "DEPTH_TO_SPACE": nn.PixelShuffle(2),
    "DIV": lambda x: x / (x + x),
    "ELU": nn.ELU(),
    "EXP": torch.exp,
    "FLOOR": torch.floor,
    "FULLY_CONNECTED": nn.Linear(8, 3),
    "GATHER": lambda x: x.index_select(1, torch.tensor([1, 0])),
    "GATHER_ND": lambda x: x[0, [0, 1], [1, 2]],
    "GELU": nn.GELU(),
    "HARD_SWISH": nn.Hardswish(),
    "LEAKY_RELU": nn.LeakyReLU(),
    "LOG": torch.log,
    "LOGISTIC": torch.sigmoid,
    "MAXIMUM": lambda x: torch.maximum(x, x + x),
    "MAX_POOL_2D": nn.MaxPool2d(2),
    "MEAN": lambda x: x.mean((2, 3), keepdim=True),
    "MINIMUM": lambda x: torch.minimum(x, x + x),
    "MUL": lambda x: x * x,
    "NEG": torch.neg,
    "PAD": lambda x: F.pad(x, (0, 1, 0, 1)),
    "POW": lambda x: x**2,
    "PRELU": nn.PReLU(C),
    "RELU": nn.ReLU(),
    "RELU6": nn.ReLU6(),
    "RELU_N1_TO_1": nn.Hardtanh(),
    "RESHAPE": lambda x: x.reshape(1, C, 64),
    "RESIZE_BILINEAR": nn.Upsample(scale_factor=2, mode="bilinear"),
    "RESIZE_NEAREST_NEIGHBOR": nn.Upsample(scale_factor=2),
    "ROUND": torch.round,
    "RSQRT": torch.rsqrt,
    "SIN": torch.sin,
    "SLICE": lambda x: x[:, :, 1:4],
    "SOFTMAX": nn.Softmax(-1),
    "SPACE_TO_DEPTH": nn.PixelUnshuffle(2),
    "SPLIT": lambda x: x.split(2, 1),
    "SQRT": torch.sqrt,
    "SQUARE": torch.square,
    "SQUARED_DIFFERENCE": lambda x: (x - x.abs()) ** 2,
    "STRIDED_SLICE": lambda x: x[:, :, ::2],
    "SUB": lambda x: x - x.abs(),
    "SUM": lambda x: x.sum((2, 3), keepdim=True),
    "TANH": torch.tanh,
    "TOPK_V2": lambda x: x.topk(2)[0],
    "TRANSPOSE": lambda x: x.permute(0, 2, 3, 1),
    "TRANSPOSE_CONV": nn.ConvTranspose2d(C, 2, 2, stride=2),
    "UNPACK": lambda x: x.unbind(1),
}


class One(nn.Module):
    def __init__(self, call):
        super().__init__()
        self.call = call

    def forward(self, x):
        return self.call(x)


def taken(call) -> bool:
    """Whether all of it is delegated, and then gives what PyTorch gives."""
    net, x = One(call).eval(), torch.rand(1, C, 8, 8) + 1
    exported = torch.export.export(net, (x,))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    try:
        check(lowered.exported_program().graph_module)
    except ExportError:
        return False
    program = Runtime.get().load_program(lowered.to_executorch().buffer)
    (found,) = program.load_method("forward").execute((x,))
    return torch.allclose(found, net(x), atol=1e-4)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({kind: taken(call) for kind, call in NETS.items()}))
