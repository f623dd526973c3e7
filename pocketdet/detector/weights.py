"""Weights of a Keras model as a safetensors file: plain arrays by path, no code, same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pocketdet.errors import WeightsError

if TYPE_CHECKING:
    import keras

CLASSES = "classes"  # key of the file's metadata


def save(model: "keras.Model", path: Path, classes: Sequence[str]) -> None:
    """Write all weights, BatchNorm's statistics among them, and the classes of the scores.

    A later net of other classes finds the rows of those that it shares; see `pretrained`.
    """
    from safetensors.numpy import save

    # Not `save_file`: its files can be read by their owner alone.
    arrays = {v.path: np.ascontiguousarray(v.numpy()) for v in model.weights}
    path.write_bytes(save(arrays, {CLASSES: json.dumps(list(classes), ensure_ascii=False)}))


def read(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Arrays by path.

    Raises:
        WeightsError: The file is missing, no whole safetensors file, or holds NaN or infinity.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = dict(load_file(path))
    except FileNotFoundError:
        raise WeightsError(f"{path}: weights file not found") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: no whole safetensors file ({error})") from error
    for name, array in sorted(arrays.items()):
        if not np.isfinite(array).all():
            raise WeightsError(f"{path}: {name}: holds NaN or infinity; take other weights")
    return arrays


def classes(path: Path) -> tuple[str, ...]:
    """The classes that `save` was told, in the order of their numbers; none if it was not.

    Raises:
        WeightsError: As `read`.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return tuple(map(str, json.loads((file.metadata() or {}).get(CLASSES, "[]"))))
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: no whole safetensors file ({error})") from error


def load(model: "keras.Model", path: Path) -> None:
    """Put the weights of a file into a model.

    Raises:
        WeightsError: The file cannot be read, or its names or shapes are not the model's; nothing
            has been changed then.
    """
    arrays = read(path)
    expected = {v.path: tuple(v.shape) for v in model.weights}
    found = {name: array.shape for name, array in arrays.items()}
    problems = [f"{name}: missing" for name in sorted(expected.keys() - found.keys())]
    problems += [f"{name}: not in this net" for name in sorted(found.keys() - expected.keys())]
    problems += [
        f"{name}: expected shape {shape}, found {found[name]}"
        for name, shape in sorted(expected.items())
        if found.get(name, shape) != shape
    ]
    if problems:
        raise WeightsError(
            f"{path}: weights of another net, {len(problems)} differences, first "
            + "; ".join(problems[:3])
        )
    for variable in model.weights:
        variable.assign(arrays[variable.path])
