"""The ExecuTorch files against the net, in their own environment: make executorch-test."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.exporting.delegates import EXECUTORCH
from pocketdet.runtimes import Runtime

REPOSITORY = Path(__file__).resolve().parents[3]
PYTHON = os.environ.get("POCKETDET_EXECUTORCH", "")  # an interpreter with executorch
NAMES = ["executorch_fp32", "executorch_int8"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="make executorch-test runs it in its own environment"),
]


def run(script: str, *arguments: Path) -> str:
    done = subprocess.run(
        [PYTHON, REPOSITORY / "tests" / script, *arguments],
        env={**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def made(tiny_trained: Path) -> Path:
    out = tiny_trained / "executorch"
    run("executorch_files.py", tiny_trained, out)
    return out


@pytest.fixture(scope="module")
def facts(made: Path) -> dict[str, Any]:
    return dict(json.loads((made / "facts.json").read_text()))


@pytest.mark.parametrize(
    ("name", "tolerance"), [("executorch_fp32", 1e-4), ("executorch_int8", 0.2)]
)
def test_outputs_are_the_nets(
    made: Path,
    tiny_net: Runtime,
    tiny_pictures: list[npt.NDArray[np.uint8]],
    name: str,
    tolerance: float,
) -> None:
    with np.load(made / "outputs.npz") as found:
        for number, picture in enumerate(tiny_pictures):
            for key, value in tiny_net.raw(picture).items():
                limit = tolerance * max(1.0, np.abs(value).max())
                got = found[f"{name}/{number}/{key}"]
                np.testing.assert_allclose(got, value, rtol=0, atol=limit, err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_one_delegate_and_the_same_bytes_again(facts: dict[str, Any], name: str) -> None:
    found = facts[name]
    assert (found["same bytes"], found["partitions"]) == (True, 1)
    assert found["inputs"] == [["image", [1, 64, 96, 3], "float32"]]
    assert found["outputs"][:2] == ["scores_8", "scores_16"]


def test_a_backbone_with_relu_is_one_delegate_too(facts: dict[str, Any]) -> None:
    for precision, tolerance in (("fp32", 1e-4), ("int8", 0.3)):
        partitions, difference = facts["relu"][precision]
        assert partitions == 1
        assert difference < tolerance


def test_golden_vectors_run(facts: dict[str, Any]) -> None:
    assert facts["golden"] == dict.fromkeys(["net", *NAMES], "ok")
    assert facts["boxes"] > 0


def test_refusals_name_file_operation_and_layer(facts: dict[str, Any]) -> None:
    found = facts["refusals"]
    assert "broken.pte: ExecuTorch cannot load it" in found["broken"]
    assert "detector_fp32.pte: not a file of this net" in found["other"]
    assert "aten.elu.default, made by layer backbone_stem_relu6, stays" in found["outside"]
    assert "Enlarge, made by layer neck_enlarge_16, is not known here" in found["unknown"]
    assert found["left"] == []


def test_the_table_of_operations_is_the_delegates_own() -> None:
    tried = json.loads(run("executorch_ops.py").splitlines()[-1])
    # Rounding to 8 bits belongs to other operations; the int8 file above holds it.
    expected = EXECUTORCH.taken - {"QUANTIZE", "DEQUANTIZE"}
    assert {kind for kind, taken in tried.items() if taken} == expected
