import keras
import numpy as np
import pytest

from pocketdet.errors import TrainingError
from pocketdet.training.checkpoint import FILE, Checkpoint


def state(value=0.0, size=3):
    return {name: keras.Variable(np.full(size, value)) for name in ("weights/a", "average")}


def test_round_trip_with_notes(tmp_path):
    checkpoint = Checkpoint(tmp_path / "key")
    assert checkpoint.load(state()) is None
    notes = {"history": [{"loss": 0.1 + 0.2}]}
    checkpoint.save(state(1.5), notes)
    into = state()
    assert checkpoint.load(into) == notes
    assert all((v.numpy() == 1.5).all() for v in into.values())
    checkpoint.save(state(2.5), {})
    assert [f.name for f in checkpoint.folder.iterdir()] == [FILE]
    checkpoint.remove()
    assert checkpoint.load(state()) is None


def test_damage_and_other_nets_are_refused_and_change_nothing(tmp_path):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1.0), {})
    other = state(7.0, size=4)
    with pytest.raises(TrainingError, match="another net; delete it"):
        checkpoint.load(other)
    assert (other["average"].numpy() == 7).all()
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(TrainingError, match=r"damaged checkpoint .* delete it"):
        checkpoint.load(state())


def test_an_interrupted_write_leaves_the_old_state(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path)
    checkpoint.save(state(1.0), {"n": 1})
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(state(2.0), {"n": 2})
    into = state()
    assert checkpoint.load(into) == {"n": 1}
    assert (into["average"].numpy() == 1).all()
