import csv
import io
import json

import numpy as np
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.scoring import operating_point, results
from pocketdet.scoring.operating_point import ALL

CLASSES = ("person", "dog")
OBJECT, AWAY = (10.0, 10.0, 50.0, 90.0), (100.0, 10.0, 140.0, 90.0)


def detections(*rows: tuple[tuple[float, ...], float]) -> Detections:
    boxes = np.asarray([box for box, _ in rows], np.float32).reshape(-1, 4)
    scores = np.asarray([score for _, score in rows], np.float32)
    return Detections(boxes, scores, np.zeros(len(rows), np.int64))


def subset(**pictures: Detections) -> results.SubsetResult:
    box = Box("person", OBJECT)
    images = tuple(Image(f"{name}.jpg", (200, 100), (box,)) for name in pictures)
    found = {f"{name}.jpg": d for name, d in pictures.items()}
    return results.evaluate(Dataset(CLASSES, images), found, 0.01)


@pytest.fixture
def scored() -> dict[str, results.SubsetResult]:
    val = subset(a=detections((OBJECT, 0.9), (AWAY, 0.3)), b=detections((OBJECT, 0.6)))
    test = subset(
        fine=detections((OBJECT, 0.9)),
        missed=detections((OBJECT, 0.2)),
        wrong=detections((AWAY, 0.95), (OBJECT, 0.8), (AWAY, 0.1)),
        both=detections((AWAY, 0.7)),
    )
    return {"val": val, "test": test}


@pytest.fixture
def choice(scored) -> operating_point.Choice:
    return operating_point.choose(scored["val"].curves[ALL], 0.9)


def test_metrics_hold_what_the_threshold_of_val_gives_on_test(scored, choice) -> None:
    assert choice.threshold == 0.6
    metrics = results.metrics(scored, choice)
    point = metrics["operating_point"]
    assert (point["val_precision"], point["val_recall"]) == (1, 1)
    assert (point["test_precision"], point["test_recall"]) == (0.5, 0.5)
    assert point["test_false_alarms_per_image"] == 0.5
    assert metrics["test"]["person_AP50"] == pytest.approx(metrics["test"]["AP50"])
    assert metrics["test"]["dog_AP"] is None


def test_pictures_are_ranked_by_misses_and_confident_false_alarms(scored, choice) -> None:
    judged = results.judge(scored["test"], choice.threshold)
    names = [scored["test"].dataset.images[j.index].path for j in judged]
    assert names == ["both.jpg", "missed.jpg", "wrong.jpg", "fine.jpg"]
    assert [j.badness for j in judged] == pytest.approx([1.7, 1, 0.95, 0])
    assert [(j.misses, j.false_alarms) for j in judged] == [(1, 1), (1, 0), (0, 1), (0, 0)]


def test_files_are_json_and_csv_without_nan_and_the_same_each_time(scored, choice) -> None:
    files = results.files(scored, choice)
    assert files == results.files(scored, choice)
    for name, text in files.items():
        assert "NaN" not in text
        if name.endswith(".json"):
            json.loads(text)
        else:
            assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1
    found = json.loads(files["detections_test.json"])
    assert len(found) == 6
    assert found[0] == {
        "image_id": 1,
        "file_name": "fine.jpg",
        "category_id": 1,
        "bbox": [10, 10, 40, 80],
        "score": pytest.approx(0.9),
    }
    notes = json.loads(files["notes.json"])
    assert notes["undefined"]["test"]["dog AP"] == "no object in the ground truth"
    assert notes["operating_point"]["target_reached"] is True
    rows = list(csv.DictReader(io.StringIO(files["per_class.csv"])))
    assert [(r["subset"], r["class"], r["objects"]) for r in rows[:3]] == [
        ("val", "(all)", "2"),
        ("val", "person", "2"),
        ("val", "dog", "0"),
    ]
    assert rows[2]["AP"] == ""
    assert rows[3]["recall"] == "0.500000"


def test_subset_without_detections_can_be_written() -> None:
    nothing = subset(a=detections())
    scored = {"val": nothing, "test": nothing}
    choice = operating_point.choose(nothing.curves[ALL], 0.9)
    files = results.files(scored, choice)
    assert json.loads(files["detections_test.json"]) == []
    assert json.loads(files["metrics.json"])["operating_point"]["test_precision"] is None
