"""Training under JAX: what TensorFlow learns, and killed and started again, the same bytes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[4]
PYTHON = os.environ.get("POCKETDET_BACKENDS", "")  # an interpreter with keras and jax
TOLERANCE = 1e-4  # of the largest value for arrays that go beyond 1
STEPS = ("0", "1", "2", "3", "val")  # frozen, frozen, with the backbone, rounded

# Nothing but a convolution lies between these and a BatchNorm, which takes their shift out: their
# gradient is rounding noise, which Adam, dividing it by its own size, turns into steps.
NOISE = re.compile(r"weights/neck_down_.*_depthwise_bn/beta|average|kept|optimiser/.*")


def steps(python: str, backend: str, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    folder.mkdir()
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(REPOSITORY)}
    script = REPOSITORY / "tests/training_steps.py"
    done = subprocess.run([python, script, folder], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {}
    for path in folder.glob("*.npz"):
        with np.load(path) as arrays:
            found[path.stem] = dict(arrays)
    return found


@pytest.fixture(scope="module")
def jax(tmp_path_factory):
    return steps(PYTHON, "jax", tmp_path_factory.mktemp("jax") / "steps")


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="make backends-test runs it in its own environment"),
]


def test_it_learns_what_tensorflow_learns(jax, tmp_path):
    expected = steps(sys.executable, "tensorflow", tmp_path / "steps")
    compared = 0
    for step in STEPS:
        assert jax[step].keys() == expected[step].keys()
        for name, array in expected[step].items():
            if not NOISE.fullmatch(name):
                limit = TOLERANCE * max(1.0, np.abs(array).max())
                error = f"{step}: {name}"
                np.testing.assert_allclose(jax[step][name], array, 0, limit, err_msg=error)
                compared += 1
    assert compared > 4 * 280


def test_what_is_compared_has_moved_by_more_than_the_tolerance(jax):
    head, backbone = "weights/head_scores/kernel", "weights/backbone_2_0_depthwise/kernel"
    assert np.abs(jax["2"][head] - jax["0"][head]).max() > 2 * TOLERANCE
    assert (jax["1"][backbone] == jax["0"][backbone]).all()  # frozen
    assert (jax["2"][backbone] != jax["1"][backbone]).any()
    assert (jax["3"][head] != jax["2"][head]).any()


def test_from_its_checkpoint_it_ends_with_the_same_bytes(jax):
    assert all((jax["resumed"][name] == jax["3"][name]).all() for name in jax["resumed"])
