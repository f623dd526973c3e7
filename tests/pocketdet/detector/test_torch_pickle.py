import io
import pickle
import struct
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from pocketdet.detector import torch_pickle
from pocketdet.errors import WeightsError

MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """Pickled as PyTorch does: by a persistent id."""

    def __init__(self, array):
        self.array = array


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides)

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (*self.parts, False, OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        float_storage = sys.modules["torch"].FloatStorage
        return ("storage", float_storage, str(id(value)), "cpu", len(value.array), None)


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Writes a state dict in the legacy format, with stand-ins for the names it refers to."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2():
        raise AssertionError("never called by the writer")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    def to_file(state, storages=()):
        stream = io.BytesIO()
        for value in (MAGIC, 1001, {"little_endian": True}, state, [str(id(s)) for s in storages]):
            Pickler(stream, 2).dump(value)
        for storage in storages:
            stream.write(struct.pack("<q", len(storage.array)) + storage.array.tobytes())
        path = tmp_path / "state.pth"
        path.write_bytes(stream.getvalue())
        return path

    return to_file


def test_tensors_come_back_with_their_strides_and_offsets(write):
    storage = Storage(np.arange(12, dtype=np.float32))
    state = OrderedDict(
        plain=Tensor(storage, 0, (3, 4), (4, 1)),
        turned=Tensor(storage, 0, (4, 3), (1, 4)),
        later=Tensor(storage, 10, (2,), (1,)),
        scalar=Tensor(storage, 5, (), ()),
    )
    arrays = torch_pickle.read_state_dict(write(state, [storage]))
    np.testing.assert_array_equal(arrays["plain"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(arrays["turned"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(arrays["later"], [10, 11])
    assert arrays["scalar"] == 5


class Evil:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("name", ["exec", "getattr", "print"])
def test_a_file_that_wants_to_call_something_is_refused_and_calls_nothing(
    write, name, tmp_path, capsys
):
    import builtins

    trap = tmp_path / "trap"
    arguments = {"exec": (f"open({str(trap)!r}, 'w')",), "getattr": ("", "join"), "print": ("x",)}
    path = write({"w": Evil(getattr(builtins, name), *arguments[name])})
    with pytest.raises(WeightsError, match=f"asks for builtins.{name}|asks for __builtin__.{name}"):
        torch_pickle.read_state_dict(path)
    assert not trap.exists()
    assert capsys.readouterr().out == ""


def test_numpy_and_other_torch_names_are_refused_too(write):
    with pytest.raises(WeightsError, match="which no state dict needs"):
        torch_pickle.read_state_dict(write({"w": np.zeros(3)}))


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (13,), (1,)), (11, (2,), (1,)), (0, (2,), (12,)), (-1, (2,), (1,)), (5, (3,), (-1,))],
)
def test_a_tensor_that_reaches_outside_its_storage_is_refused(write, offset, shape, strides):
    storage = Storage(np.arange(12, dtype=np.float32))
    path = write({"w": Tensor(storage, offset, shape, strides)}, [storage])
    with pytest.raises(WeightsError, match="reaches beyond"):
        torch_pickle.read_state_dict(path)


def test_cut_anywhere_is_an_error(write):
    storage = Storage(np.arange(12, dtype=np.float32))
    path = write({"w": Tensor(storage, 0, (12,), (1,))}, [storage])
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(WeightsError):
            torch_pickle.read_state_dict(path)


def test_other_files_are_refused(tmp_path, write):
    (tmp_path / "text").write_text("no pickle")
    with pytest.raises(WeightsError, match="no whole PyTorch state dict"):
        torch_pickle.read_state_dict(tmp_path / "text")
    with pytest.raises(WeightsError, match="not found"):
        torch_pickle.read_state_dict(tmp_path / "missing")
    with pytest.raises(WeightsError, match="expected tensors by name"):
        torch_pickle.read_state_dict(write({"w": 3}))
