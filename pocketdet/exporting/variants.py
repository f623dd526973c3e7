"""The one table of the files that a net can be converted into.

A new variant is an entry here, and a name in params.yaml. For a new runtime its writer is a module
in this package, and its opener an entry in `pocketdet.runtimes.opening`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pocketdet.errors import ParamsError
from pocketdet.exporting import coreml, executorch, litert, onnx
from pocketdet.exporting.contract import Variant
from pocketdet.exporting.served import Trained


@dataclass(frozen=True)
class Recipe:
    """How one variant is made.

    Attributes:
        file: Name of its file or folder in the bundle.
        write: Writes it: path, trained net.
        describe: The contract's entry, read from what was written: variant, path, trained net.
        gated: Whether params must limit how much AP it may lose. Not so where AP can only be
            measured on another system.
    """

    file: str
    write: Callable[[Path, Trained], None]
    describe: Callable[[str, Path, Trained], Variant]
    gated: bool = True


def _litert(
    file: str, precision: litert.Precision, suppress: bool = False, float_input: bool = False
) -> Recipe:
    write = partial(litert.write, precision=precision, suppress=suppress, float_input=float_input)
    return Recipe(file, write, litert.describe)


def _coreml(file: str, weights: coreml.Weights) -> Recipe:
    return Recipe(file, partial(coreml.write, weights=weights), coreml.describe, gated=False)


RECIPES: Mapping[str, Recipe] = {
    "fp32": _litert("fp32.tflite", "fp32"),
    "fp16": _litert("fp16.tflite", "fp16"),
    "dynamic": _litert("dynamic.tflite", "dynamic"),
    "int8": _litert("int8.tflite", "int8"),
    "int8_float": _litert("int8_float.tflite", "int8", float_input=True),
    "fp32_nms": _litert("fp32_nms.tflite", "fp32", suppress=True),
    "fp16_nms": _litert("fp16_nms.tflite", "fp16", suppress=True),
    "dynamic_nms": _litert("dynamic_nms.tflite", "dynamic", suppress=True),
    "int8_nms": _litert("int8_nms.tflite", "int8", suppress=True),
    "int8_float_nms": _litert("int8_float_nms.tflite", "int8", suppress=True, float_input=True),
    "onnx": Recipe("detector.onnx", onnx.write, onnx.describe),
    "coreml": _coreml("detector.mlpackage", "float16"),
    "coreml_int8": _coreml("detector_int8.mlpackage", "int8"),
    "coreml_palette6": _coreml("detector_palette6.mlpackage", "palette6"),
}
# By no stage: `make executorch` has an environment of its own, as PyTorch takes so much room.
APART = {name: f"detector_{precision}.pte" for name, precision in executorch.PRECISIONS.items()}


def chosen(names: Sequence[str]) -> dict[str, Recipe]:
    """The recipes of these variants, in the order of the names.

    Raises:
        ParamsError: A name is unknown, or no stage makes it.
    """
    _known(names, "convert.variants")
    if apart := sorted(set(names) & set(APART)):
        raise ParamsError(
            f"params.yaml: convert.variants: {', '.join(apart)}: no stage makes it, but make "
            "executorch, after make run; take it out"
        )
    return {name: RECIPES[name] for name in names}


def limits(names: Sequence[str], max_ap_drop: Mapping[str, float]) -> dict[str, float]:
    """How much AP each of these variants may lose.

    Args:
        names: `convert.variants`.
        max_ap_drop: `verify.max_ap_drop`; entries of other variants rest unused.

    Raises:
        ParamsError: A name is unknown, or a variant that needs a limit has none.
    """
    _known(names, "convert.variants")
    _known(max_ap_drop, "verify.max_ap_drop")
    for name in names:
        if (name in APART or RECIPES[name].gated) and name not in max_ap_drop:
            raise ParamsError(
                f"params.yaml: verify.max_ap_drop has no limit for {name}, which convert.variants "
                f"asks for; add {name}: POINTS, or take it out of convert.variants"
            )
    return {name: max_ap_drop[name] for name in names if name in max_ap_drop}


def _known(names: Sequence[str] | Mapping[str, float], key: str) -> None:
    for name in names:
        if name not in RECIPES and name not in APART:
            raise ParamsError(f"params.yaml: {key}: {name!r} is none of {', '.join(RECIPES)}")
