"""The same net, loss and step of learning under TensorFlow, JAX and PyTorch."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON = os.environ.get("POCKETDET_BACKENDS", "")  # an interpreter with keras, jax and torch
TOLERANCE = 1e-4  # absolute; of the largest value for arrays that go beyond 1


def step(python: str, backend: str, head: str, path: Path) -> dict[str, np.ndarray]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY)}
    script = REPOSITORY / "tests/one_step.py"
    done = subprocess.run(
        [python, script, head, path], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="make backends-test runs it in its own environment")
@pytest.mark.parametrize("head", ["ssdlite", "anchor_free"])
def test_every_backend_gives_the_same_step(tmp_path, head):
    expected = step(sys.executable, "tensorflow", head, tmp_path / "tensorflow.npz")
    assert {"loss/total", "outputs/boxes_8"} < set(expected)
    assert sum(name.startswith("weights/") for name in expected) > 100
    for backend in ("jax", "torch"):
        found = step(PYTHON, backend, head, tmp_path / f"{backend}.npz")
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            limit = TOLERANCE * max(1.0, np.abs(array).max())
            np.testing.assert_allclose(found[name], array, rtol=0, atol=limit, err_msg=name)
