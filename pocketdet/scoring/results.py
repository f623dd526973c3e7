"""What evaluation writes down: a subset's scores and curves as metrics, tables and a ranking."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections
from pocketdet.scoring import coco, operating_point
from pocketdet.scoring.coco import Scores
from pocketdet.scoring.matching import Matches, above, match
from pocketdet.scoring.operating_point import ALL, IOU_MIN, Choice, Curve


@dataclass(frozen=True)
class SubsetResult:
    """A subset, what was found in it, and how good that is.

    Attributes:
        dataset: Its ground truth.
        found: Image path -> detections from the lowest score on.
        scores: COCO's numbers.
        curves: "(all)" and class -> precision and recall over the threshold.
    """

    dataset: Dataset
    found: Mapping[str, Detections]
    scores: Scores
    curves: Mapping[str, Curve]


@dataclass(frozen=True)
class Judged:
    """One picture at the operating point.

    Attributes:
        index: Of the image in the data set.
        found: Detections at or above the threshold.
        matches: What became of them and of the objects.
        misses: Objects that nothing was found for.
        false_alarms: Detections of nothing.
        badness: Misses plus the scores of the false alarms: a confident error is worse.
    """

    index: int
    found: Detections
    matches: Matches
    misses: int
    false_alarms: int
    badness: float


def evaluate(dataset: Dataset, found: Mapping[str, Detections], score_min: float) -> SubsetResult:
    """Score a subset.

    Args:
        dataset: Ground truth.
        found: Image path -> detections, for every image.
        score_min: Lowest score that was detected, 0..1.

    Raises:
        DatasetError: As `coco.score` says.
    """
    scores = coco.score(dataset, found)
    matches = operating_point.match_all(dataset, found)
    curves = operating_point.curves(dataset, found, matches, score_min)
    return SubsetResult(dataset, found, scores, curves)


def metrics(results: Mapping[str, SubsetResult], choice: Choice) -> dict[str, Any]:
    """Subset -> its numbers; "operating_point" -> threshold and what it gives on each subset."""
    point: dict[str, Any] = {"threshold": choice.threshold}
    for subset, result in results.items():
        for name, value in result.curves[ALL].at(choice.threshold).items():
            point[f"{subset}_{name}"] = value
    return {
        **{subset: result.scores.flat() for subset, result in results.items()},
        "operating_point": point,
    }


def notes(results: Mapping[str, SubsetResult], choice: Choice) -> dict[str, Any]:
    """What the numbers need to be read rightly: sizes, why a number is null, why this threshold."""
    return {
        "operating_point": {"target_reached": choice.reached, "rule": choice.reason},
        "subsets": {
            subset: {"images": len(result.dataset), "objects": result.curves[ALL].objects}
            for subset, result in results.items()
        },
        "undefined": {subset: dict(r.scores.undefined) for subset, r in results.items()},
    }


def per_class(results: Mapping[str, SubsetResult], threshold: float) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV, a row per subset and class: AP and AR, then shares at the threshold."""
    shares = ("precision", "recall", "false_alarms_per_image")
    yield ("subset", "class", "objects", *coco.NUMBERS, *shares)
    for subset, result in results.items():
        for name, curve in result.curves.items():
            numbers = result.scores.overall if name == ALL else result.scores.per_class[name]
            at = curve.at(threshold)
            values = [*(numbers[n] for n in coco.NUMBERS), *(at[s] for s in shares)]
            yield (
                subset,
                name,
                str(curve.objects),
                *("" if value is None else f"{value:.6f}" for value in values),
            )


def text(results: Mapping[str, SubsetResult], threshold: float) -> Iterator[str]:
    """The numbers that matter most, aligned, for a terminal."""
    shown = ("AP", "AP50", "AP75", "precision", "recall")
    header, *rows = per_class(results, threshold)
    yield f"{'subset':7}{'class':16}{'objects':>8}" + "".join(f"{name:>11}" for name in shown)
    for row in rows:
        values = dict(zip(header, row, strict=True))
        numbers = "".join(
            f"{float(values[name]):11.3f}" if values[name] else f"{'-':>11}" for name in shown
        )
        yield f"{values['subset']:7}{values['class']:16}{values['objects']:>8}{numbers}"


def judge(result: SubsetResult, threshold: float) -> list[Judged]:
    """Every picture at the threshold, worst first; equals in the data set's order."""
    judged = []
    for index, image in enumerate(result.dataset):
        found = above(result.found[image.path], threshold)
        matches = match(image, found, result.dataset.classes, IOU_MIN)
        misses = sum(
            taker < 0 and not box.ignore
            for taker, box in zip(matches.takers, image.boxes, strict=True)
        )
        alarms = [
            score
            for score, verdict in zip(found.scores.tolist(), matches.verdicts, strict=True)
            if verdict == "false alarm"
        ]
        badness = misses + sum(alarms)
        judged.append(Judged(index, found, matches, misses, len(alarms), badness))
    return sorted(judged, key=lambda j: (-j.badness, j.index))


def files(results: Mapping[str, SubsetResult], choice: Choice) -> dict[str, str]:
    """Every text file of the evaluation's report: name -> content."""
    point = operating_point
    long_rows = (
        (subset, name, *row)
        for subset, result in results.items()
        for name, curve in result.curves.items()
        for row in point.rows(curve)
    )
    detections = {
        f"detections_{subset}.json": _lines(coco.results(result.dataset, result.found))
        for subset, result in results.items()
    }
    return {
        "metrics.json": _json(metrics(results, choice)),
        "notes.json": _json(notes(results, choice)),
        "per_class.csv": _csv(per_class(results, choice.threshold)),
        # Of test and pooled, as `dvc plots` draws one line per file.
        "precision_recall.csv": _csv([point.COLUMNS, *point.rows(results["test"].curves[ALL])]),
        "precision_recall_per_class.csv": _csv([("subset", "class", *point.COLUMNS), *long_rows]),
        **detections,
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _lines(rows: Iterable[object]) -> str:
    """A JSON list with a row a line, so that a text diff shows what changed."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
