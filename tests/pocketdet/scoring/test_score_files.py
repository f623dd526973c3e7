import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pocketdet import cli
from pocketdet.errors import DatasetError
from pocketdet.scoring import score_files

ORACLES = Path(__file__).resolve().parents[4] / "shared" / "oracles"
needs_oracle = pytest.mark.skipif(not ORACLES.is_dir(), reason="no shared/oracles beside the clone")
LABEL = "1 1 1 1 1 1 1"


@needs_oracle
def test_coco_files_give_the_reference_numbers() -> None:
    folder = ORACLES / "coco"
    report = score_files.score("coco", folder / "ground_truth.json", folder / "detections.json")
    expected = json.loads((folder / "expected.json").read_text())
    assert report.overall == pytest.approx(expected, abs=1e-9)
    assert (report.images, report.objects, report.detections) == (100, 830, 734)
    assert len(report.per_class) == 80


@needs_oracle
@pytest.mark.parametrize(("protocol", "rule"), [("voc07", "eleven_point"), ("voc10", "all_point")])
def test_voc_files_give_the_reference_numbers(protocol, rule) -> None:
    folder = ORACLES / "voc"
    report = score_files.score(protocol, folder / "ground_truth", folder / "detections")
    expected = json.loads((folder / "expected.json").read_text())[rule]["0.5"]
    assert report.overall == {"AP50": pytest.approx(expected, abs=1e-9)}


@needs_oracle
def test_kitti_files_give_the_reference_numbers() -> None:
    folder = ORACLES / "kitti"
    report = score_files.score("kitti", folder / "label_2", folder / "detections")
    expected = json.loads((folder / "expected.json").read_text())
    for name, levels in expected.items():
        for level, wanted in levels.items():
            curve = report.curves[name.capitalize()][level]
            assert curve == pytest.approx(wanted["precision_41"], abs=1e-6)
            ap40 = report.per_class[name.capitalize()][f"AP40_{level}"]
            assert 100 * ap40 == pytest.approx(wanted["ap40"], abs=1e-4)


@pytest.fixture
def voc(tmp_path):
    """Folders with picture a: its ground truth and its detections."""

    def write(truth: str, found: str) -> tuple[Path, Path]:
        for name, text in (("truth", truth), ("found", found)):
            (tmp_path / name).mkdir()
            (tmp_path / name / "a.txt").write_text(text)
        return tmp_path / "truth", tmp_path / "found"

    return write


def test_absent_class_and_empty_files_are_undefined_or_zero_and_say_so(voc) -> None:
    report = score_files.score("voc10", *voc("dog 1 2 3 4", ""), ["cat"])
    assert report.per_class == {"cat": {"AP50": None}, "dog": {"AP50": 0}}
    assert report.undefined == {"cat AP50": "no object in the ground truth"}
    assert report.overall == {"AP50": 0}
    assert report.notes == ["there is no detection"]


def test_empty_ground_truth_is_undefined_and_says_so(voc) -> None:
    report = score_files.score("voc07", *voc("", "cat 0.5 1 2 3 4"), ["cat"])
    assert report.overall == {"AP50": None}
    assert report.undefined["AP50"] == "no object in the ground truth"
    assert report.notes == ["no object counts in the ground truth: there is nothing to score"]


def test_ground_truth_without_any_class_has_no_number_at_all_and_says_so(voc) -> None:
    report = score_files.score("voc07", *voc("", ""))
    assert report.overall == {"AP50": None}
    assert report.per_class == {}


def test_coco_boxes_without_area_and_ignore_flags_are_noted(tmp_path) -> None:
    row = {"image_id": 1, "category_id": 1}
    boxes = [
        {**row, "bbox": [1, 1, 0, 5]},
        {**row, "bbox": [1, 1, 9, 9], "ignore": 1},
        {**row, "bbox": [1, 1, 9, 9], "iscrowd": 1},
    ]
    truth = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], "annotations": boxes}
    found = [{**row, "bbox": [2, 2, 5, 0], "score": 0.4}, {**row, "bbox": [1, 1, 9, 9], "score": 1}]
    (tmp_path / "t.json").write_text(json.dumps(truth))
    (tmp_path / "d.json").write_text(json.dumps(found))
    report = score_files.score("coco", tmp_path / "t.json", tmp_path / "d.json")
    assert report.objects == 2
    assert report.overall["AP50"] == pytest.approx(51 / 101)
    assert report.undefined["AP_large"] == "no large object in the ground truth"
    assert report.notes == [
        "1 objects without area count, and cannot be found",
        "1 detections without area are false alarms",
        "1 objects are marked ignore, which COCO's protocol does not know: they count",
    ]


def test_kitti_says_what_it_does_not_score_and_how_few_objects_there_are(tmp_path) -> None:
    for folder in ("label_2", "found"):
        (tmp_path / folder).mkdir()
    (tmp_path / "label_2/0.txt").write_text(f"Car 0 0 0 0 0 50 50 {LABEL}")
    line = f"0 0 0 0 0 50 50 {LABEL} 0.9"
    (tmp_path / "found/0.txt").write_text(f"Car {line}\nTram {line}")
    report = score_files.score("kitti", tmp_path, tmp_path / "found")
    assert report.per_class["Cyclist"]["AP40_hard"] is None
    assert report.undefined["Cyclist AP40_hard"] == "no object in the ground truth"
    assert "1 detections are of classes that KITTI does not score" in report.notes[0]
    assert "Car easy (1), Car moderate (1), Car hard (1)" in report.notes[1]


def test_report_is_written_whole_and_the_same_each_time(voc, tmp_path) -> None:
    report = score_files.score("voc10", *voc("dog 1 2 3 4", "dog 0.5 1 2 3 4"))
    out = tmp_path / "new" / "out.json"
    report.save(out)
    first = out.read_bytes()
    report.save(out)
    assert out.read_bytes() == first
    assert json.loads(first)["overall"] == {"AP50": 1}
    assert [path.name for path in out.parent.iterdir()] == ["out.json"]


def run(*arguments: object):
    return CliRunner().invoke(cli.app, ["score", *map(str, arguments)])


def test_command_prints_tables_and_writes_json(voc, tmp_path) -> None:
    truth, found = voc("dog 1 2 3 4\n[red] 9 9 9 9", "dog 0.5 1 2 3 4")
    out = tmp_path / "out.json"
    done = run(
        "--protocol", "voc10", "--ground-truth", truth, "--detections", found,
        "--json", out, "--classes", "cat, cow",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 pictures, 2 objects, 1 detections" in done.output
    assert "[red]" in done.output, "a class name is no markup"
    assert "–: no object in the ground truth" in done.output
    assert done.output.split()[-1].endswith("out.json")
    assert json.loads(out.read_text())["overall"]["AP50"] == 0.5


def test_command_refuses_bad_files_and_bad_usage(voc) -> None:
    truth, found = voc("dog 1 2 3 4", "cow 0.5 1 2 3 4")
    done = run("--protocol", "voc10", "--ground-truth", truth, "--detections", found)
    assert isinstance(done.exception, DatasetError)  # `main` prints it and exits with 1
    bad = run(
        "--protocol", "coco", "--ground-truth", truth, "--detections", found, "--classes", "a"
    )  # fmt: skip
    assert bad.exit_code == 2
    assert "for VOC only" in bad.output
    assert run("--protocol", "pascal").exit_code == 2
