"""Weights of a Keras model as a safetensors file: plain arrays by path, no code, same bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pocketdet.errors import WeightsError

if TYPE_CHECKING:
    import keras


def save(model: "keras.Model", path: Path) -> None:
    """Write all weights, BatchNorm's statistics among them."""
    from safetensors.numpy import save

    # Not `save_file`: its files can be read by their owner alone.
    path.write_bytes(save({v.path: np.ascontiguousarray(v.numpy()) for v in model.weights}))


def read(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Arrays by path.

    Raises:
        WeightsError: The file is missing or no whole safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise WeightsError(f"{path}: weights file not found") from None
    except (SafetensorError, OSError) as error:
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
