from pathlib import Path

import pytest
import yaml

from pocketdet.errors import ParamsError
from tasks import params

FILE = Path(__file__).resolve().parents[2] / "params.yaml"


PHASE = {"name": "a", "epochs": 1, "frozen": [], "rate": 1.0, "factors": {}, "quantise": False}
MAIN = PHASE | {"name": "main", "epochs": "rest"}


def changed(tmp_path: Path, dotted: str, value: object) -> Path:
    raw = yaml.safe_load(FILE.read_text())
    *sections, key = dotted.split(".")
    section = raw
    for name in sections:
        section = section[name]
    section[key] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def test_shipped_params_are_valid():
    assert params.load(FILE).design.budget.mmac > 0


def test_every_key_of_params_states_what_it_is():
    for line in FILE.read_text().splitlines():
        key_and_value = line.split(": ", 1)
        if line.startswith("  ") and len(key_and_value) == 2 and not line.startswith("    "):
            assert "#" in line, f"no unit or meaning beside: {line}"


@pytest.mark.parametrize(
    ("dotted", "value", "said"),
    [
        ("train.epoch", 3, ["train.epoch", "3", "unknown key", "epochs"]),
        ("design.budget.mmacs", 3, ["design.budget.mmacs", "unknown key", "mmac"]),
        ("train.epochs", "three", ["train.epochs", "'three'", "integer"]),
        ("train.epochs", 2.5, ["train.epochs", "2.5"]),
        ("train.batch", 0, ["train.batch", "0", "greater than or equal to 1"]),
        ("train.ema", 1.0, ["train.ema", "1.0", "less than 1"]),
        ("design.backbone", "resnet", ["design.backbone", "'resnet'", "efficientnet_lite0"]),
        ("design.input_wh", [200, 160], ["design.input_wh.0", "200", "multiple of 32"]),
        ("design.width", 0.5, ["design", "efficientnet_lite0 comes in (1.0,), found 0.5"]),
        ("design.candidates.inputs_wh", [[32, 20]], ["candidates.inputs_wh.0.1", "20"]),
        ("design.candidates.backbones", [["mobilenet_v2", 2, "none"]], ["backbones.0", "found 2"]),
        ("design.truncate_after", "5_0", ["design", "'5_0' is neither none nor", "backbone_5_3"]),
        ("design.truncate_after", "backbone_4_2", ["strides: 32", "ends at 16", "cut later"]),
        (
            "design.candidates.backbones",
            [["efficientnet_lite2", 1.0, "backbone_2_0"]],
            ["strides: 32", "efficientnet_lite2", "ends at 8"],
        ),
        ("split.train", 0.9, ["split", "must be 1"]),
        ("validate.mapping", {"dog": "cat"}, ["mapping.dog", "'cat'", "person"]),
        ("convert.variants", ["fp32"], ["convert", "int8 must be among them"]),
        ("seed", 2**32, ["seed", "less than 4294967296"]),
        ("design.input_wh", [4128, 160], ["design.input_wh.0", "4128", "equal to 4096"]),
        ("train.learning_rate", float("inf"), ["train.learning_rate", "inf"]),
        ("train.learning_rate", float("nan"), ["train.learning_rate", "nan"]),
        ("train.learning_rate", 1.5, ["train.learning_rate", "1.5", "equal to 1"]),
        ("train.weight_decay", float("inf"), ["train.weight_decay", "finite"]),
        ("train.batch", 1025, ["train.batch", "1025", "equal to 1024"]),
        ("train.phases", [], ["train", "exactly one of them must have the rest"]),
        ("train.phases", [MAIN, PHASE | {"epochs": 99}], ["train", "phases: 99 of 16 epochs"]),
        ("train.phases", [MAIN, PHASE | {"name": "main"}], ["train", "each name once"]),
        ("train.phases", [MAIN | {"frozen": ["("]}], ["train.phases.0.frozen.0", "expression"]),
        ("train.phases", [PHASE | {"quantise": True}, MAIN], ["train", "quantise must come last"]),
        ("train.class_weights", {"dog": 2.0}, ["train.class_weights.dog", "person, bicycle"]),
        ("train.class_weights", {"person": 0}, ["train.class_weights", "person", "greater than 0"]),
        ("train.class_weights", "even", ["train.class_weights", "'even'", "'balanced'"]),
        ("train.label_smoothing", 1.0, ["train.label_smoothing", "1.0", "less than 1"]),
        ("train.distill.teacher", "../x.safetensors", ["distill.teacher", "none, or the name"]),
        ("evaluate.slices", {"a": "heigth > 3"}, ["evaluate.slices: a", "did you mean height"]),
        ("evaluate.operating_point.nms_iou", [0.5, 0.5], ["nms_iou: [0.5, 0.5]", "once"]),
        ("evaluate.operating_point.max_detections", [9, 9], ["max_detections: [9, 9]", "once"]),
        ("package.name", "../x", ["package.name", "'../x'", "pattern"]),
    ],
)
def test_wrong_value_names_file_key_value_and_rule(tmp_path, dotted, value, said):
    path = changed(tmp_path, dotted, value)
    with pytest.raises(ParamsError) as error:
        params.load(path)
    for words in [str(path), *said]:
        assert words in str(error.value)


def test_all_mistakes_are_listed_at_once(tmp_path):
    path = changed(tmp_path, "train.batch", -1)
    path.write_text(path.read_text() + "typo: 1\n")
    with pytest.raises(ParamsError, match="2 wrong") as error:
        params.load(path)
    assert "train.batch" in str(error.value)
    assert "typo" in str(error.value)


@pytest.mark.parametrize("text", [b"- a list", b"train: [", b"", b"seed: \xff", b"a: 2026-99-99"])
def test_no_mapping_is_refused(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(ParamsError, match=r"params\.yaml"):
        params.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(ParamsError, match="not found"):
        params.load(tmp_path / "params.yaml")
