import json
from pathlib import Path

import pytest
from stage_results import make

from pocketdet import appcode
from pocketdet.config import Budget
from pocketdet.delivery import bundle, packing
from pocketdet.errors import BundleError
from pocketdet.exporting.contract import Contract
from pocketdet.report import facts, verdict

BUDGET = Budget(model_mb=4.0, mmac=300, peak_mb=2.0, latency_ms=100)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "project")


def pack(root: Path) -> dict[str, bytes]:
    models = root / "models"
    found = facts.read(root / "reports", root / "subsets", models / "design", models / "point.json")
    return packing.contents(
        "street",
        found,
        verdict.judge(found, BUDGET, 0.5),
        Contract.load(models / "converted/contract.json"),
        models / "converted",
        root / "reports/verify",
        models / "trained/weights.safetensors",
    )


def test_bundle_holds_all_that_an_app_needs_and_opens(root, tmp_path) -> None:
    files = pack(root)
    assert set(files) == {
        *("README.md", "LICENSES.md", "arch.json", "params.json", "stats.json"),
        *("labels.txt", "contract.json", "weights.safetensors"),
        *(f"app/{name}" for name in appcode.TEMPLATES),
        *("fp32.tflite", "int8.tflite", "golden/golden.json", "golden/net/scores_8.bin"),
        *("detector.mlpackage/Manifest.json", "detector.mlpackage/Data/weight.bin"),
    }
    assert files["labels.txt"].decode() == "person\n<b>&Fähre\n"
    params = json.loads(files["params.json"])
    assert params["operating_point"]["score_min"] == 0.6
    assert params["preprocessing"]["input_wh"] == [96, 64]
    assert params["model"] == "int8.tflite"
    arch = json.loads(files["arch.json"])
    assert arch["net"]["backbone"] == "efficientnet_lite0"
    assert arch["layers"][0]["macs"] == 331_776
    stats = json.loads(files["stats.json"])
    assert stats["verdict"]["verdict"] == "PASS"
    assert stats["metrics"]["test"]["person_AP50"] == pytest.approx(0.5, abs=0.01)
    assert stats["subsets"]["test"]["images"] == 2
    _, archive = bundle.write(tmp_path, "street", files)
    assert bundle.open(archive).files == files


def test_same_results_give_the_same_bytes(root) -> None:
    assert pack(root) == pack(root)


def test_file_that_the_contract_names_must_be_there(root) -> None:
    (root / "models/converted/int8.tflite").unlink()
    with pytest.raises(BundleError, match=r"int8\.tflite: not found"):
        pack(root)
