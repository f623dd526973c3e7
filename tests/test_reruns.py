"""Up to date has one answer: what reruns after which edit."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import commit, run, set_params

SOURCES = ("street_coco", "street_voc", "street_kitti")


def changed(project: Path) -> set[str]:
    """Stages that DVC calls changed, without those that only follow them."""
    status = json.loads(run(project, "dvc", "status", "--json").stdout)
    return {name for name in status if not name.endswith(".dvc")}


def test_second_run_does_nothing(finished, reran):
    assert reran(finished) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("sample.images", 51, {f"sample@{source}" for source in SOURCES}),
        ("validate.policy.default.min_side_px", [5, "ignore"], {"validate"}),
        ("split.official", False, {"split"}),
        ("analyse.bins", 10, {"analyse"}),
        ("design.neck_channels", 24, {"design"}),
        ("design.candidates.inputs_wh", [], {"design"}),
        ("design.budget.mmac", 400, {"design", "package"}),
        ("augment.flip", 0.4, {"augment", "train"}),
        ("train.epochs", 3, {"train"}),
        ("evaluate.nms_iou", 0.5, {"evaluate"}),
        ("evaluate.pictures", 4, {"evaluate"}),
        ("evaluate.operating_point.target", 0.8, {"evaluate"}),
        ("convert.onnx_opset", 16, {"convert"}),
        ("verify.coreml_images", 2, {"verify"}),
        ("package.name", "other", {"package"}),
    ],
)
def test_params_key_reaches_exactly_its_stages(project, key, value, expected):
    set_params(project, {key: value})
    assert changed(project) == expected


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("pocketdet/sample/people.py", {f"sample@{source}" for source in SOURCES}),
        ("pocketdet/curation/strata.py", {"split", "analyse"}),
        ("pocketdet/detector/losses.py", {"train"}),
        ("pocketdet/report/page.py", {"package"}),
        ("tasks/profile.py", {"profile"}),
    ],
)
def test_edited_helper_reaches_exactly_its_stages(project, module, expected):
    path = project / module
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert changed(project) == expected


def test_weights_to_start_from_are_an_input(project):
    (project / "models/start/earlier.safetensors").write_bytes(b"new")
    assert changed(project) == {"train"}


def test_what_a_phone_took_reaches_the_budget_and_the_profile(project):
    (project / "measured.json").write_text("[\n]\n")
    assert changed(project) == {"design", "profile"}


def test_edit_runs_the_stage_and_what_follows(project, reran):
    set_params(project, {"profile.runs": 6})
    assert reran(project) == ["profile", "package"]
    assert json.loads((project / "reports/profile/profile.json").read_text())


def test_deleted_output_comes_back_from_the_cache(project, reran):
    before = (project / "models/trained/weights.safetensors").read_bytes()
    shutil.rmtree(project / "models/trained")
    assert reran(project) == []
    assert (project / "models/trained/weights.safetensors").read_bytes() == before


def test_edited_label_reruns_validate(project, reran):
    own = shutil.copytree(project / "data/raw/street_voc", project.parent / "photos")
    run(
        project, "pocketdet", "import", str(own), "--format", "voc", "--name", "mine",
        "--classes", "person,bicycle",
    )  # fmt: skip
    assert reran(project, "validate") == ["validate"]
    commit(project, "own data")
    label = next(iter(sorted((project / "data/raw/mine/Annotations").glob("*.xml"))))
    text = label.read_text()
    label.unlink()  # it may be a link into the cache
    label.write_text(text.replace("</annotation>", "<!-- looked at again --></annotation>"))
    assert reran(project, "validate") == ["validate"]


def test_experiment_with_another_value(project):
    run(project, "dvc", "exp", "run", "-S", "profile.runs=7", "-n", "seven")
    assert "profile.runs" in run(project, "dvc", "params", "diff").stdout
    table = run(project, "dvc", "exp", "show", "--csv").stdout
    assert "seven" in table
