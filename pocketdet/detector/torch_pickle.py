"""Reads a PyTorch state dict in the legacy file format with numpy alone, and runs nothing.

A pickle is a program. This reader lets it call only what a state dict needs (an ordered dict, a
tensor made of a storage) and refuses every other name, so a hostile file is an error, not code.

The file is five pickles in a row (magic number, protocol, machine, state dict, storage keys) and
then, for every key, the number of elements (int64) and the raw elements.
"""

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pocketdet.errors import WeightsError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype[Any]
    elements: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Arrays by name.

    Raises:
        WeightsError: The file is missing, cut, no state dict, or asks for anything beyond one.
    """
    try:
        with path.open("rb") as file:
            magic, protocol, _machine = (_unpickle(file) for _ in range(3))
            if magic != _MAGIC or protocol != _PROTOCOL:
                raise WeightsError(f"{path}: no PyTorch file in the legacy format")
            tensors = _unpickle(file)
            if not isinstance(tensors, dict) or not all(
                isinstance(name, str) and isinstance(tensor, _Tensor)
                for name, tensor in tensors.items()
            ):
                raise WeightsError(f"{path}: expected tensors by name, found something else")
            keys = _unpickle(file)
            raw = {key: file.read(8 + _nbytes(tensors, key)) for key in keys}
        return {name: _array(tensor, raw[tensor.storage.key]) for name, tensor in tensors.items()}
    except FileNotFoundError:
        raise WeightsError(f"{path}: weights file not found") from None
    except (
        pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError,
        AttributeError, struct.error,
    ) as error:  # fmt: skip
        raise WeightsError(f"{path}: no whole PyTorch state dict ({error})") from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no state dict needs")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, elements, _view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError(f"unknown persistent object {kind!r}")
        return _Storage(str(key), dtype, int(elements))


def _unpickle(file: IO[bytes]) -> Any:
    return _Unpickler(file).load()


def _rebuild(
    storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _nbytes(tensors: dict[str, _Tensor], key: str) -> int:
    storage = next(t.storage for t in tensors.values() if t.storage.key == key)
    return storage.elements * storage.dtype.itemsize


def _array(tensor: _Tensor, raw: bytes) -> npt.NDArray[Any]:
    storage = tensor.storage
    (elements,) = struct.unpack("<q", raw[:8])
    flat = np.frombuffer(raw[8:], dtype=storage.dtype)
    # The largest index that the strides reach must lie inside: as_strided itself does not look.
    reach = tensor.offset + sum(
        (n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True)
    )
    inside = tensor.offset >= 0 and reach < len(flat) and min(tensor.strides, default=0) >= 0
    if elements != storage.elements or elements != len(flat) or 0 in tensor.shape or not inside:
        raise WeightsError(f"storage {storage.key}: cut, or a tensor reaches beyond its end")
    view = np.lib.stride_tricks.as_strided(
        flat[tensor.offset :], tensor.shape, [s * flat.itemsize for s in tensor.strides]
    )
    return np.ascontiguousarray(view)
