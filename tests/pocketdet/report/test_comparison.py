import csv
import json
import shutil
from pathlib import Path

import pytest
from stage_results import make

from pocketdet.errors import DatasetError, PocketdetError
from pocketdet.report import comparison, paired
from pocketdet.scoring.bootstrap import Plan

PLAN = Plan(100, 0.95, 0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and the same with its only hit lost; made-up results have models beside reports."""
    old = make(tmp_path_factory.mktemp("runs") / "old")
    new = shutil.copytree(old, old.parent / "new")
    path = new / "reports/evaluate/detections_test.json"
    rows = [row for row in json.loads(path.read_text()) if row["score"] < 0.5]
    path.write_text(json.dumps(rows))
    for run, value in ((old, 1), (new, 2)):
        (run / "params.yaml").write_text(f"train: {{epochs: {value}, batch: 8}}\n")
    return old, new


def read(*folders: Path) -> list[paired.Run]:
    return [paired.read(folder.name, folder) for folder in folders]


def page(*folders: Path) -> str:
    runs = read(*folders)
    return comparison.render(*runs, PLAN, paired.paired(*runs, PLAN))


def test_difference_has_an_interval_and_a_probability(runs) -> None:
    found = paired.paired(*read(*runs), PLAN).intervals
    assert found.overall["AP50"].value == pytest.approx(-0.505, abs=0.01)
    assert found.overall["AP50"].below_zero > 0.8
    word, sentence = paired.verdict(found, "old", "new")
    assert word in ("WORSE", "UNDECIDED")
    assert "the probability that new is worse is" in sentence
    same = paired.paired(*read(runs[0], runs[0]), PLAN).intervals
    assert paired.verdict(same, "a", "b")[0] == "UNDECIDED"
    better = paired.paired(*read(runs[1], runs[0]), PLAN).intervals
    assert better.overall["AP"].value == -found.overall["AP"].value


def test_page_shows_differences_parameters_and_both_pictures(runs) -> None:
    text = page(*runs)
    assert text == page(*runs)
    assert "<script" not in text
    assert "train.epochs" in text
    assert "train.batch" not in text
    assert text.count('class="flip"') == 2
    assert "Probability that new is worse" in text


def test_other_test_pictures_are_said_to_be_beyond_comparison(runs, tmp_path) -> None:
    other = shutil.copytree(runs[0], tmp_path / "other")
    path = other / "reports/evaluate/ground_truth_test.json"
    truth = json.loads(path.read_text())
    truth["annotations"][0]["bbox"][2] += 5
    path.write_text(json.dumps(truth))
    text = page(runs[0], other)
    assert "were tested on different pictures or objects" in text
    assert "OPEN" in text
    assert "95 %: " not in text


def test_counts_stay_whole_and_what_neither_run_has_is_left_out(runs, tmp_path) -> None:
    other = shutil.copytree(runs[0], tmp_path / "other")
    path = other / "reports/evaluate/errors.csv"
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[1][1] = str(int(rows[1][1]) + 7)
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    text = page(runs[0], other)
    assert ">+7<" in text


def test_broken_files_of_a_run_are_named(runs, tmp_path) -> None:
    for name, damage, says in (
        ("detections_test.json", lambda rows: rows[0].update(image_id=99), "image_id 99 is not in"),
        ("detections_test.json", lambda rows: rows[0].update(score=float("nan")), "finite score"),
        ("ground_truth_test.json", lambda truth: truth["images"][0].pop("width"), "expected file_"),
    ):
        other = shutil.copytree(runs[0], tmp_path / says.split()[0])
        path = other / "reports/evaluate" / name
        value = json.loads(path.read_text())
        damage(value)
        path.write_text(json.dumps(value))
        with pytest.raises(DatasetError, match=says):
            page(runs[0], other)
        shutil.rmtree(other)


def test_folder_without_an_evaluation_is_an_error(tmp_path) -> None:
    with pytest.raises(PocketdetError, match="expected reports/evaluate"):
        read(tmp_path)
