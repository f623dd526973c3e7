"""The evaluate stage with a net made up: it finds what its pictures' colours say."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.preprocess import Preprocessing
from tasks import evaluate as task

REPOSITORY = Path(__file__).resolve().parents[2]
SPEC = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person", "dog"), (Level(8, ((4.0, 4.0),)),))
OBJECT = (0.0, 0.0, 50.0, 50.0)
OPTIONS = {"raw": "raw", "dataset": "dataset", "subsets": "subsets", "design": "design",
           "trained": "trained", "point": "models/point.json", "report": "report"}  # fmt: skip


def red_is_a_person(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A person in the upper left quarter, as sure as the picture is red; a faint dog elsewhere."""
    boxes = np.asarray([[0, 0, 32, 16], [40, 20, 60, 30]], np.float32)
    scores = np.asarray([[rgb[..., 0].mean() / 255, 0], [0, 0.02]], np.float32)
    return boxes, scores


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures in val and four in test; in one of each the person is hardly red."""
    params = (REPOSITORY / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace("resamples: 1000", "resamples: 20"))
    for folder in ("raw", "dataset", "subsets", "design", "trained", "models"):
        (tmp_path / folder).mkdir()
    SPEC.save(tmp_path / "design/net.json")
    Preprocessing(SPEC.input_wh, "stretch").save(tmp_path / "design/preprocessing.json")
    images = []
    for subset in ("val", "test"):
        names = [f"{subset}_{red}.png" for red in (30, 160, 200, 240)]
        (tmp_path / f"subsets/{subset}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            red = int(name.split("_")[1].removesuffix(".png"))
            PIL.new("RGB", (100, 100), (red, 0, 0)).save(tmp_path / "raw" / name)
            images.append(Image(name, (100, 100), (Box("person", OBJECT),)))
    (tmp_path / "subsets/train.txt").write_text("train_230.png\n")  # its person is not annotated
    PIL.new("RGB", (100, 100), (230, 0, 0)).save(tmp_path / "raw/train_230.png")
    images.append(Image("train_230.png", (100, 100)))
    Dataset(SPEC.classes, tuple(images)).save(tmp_path / "dataset/dataset.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(task.KerasRuntime, "load", lambda design, trained: red_is_a_person)
    words = [word for name, path in OPTIONS.items() for word in (f"--{name}", path)]
    monkeypatch.setattr(sys, "argv", ["evaluate", *words])
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_writes_scores_point_and_pictures(project, capsys) -> None:
    task.evaluate()
    point = json.loads((project / "models/point.json").read_text())
    # The dogs at 0.02 are false alarms: the threshold lies at the faintest person, 30 / 255.
    own = {"score_min": 0.117, "class_score_min": [0.117, 0.117]}  # no dog on val
    assert point == {**own, "nms_iou": 0.6, "max_detections": 20}
    written = contents(project / "report")
    pictures = {name for name in written if name.endswith(".jpg") and name != "sheet.jpg"}
    assert len(pictures) == 5, "four samples, and what may be no right annotation"
    assert "errors/suspects.jpg" in pictures
    slices = {f"slices/{name}.txt" for name in ("small", "large", "crowded", "dark", "hidden")}
    assert set(written) - pictures - slices == {
        *("metrics.json", "notes.json", "per_class.csv", "slices.csv", "sheet.jpg"),
        *("errors.csv", "cases.csv", "confusion.csv", "reliability.csv"),
        *("ground_truth_test.json", "samples/captions.json"),
        *("precision_recall.csv", "precision_recall.png", "precision_recall_per_class.csv"),
        *("detections_val.json", "detections_test.json", "pictures/captions.json"),
        "suspects.csv",
    }
    suspects = list(csv.DictReader(written["suspects.csv"].decode().splitlines()))
    missing = [row for row in suspects if row["kind"] == "missing"]
    assert [(row["image"], row["class"]) for row in missing] == [("train_230.png", "person")]
    assert float(missing[0]["suspicion"]) == pytest.approx(230 / 255, abs=1e-3)
    metrics = json.loads(written["metrics.json"])
    assert metrics["test"]["person_AP50"] == pytest.approx(1)
    assert metrics["test"]["dog_AP"] is None
    assert metrics["test"]["recall"] == 1
    said = capsys.readouterr().out
    assert "operating point of person: highest recall on val with precision >= 0.9" in said
    assert "test: 4 of 4 pictures" in said


def test_twice_gives_the_same_bytes(project) -> None:
    task.evaluate()
    first = contents(project / "report")
    task.evaluate()
    assert contents(project / "report") == first


def test_worst_pictures_are_drawn(project, monkeypatch) -> None:
    def shifted(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = red_is_a_person(rgb)
        return boxes + 20, scores

    monkeypatch.setattr(task.KerasRuntime, "load", lambda design, trained: shifted)
    task.evaluate()
    captions = json.loads((project / "report/pictures/captions.json").read_text())
    assert len(captions) == 4
    assert captions["worst_01.jpg"] == "test_240.png: 0 found, 1 missed, 2 false alarms"
    with PIL.open(project / "report/pictures/worst_01.jpg") as picture:
        assert picture.width > 1000


def test_validation_without_objects_is_an_error_and_leaves_nothing(project, capsys) -> None:
    path = project / "dataset/dataset.json"
    dataset = Dataset.load(path)
    empty = tuple(Image(image.path, image.size_wh) for image in dataset)
    Dataset(dataset.classes, empty).save(path)
    with pytest.raises(SystemExit) as stop:
        task.evaluate()
    assert stop.value.code == 1
    assert "validation subset holds no object" in capsys.readouterr().err
    assert not (project / "report").exists()
    assert list((project / "models").iterdir()) == []


def test_test_subset_without_objects_has_undefined_numbers_and_why(project) -> None:
    path = project / "dataset/dataset.json"
    dataset = Dataset.load(path)
    images = tuple(
        Image(i.path, i.size_wh) if i.path.startswith("test") else i for i in dataset.images
    )
    Dataset(dataset.classes, images).save(path)
    task.evaluate()
    metrics = json.loads((project / "report/metrics.json").read_text())["test"]
    assert (metrics["AP"], metrics["recall"], metrics["precision"]) == (None, None, 0)
    notes = json.loads((project / "report/notes.json").read_text())
    assert notes["undefined"]["test"]["AP"] == "no object in the ground truth"
    with (project / "report/errors.csv").open(newline="") as stream:
        assert {row["AP50_gained"] for row in csv.DictReader(stream)} == {""}
