"""The data set in FiftyOne: subsets, slices, violations, suspects, hits, misses, false alarms.

Imported only when used. Everything is read from what the stages wrote; nothing goes back.
"""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pocketdet.analysis import mongo
from pocketdet.dataset import DONT_CARE, Box, Dataset, read_paths
from pocketdet.errors import BrowseError

TRUTH, FOUND, VIOLATIONS, SUSPECTS = "ground_truth", "predictions", "violations", "suspects"
FAINT = "all_predictions"  # of any score, for the mAP; hidden until asked for
POINT = "at_point"  # evaluation at the operating point: marks hits, misses and false alarms
ALL = "all_scores"  # evaluation of all detections, for the mAP
SHOWN = ("path", "source", "subset", "group")  # beside the labels, where a view is of some
MOST_SUSPECTS = 0.05  # share of the pictures in the view of suspects
Row = Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """What is shown.

    Attributes:
        dataset: All images.
        raw: Folder that their paths start from.
        subsets: Image paths of each subset.
        slices: Image paths of each slice.
        violations: Rows of violations.csv.
        suspects: Rows of suspects.csv, worst first.
        found: Image path -> detections as (label, xywh in px, score); of evaluated images alone.
        thresholds: Score of the operating point, by class.
    """

    dataset: Dataset
    raw: Path
    subsets: Mapping[str, Sequence[str]]
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    violations: Sequence[Row] = ()
    suspects: Sequence[Row] = ()
    found: Mapping[str, Sequence[tuple[str, Sequence[float], float]]] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)


def read(project: Path, path_of: Callable[[str, str], Path]) -> Scene:
    """What the stages of a project have written so far.

    Args:
        project: Its folder.
        path_of: Stage and name of an option -> path in the project.

    Raises:
        BrowseError: The stages validate and split have not run.
    """
    folder, subsets = path_of("split", "dataset"), path_of("split", "subsets")
    if not (subsets / "subsets.json").is_file():
        raise BrowseError(f"{subsets}: no subsets yet; run: dvc repro split")
    dataset = Dataset.load(folder / "dataset.json")
    names = sorted(json.loads((subsets / "subsets.json").read_text()))
    evaluated = path_of("evaluate", "report")
    found: dict[str, list[tuple[str, Sequence[float], float]]] = {}
    for name in names:
        file = evaluated / f"detections_{name}.json"
        if file.is_file():
            found |= {path: [] for path in read_paths(subsets / f"{name}.txt")}
            for row in json.loads(file.read_text(encoding="utf-8")):
                label = dataset.classes[row["category_id"] - 1]
                found[row["file_name"]].append((label, row["bbox"], row["score"]))
    return Scene(
        dataset,
        path_of("validate", "raw"),
        {name: read_paths(subsets / f"{name}.txt") for name in names},
        {
            file.stem: list(dict.fromkeys(line.split("\t")[0] for line in read_paths(file)))
            for file in sorted((evaluated / "slices").glob("*.txt"))
        },
        _rows(path_of("validate", "report") / "violations.csv"),
        _rows(evaluated / "suspects.csv"),
        found or None,
        _thresholds(path_of("evaluate", "point"), dataset.classes),
    )


def build(scene: Scene, name: str) -> Any:
    """A FiftyOne data set with saved views; one of this name is replaced.

    Args:
        scene: What to show.
        name: Of the data set.
    """
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "1")
    import fiftyone as fo

    fo.config.show_progress_bars = False
    dataset = fo.Dataset(name, overwrite=True, persistent=True)
    dataset.default_classes = list(scene.dataset.classes)
    drawn = [TRUTH, FOUND, VIOLATIONS, SUSPECTS]
    dataset.app_config.active_fields = fo.ActiveFields(exclude=False, paths=drawn)
    subset_of = {path: subset for subset, paths in scene.subsets.items() for path in paths}
    violations, suspects = _by_image(scene.violations), _by_image(scene.suspects)
    samples = []
    for image in scene.dataset:
        size = image.size_wh

        def detections(rows: Sequence[Row], size: tuple[int, int] = size) -> Any:
            return fo.Detections(detections=[_mark(fo, row, size) for row in rows])

        boxes = [_detection(fo, b, size, c) for b in image.boxes for c in _classes(b, scene)]
        sample = fo.Sample(
            filepath=str((scene.raw / image.path).resolve()),
            tags=[subset_of[image.path], image.source],
            path=image.path,
            source=image.source,
            group=image.group,
            subset=subset_of[image.path],
            metadata=fo.ImageMetadata(width=size[0], height=size[1]),
        )
        sample[TRUTH] = fo.Detections(detections=boxes)
        sample[VIOLATIONS] = detections(violations[image.path])
        sample[SUSPECTS] = detections(suspects[image.path])
        if scene.found is not None and image.path in scene.found:
            rows = scene.found[image.path]
            sure = [row for row in rows if row[2] >= scene.thresholds.get(row[0], 0)]
            for name, some in ((FOUND, sure), (FAINT, rows)):
                sample[name] = fo.Detections(
                    detections=[
                        fo.Detection(label=label, bounding_box=_share(xywh, size), confidence=score)
                        for label, xywh, score in some
                    ]
                )
        samples.append(sample)
    dataset.add_samples(samples)
    if scene.found is not None:
        _evaluate(dataset, scene)
    for title, view in _views(dataset, scene):
        dataset.save_view(title, view)
    return dataset


def explore(
    project: Path,
    path_of: Callable[[str, str], Path],
    port: int,
    say: Callable[[str], None],
) -> None:
    """Open FiftyOne's App on a project and wait until it is closed.

    Args:
        project: Its folder.
        path_of: Stage and option -> path.
        port: Of the App, on loopback.
        say: Called with the address once a database has answered, as what follows takes a while.

    Raises:
        BrowseError: No MongoDB answers, or there is nothing to show yet.
    """
    uri = mongo.find(project)
    if uri:
        os.environ[mongo.VARIABLE] = uri
    say(f"http://127.0.0.1:{port} in a minute; Ctrl-C ends it")
    scene = read(project, path_of)
    dataset = build(scene, f"pocketdet-{project.name}")
    import fiftyone as fo

    session = fo.launch_app(dataset, remote=True, address="127.0.0.1", port=port)
    session.wait(-1)


def _evaluate(dataset: Any, scene: Scene) -> None:
    from fiftyone import ViewField

    evaluated = dataset.match(ViewField("subset").is_in(_evaluated(scene)))
    options = {"gt_field": TRUTH, "method": "coco", "classes": list(scene.dataset.classes)}
    whole = evaluated.evaluate_detections(FAINT, eval_key=ALL, compute_mAP=True, **options)
    dataset.info["mAP"] = float(whole.mAP())
    if scene.thresholds:
        evaluated.evaluate_detections(FOUND, eval_key=POINT, **options)
    dataset.save()


def _views(dataset: Any, scene: Scene) -> Iterator[tuple[str, Any]]:
    from fiftyone import ViewField

    for name in scene.subsets:
        yield name, dataset.match(ViewField("subset") == name)
    for source in sorted({image.source for image in scene.dataset}):
        yield f"source {source}", dataset.match(ViewField("source") == source)
    for name, paths in scene.slices.items():
        yield f"slice {name}", dataset.match(ViewField("path").is_in(list(paths)))
    if scene.violations:
        view = dataset.filter_labels(VIOLATIONS, ViewField("label") != "")
        yield "policy violations", view.select_fields([*SHOWN, VIOLATIONS])
    if scene.suspects:
        worst = list(dict.fromkeys(row["image"] for row in scene.suspects))
        worst = worst[: max(1, round(MOST_SUSPECTS * len(scene.dataset)))]
        view = dataset.select_by("path", worst, ordered=True)
        yield "label errors?", view.select_fields([*SHOWN, TRUTH, SUSPECTS])
    if scene.found is not None and scene.thresholds:
        mark = ViewField(POINT)
        yield "hits", dataset.filter_labels(FOUND, mark == "tp")
        yield "false alarms", dataset.filter_labels(FOUND, mark == "fp")
        yield "misses", dataset.filter_labels(TRUTH, mark == "fn")


def _evaluated(scene: Scene) -> list[str]:
    found = scene.found or {}
    return [name for name, paths in scene.subsets.items() if paths and paths[0] in found]


def _classes(box: Box, scene: Scene) -> Sequence[str]:
    """FiftyOne ignores by class, as COCO does: a region for any class is one for each."""
    return scene.dataset.classes if box.label == DONT_CARE else (box.label,)


def _detection(fo: Any, box: Box, size: tuple[int, int], label: str) -> Any:
    x1, y1, x2, y2 = box.xyxy
    known = {"occlusion": box.occlusion, "truncation": box.truncation}
    return fo.Detection(
        label=label,
        bounding_box=_share((x1, y1, x2 - x1, y2 - y1), size),
        iscrowd=bool(box.ignore),
        ignore=box.ignore,
        annotator=box.annotator,
        **{name: value for name, value in known.items() if value is not None},
    )


def _mark(fo: Any, row: Row, size: tuple[int, int]) -> Any:
    """A row of violations.csv or suspects.csv."""
    x1, y1, x2, y2 = (float(row[name]) for name in ("x1", "y1", "x2", "y2"))
    label = row.get("rule") or f"{row['kind']} {row['suggested'] or row['class']}"
    confidence = float(row["suspicion"]) if "suspicion" in row else None
    box = _share((x1, y1, x2 - x1, y2 - y1), size)
    return fo.Detection(label=label, bounding_box=box, confidence=confidence)


def _share(xywh: Sequence[float], size: tuple[int, int]) -> list[float]:
    x, y, w, h = xywh
    return [x / size[0], y / size[1], w / size[0], h / size[1]]


def _by_image(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["image"]].append(row)
    return found


def _rows(file: Path) -> list[Row]:
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _thresholds(file: Path, classes: Sequence[str]) -> dict[str, float]:
    """Of operating_point.json: one score for all classes, or one of each."""
    if not file.is_file():
        return {}
    raw = json.loads(file.read_text())
    scores = raw.get("class_score_min") or [raw["score_min"]] * len(classes)
    return dict(zip(classes, scores, strict=True))
