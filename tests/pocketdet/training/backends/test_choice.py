import keras
import pytest

from pocketdet.errors import TrainingError
from pocketdet.training import backends


def test_a_backend_that_training_does_not_know_is_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(TrainingError, match=r"KERAS_BACKEND=torch: .* tensorflow or jax"):
        backends.check()
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(TrainingError, match=r"keras.json\); training runs on tensorflow or jax"):
        backends.current()


def test_one_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"jax is not installed .* unset KERAS_BACKEND"):
        backends.check()


def test_without_the_variable_it_is_tensorflow(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    backends.check()
    assert backends.current().__name__ == "pocketdet.training.backends.tensorflow"
