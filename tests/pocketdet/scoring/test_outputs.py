import csv
import io
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scored import choose, score

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import cases, outputs, results, score_files
from pocketdet.scoring.bootstrap import Plan
from pocketdet.scoring.measures import MEASURES
from pocketdet.slices import parse

OBJECT, AWAY = (10.0, 10.0, 50.0, 90.0), (100.0, 10.0, 140.0, 90.0)


def files(found: dict[str, list[tuple[tuple[float, ...], float]]]) -> dict[str, str]:
    """Every file of an evaluation whose val and test are the same pictures, a person in each."""
    box = Box("person", OBJECT)
    images = tuple(Image(name, (200, 100), (box,)) for name in found)
    dataset = Dataset(("person", "dog"), images)
    sets = {
        name: Detections(
            np.asarray([box for box, _ in rows], np.float32).reshape(-1, 4),
            np.asarray([score for _, score in rows], np.float32),
            np.zeros(len(rows), np.int64),
        )
        for name, rows in found.items()
    }
    choice = choose(dataset, sets)
    result = score(dataset, sets, choice.point)
    slices = parse({"small": "side < 60", "nothing": "label == 'dog'", "nowhere": "path == 'x'"})
    assessed = results.assess(result, Plan(20, 0.95, 0), None, slices, None, defaultdict(str))
    worst = cases.worst(result, assessed, 5)
    both = ("val", "test")
    return outputs.files(dict.fromkeys(both, result), dict.fromkeys(both, assessed), choice, worst)


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return files({
        "fine.jpg": [(OBJECT, 0.9)],
        "missed.jpg": [(OBJECT, 0.2)],
        "wrong.jpg": [(AWAY, 0.95), (OBJECT, 0.8), (AWAY, 0.1)],
        "both.jpg": [(AWAY, 0.7)],
    })  # fmt: skip


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_files_are_json_and_csv_without_nan_and_with_rows_of_one_length(written) -> None:
    for name, text in written.items():
        assert "NaN" not in text, name
        if name.endswith(".json"):
            json.loads(text)
        elif name.endswith(".csv"):
            assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1, name


def test_every_measure_reaches_metrics_and_table(written) -> None:
    metrics, table = json.loads(written["metrics.json"]), rows(written["per_class.csv"])
    person = next(row for row in table if (row["subset"], row["class"]) == ("test", "person"))
    for measure in MEASURES:
        assert measure.name in person
        assert (measure.name in metrics["test"]) == measure.headline
        if measure.each_class:
            assert metrics["test"][f"person_{measure.name}"] == pytest.approx(
                float(person[measure.name]), abs=1e-6
            )
    assert metrics["test"]["dog_AP"] is None
    assert metrics["threshold"] == {"(all)": float(person["threshold"])}
    assert not any(name.startswith("person") for name in metrics["val"])
    assert float(person["AP50_low"]) <= float(person["AP50"]) <= float(person["AP50_high"])


def test_slices_have_members_and_a_hash_and_undefined_ones_are_empty(written) -> None:
    table = {row["slice"]: row for row in rows(written["slices.csv"])}
    assert list(table) == ["val", "test", "small", "nothing", "nowhere"]
    assert (table["small"]["objects"], table["nothing"]["objects"]) == ("4", "0")
    assert table["nothing"]["AP"] == table["nowhere"]["AP"] == ""
    notes = json.loads(written["notes.json"])["slices"]
    assert notes["small"]["sha256"] != notes["nothing"]["sha256"]
    assert written["slices/small.txt"].splitlines()[0] == "both.jpg\t0"
    assert written["slices/nowhere.txt"] == ""


def test_errors_and_confusion_agree_with_the_pictures(written) -> None:
    errors = {row["kind"]: row for row in rows(written["errors.csv"])}
    assert errors["background"]["count"] == "3"
    assert errors["missed"]["count"] == "1"
    confusion = {row["true"]: row for row in rows(written["confusion.csv"])}
    found = int(confusion["person"]["person"]) + int(confusion["person"]["background"])
    assert found == 4
    worst = rows(written["cases.csv"])
    alarm = next(row for row in worst if row["kind"] == "background")
    assert (alarm["path"], alarm["score"]) == ("wrong.jpg", "0.9500")
    assert "both.jpg" in [row["path"] for row in worst if row["kind"] == "missed"]


def test_the_written_truth_and_detections_score_the_same(written, tmp_path: Path) -> None:
    for name in ("ground_truth_test.json", "detections_test.json"):
        (tmp_path / name).write_text(written[name])
    report = score_files.score(
        "coco", tmp_path / "ground_truth_test.json", tmp_path / "detections_test.json"
    )
    metrics = json.loads(written["metrics.json"])["test"]
    assert report.overall["AP"] == pytest.approx(metrics["AP"], abs=1e-9)


def test_subset_without_detections_can_be_written() -> None:
    nothing = files({"a.jpg": []})
    assert json.loads(nothing["detections_test.json"]) == []
    metrics = json.loads(nothing["metrics.json"])["test"]
    assert metrics["precision"] is None
    assert metrics["calibration_error"] is None
    assert metrics["recall"] == metrics["AP"] == 0
