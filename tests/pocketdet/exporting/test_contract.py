import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import BundleError
from pocketdet.exporting.contract import Contract, Tensor, Variant, coding_of
from pocketdet.preprocess import Preprocessing


@pytest.fixture
def contract(tiny_spec: NetSpec) -> Contract:
    variant = Variant(
        name="int8",
        file="int8.tflite",
        runtime="LiteRT",
        inputs=(Tensor("image", (1, 64, 96, 3), "uint8"),),
        outputs=(Tensor("scores_8", (1, 8, 12, 4), "float32"),),
        postprocessing="app",
    )
    point = OperatingPoint(score_min=0.3, nms_iou=0.6, max_detections=100)
    return Contract(
        tiny_spec,
        Preprocessing(tiny_spec.input_wh, "stretch"),
        point,
        (variant,),
        coding_of(tiny_spec),
    )


def test_comes_back_as_it_was_saved(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    contract.save(path)
    first = path.read_bytes()
    again = Contract.load(path)
    assert again == contract
    again.save(path)
    assert path.read_bytes() == first


def test_says_how_boxes_are_coded(contract: Contract, tmp_path: Path) -> None:
    contract.save(tmp_path / "contract.json")
    raw = json.loads((tmp_path / "contract.json").read_text())
    assert raw["box_coding"]["centre_variance"] == 0.1
    assert "sigmoid" in raw["box_coding"]["rule"]
    assert raw["preprocessing"]["mean"] == 127.0


def test_an_anchor_free_net_has_its_own_coding(contract: Contract, tmp_path: Path) -> None:
    cells = tuple(replace(level, anchors_wh=()) for level in contract.net.levels)
    free = replace(contract.net, head="anchor_free", levels=cells)
    replace(contract, net=free, box_coding=coding_of(free)).save(tmp_path / "contract.json")
    raw = json.loads((tmp_path / "contract.json").read_text())
    assert raw["box_coding"]["bins"] == 16
    assert Contract.load(tmp_path / "contract.json").box_coding == coding_of(free)
    raw["net"]["head"] = "ssdlite"
    (tmp_path / "contract.json").write_text(json.dumps(raw))
    with pytest.raises(BundleError) as refusal:
        Contract.load(tmp_path / "contract.json")
    assert "0 anchors of stride 8 with an ssdlite head" in str(refusal.value)
    assert "box_coding" in str(refusal.value)


def test_an_unknown_variant_lists_the_known(contract: Contract) -> None:
    assert contract.variant("int8").file == "int8.tflite"
    with pytest.raises(BundleError, match="no variant 'int4' in this contract; it has int8"):
        contract.variant("int4")


def change(*keys: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(raw: dict[str, Any]) -> None:
        place: Any = raw
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("schema", to=2), "schema 2, expected 1"),
        (change("net", "input_wh", to=[96, 10**6]), "expected 1 to 4096 px"),
        (change("net", "input_wh", to=[96]), "net.input_wh"),
        (change("net", "classes", to=[]), "net.classes"),
        (change("net", "classes", to=["person", "person"]), "net.classes"),
        (change("net", "levels", to=[]), "net.levels"),
        (change("net", "levels", 0, "stride", to=0), "stride 0"),
        (change("net", "levels", 0, "stride", to=7), "stride 7 does not divide"),
        (change("net", "levels", 0, "anchors_wh", to=[[0, 3]]), "positive numbers"),
        (change("net", "levels", 0, "anchors_wh", to=[[1e999, 3]]), "positive numbers"),
        (change("net", "levels", 0, "anchors_wh", to=[[1, 1]] * 10**6), "bytes, expected at most"),
        (change("preprocessing", "input_wh", to=[64, 64]), "not preprocessing.input_wh"),
        (change("preprocessing", "resize", to="crop"), "preprocessing.resize"),
        (change("operating_point", "score_min", to="0.3"), "operating_point.score_min"),
        (change("operating_point", "nms_iou", to=1.5), "operating_point.nms_iou 1.5"),
        (change("operating_point", "max_detections", to=0), "max_detections 0"),
        (change("operating_point", "class_score_min", to=[0.5]), "class_score_min"),
        (change("operating_point", "class_score_min", to=[0.5, float("nan")]), "class_score_min"),
        (change("operating_point", "class_score_min", to=[0.5, 0.1]), "class_score_min (0.5, 0.1)"),
        (change("box_coding", "centre_variance", to=0.2), "box_coding"),
        (change("variants", to=[]), "variants"),
        (change("variants", 0, "file", to="../int8.tflite"), "no plain file name"),
        (change("variants", 0, "file", to="C:int8.tflite"), "no plain file name"),
        (change("variants", 0, "runtime", to=2), "variants.0.runtime"),
    ],
)
def test_a_damaged_one_is_refused(
    contract: Contract, tmp_path: Path, damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    path = tmp_path / "contract.json"
    contract.save(path)
    raw = json.loads(path.read_text())
    damage(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(BundleError, match=r"contract\.json") as refusal:
        Contract.load(path)
    assert message in str(refusal.value)


def test_too_many_scores_are_refused(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    contract.save(path)
    raw = json.loads(path.read_text())
    raw["net"]["input_wh"] = raw["preprocessing"]["input_wh"] = [4096, 4096]
    raw["net"]["levels"] = [{"stride": 1, "anchors_wh": [[1, 1]]}] * 3
    path.write_text(json.dumps(raw))
    with pytest.raises(BundleError, match="100,663,296 scores a picture"):
        Contract.load(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"null"])
def test_what_is_no_contract_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "contract.json").write_bytes(content)
    with pytest.raises(BundleError, match="not a contract"):
        Contract.load(tmp_path / "contract.json")


def test_a_missing_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        Contract.load(tmp_path / "contract.json")
