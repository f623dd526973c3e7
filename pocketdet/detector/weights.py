"""Weights of a Keras model as a safetensors file: plain arrays by path, no code, same bytes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import WeightsError, broken_rules

if TYPE_CHECKING:
    import keras

NET = "net"  # key of the file's metadata


def save(model: "keras.Model", path: Path, spec: NetSpec) -> None:
    """Write all weights, BatchNorm's statistics among them, and which net they are of.

    So a later net of other classes finds the rows of those that it shares (`pretrained`), and the
    file is enough to teach another net (`teacher`).
    """
    from safetensors.numpy import save

    # Not `save_file`: its files can be read by their owner alone.
    arrays = {v.path: np.ascontiguousarray(v.numpy()) for v in model.weights}
    text = json.dumps(asdict(spec), sort_keys=True, ensure_ascii=False)
    path.write_bytes(save(arrays, {NET: text}))


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


def net_of(path: Path) -> NetSpec | None:
    """The net that `save` was told, or None where something else wrote the file.

    Raises:
        WeightsError: As `read`, or what the file says of its net is none.
    """
    from pydantic import TypeAdapter, ValidationError
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get(NET)
        return None if text is None else TypeAdapter(NetSpec).validate_json(text)
    except FileNotFoundError:
        raise WeightsError(f"{path}: weights file not found") from None
    except ValidationError as error:
        rules = "; ".join(broken_rules(error))
        raise WeightsError(f"{path}: its metadata describe no net of ours: {rules}") from None
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
