"""The text files of an evaluation: metrics, tables, curves, detections and slices.

metrics.json      the numbers that `dvc metrics diff` and MLflow compare
notes.json        what they need to be read rightly: sizes, reasons, identities of the slices
per_class.csv     a row a subset and class: every measure, with interval where it has one
slices.csv        a row a subset and slice, worst AP first; slices/NAME.txt has the members
errors.csv        kinds of errors, and the AP50 that fixing each would gain
confusion.csv, reliability.csv, precision_recall.csv, precision_recall_per_class.csv
detections_SUBSET.json, ground_truth_test.json    in COCO's format, as `pocketdet score` takes
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pocketdet.dataset import ALL
from pocketdet.scoring import cases, coco, curves
from pocketdet.scoring.bootstrap import NUMBERS, Interval
from pocketdet.scoring.cases import Case
from pocketdet.scoring.measures import MEASURES
from pocketdet.scoring.operating_point import Choice
from pocketdet.scoring.results import Assessment, SubsetResult

Results = Mapping[str, SubsetResult]
Assessments = Mapping[str, Assessment]


def files(
    results: Results, assessed: Assessments, choice: Choice, worst: Mapping[str, Sequence[Case]]
) -> dict[str, str]:
    """Every text file of the evaluation's report: name -> content."""
    test = assessed["test"]
    long_rows = (
        (subset, name, *row)
        for subset, result in results.items()
        for name, curve in result.curves.items()
        for row in curves.rows(curve)
    )
    detections = {
        f"detections_{subset}.json": _lines(coco.results(result.dataset, result.found))
        for subset, result in results.items()
    }
    members = {
        f"slices/{each.name}.txt": "".join(f"{line}\n" for line in each.members)
        for each, _ in test.slices
    }
    return {
        "metrics.json": _json(metrics(results)),
        "notes.json": _json(notes(results, assessed, choice)),
        "per_class.csv": _csv(per_class(results, assessed)),
        "slices.csv": _csv(slices(results, assessed)),
        "errors.csv": _csv(errors(test)),
        "confusion.csv": _csv(confusion(test)),
        "cases.csv": _csv([cases.COLUMNS, *cases.rows(worst, results["test"])]),
        "reliability.csv": _csv(reliability(results["test"])),
        # Of test and pooled, as `dvc plots` draws one line per file.
        "precision_recall.csv": _csv([curves.COLUMNS, *curves.rows(results["test"].curves[ALL])]),
        "precision_recall_per_class.csv": _csv([("subset", "class", *curves.COLUMNS), *long_rows]),
        "ground_truth_test.json": _json(_truth(results["test"], test)),
        **detections,
        **members,
    }


def metrics(results: Results) -> dict[str, Any]:
    """Subset -> headline measure -> number; of test those of each class too, as CLASS_MEASURE."""
    found: dict[str, Any] = {
        subset: {m.name: m.of(result, ALL) for m in MEASURES if m.headline}
        for subset, result in results.items()
    }
    test = results["test"]
    for name in test.dataset.classes:
        for m in MEASURES:
            if m.each_class:
                found["test"][f"{name}_{m.name}"] = m.of(test, name)
    own = zip(test.dataset.classes, test.point.class_score_min, strict=False)
    return {**found, "threshold": dict(own) or {ALL: test.point.score_min}}


def notes(results: Results, assessed: Assessments, choice: Choice) -> dict[str, Any]:
    """What the numbers need to be read rightly."""
    test = assessed["test"]
    return {
        "operating_point": {"target_reached": choice.reached, "reasons": dict(choice.reasons)},
        "subsets": {
            subset: {"images": len(result.dataset), "objects": result.curves[ALL].objects}
            for subset, result in results.items()
        },
        "undefined": {subset: dict(r.scores.undefined) for subset, r in results.items()},
        "bootstrap": {
            "resamples": test.plan.resamples,
            "level": test.plan.level,
            "groups": None if test.groups is None else len(set(test.groups.tolist())),
        },
        "slices": {
            each.name: {
                "subset": "test",
                "expression": each.text,
                "images": int(each.pictures.sum()),
                "objects": int(each.table.counts.sum()),
                "sha256": each.sha256,
            }
            for each, _ in test.slices
        },
    }


def per_class(results: Results, assessed: Assessments) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV, a row per subset and class: the measures, then the ends of intervals."""
    with_ends = list(next(iter(assessed.values())).intervals[ALL])
    yield (
        *("subset", "class", "objects", *(m.name for m in MEASURES)),
        *(f"{name}_{end}" for name in with_ends for end in ("low", "high")),
    )
    for subset, result in results.items():
        for name, curve in result.curves.items():
            found = assessed[subset].intervals[name]
            yield (
                *(subset, name, str(curve.objects)),
                *(_cell(m.of(result, name)) for m in MEASURES),
                *(_cell(end) for n in with_ends for end in (found[n].low, found[n].high)),
            )


def slices(results: Results, assessed: Assessments) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV: each subset, then the slices of the last one, worst AP first."""
    yield (
        *("slice", "expression", "images", "objects"),
        *(column for name in NUMBERS for column in (name, f"{name}_low", f"{name}_high")),
    )
    for subset, result in results.items():
        found = assessed[subset].intervals[ALL]
        objects = result.curves[ALL].objects
        yield (subset, "", str(len(result.dataset)), str(objects), *_ends(found))
    for each, of_slice in list(assessed.values())[-1].slices:
        sizes = str(int(each.pictures.sum())), str(int(each.table.counts.sum()))
        yield (each.name, each.text, *sizes, *_ends(of_slice.overall if of_slice else {}))


def errors(assessment: Assessment) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV: kinds of errors, the most costly first."""
    anatomy = assessment.anatomy
    yield ("kind", "count", "AP50_gained")
    for kind in sorted(anatomy.counts, key=lambda kind: -(anatomy.gains[kind] or 0)):
        yield kind, str(anatomy.counts[kind]), _cell(anatomy.gains[kind])


def confusion(assessment: Assessment) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV: true class by found class."""
    names = assessment.confusion.names
    yield ("true", *names)
    for name, row in zip(names, assessment.confusion.counts.tolist(), strict=True):
        yield (name, *map(str, row))


def reliability(result: SubsetResult) -> Iterator[tuple[str, ...]]:
    """Rows for a CSV: a row per class and bin of scores."""
    yield ("class", "score_from", "score_to", "detections", "mean_score", "precision")
    for name, diagram in result.reliability.items():
        for k, count in enumerate(diagram.counts.tolist()):
            edges = diagram.edges[k : k + 2].tolist()
            inside = (diagram.scores[k], diagram.precisions[k]) if count else (None, None)
            yield (name, *map(_cell, edges), str(count), *map(_cell, inside))


def summary(subset: str, result: SubsetResult, assessment: Assessment) -> dict[str, Any]:
    """A subset's tables as one JSON value: measures by class, slices, errors."""
    both = {subset: result}, {subset: assessment}
    tables = {"per_class": per_class(*both), "slices": slices(*both), "errors": errors(assessment)}
    found: dict[str, Any] = {"subset": subset, "undefined": dict(result.scores.undefined)}
    for name, (header, *rows) in tables.items():
        found[name] = [
            {key: _plain(cell) for key, cell in zip(header, row, strict=True)} for row in rows
        ]
    return found


def printed(
    subset: str, result: SubsetResult, assessment: Assessment
) -> Iterator[list[Sequence[str]]]:
    """Tables for a terminal, their first row being headings: classes, then slices."""
    shown = ("AP", "AP50", "AP75", "precision", "recall")
    both = {subset: result}, {subset: assessment}
    header, *rows = per_class(*both)
    values = [dict(zip(header, row, strict=True)) for row in rows]
    yield [
        ("class", "objects", *shown),
        *((v["class"], v["objects"], *(_with_ends(v, name) for name in shown)) for v in values),
    ]
    header, _, *rows = slices(*both)
    values = [dict(zip(header, row, strict=True)) for row in rows]
    yield [
        ("slice", "objects", *NUMBERS),
        *((v["slice"], v["objects"], *(_with_ends(v, name) for name in NUMBERS)) for v in values),
    ]


def text(results: Results, assessed: Assessments) -> Iterator[str]:
    """The numbers that matter most of every subset, aligned, for a log."""
    for subset, result in results.items():
        classes = next(printed(subset, result, assessed[subset]))
        for name, *cells in classes:
            yield f"{subset:6}{name:16}{cells[0]:>8}" + "".join(f"{c:>19}" for c in cells[1:])


def _with_ends(row: Mapping[str, str], name: str) -> str:
    """A number with its interval, such as "0.910 [0.88 0.93]"."""
    if not row[name]:
        return "–"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    around = f" [{float(low):.2f} {float(high):.2f}]" if low and high else ""
    return f"{float(row[name]):.3f}{around}"


def _truth(result: SubsetResult, assessment: Assessment) -> dict[str, Any]:
    """The ground truth in COCO's format, with the group of each picture where there are some."""
    truth = coco.ground_truth(result.dataset)
    if assessment.groups is not None:
        for row, group in zip(truth["images"], assessment.groups.tolist(), strict=True):
            row["group"] = group
    return truth


def _ends(found: Mapping[str, Interval]) -> Iterator[str]:
    for name in NUMBERS:
        interval = found.get(name)
        for value in (interval.value, interval.low, interval.high) if interval else (None,) * 3:
            yield _cell(value)


def _plain(cell: str) -> float | str | None:
    """A CSV's cell as a JSON value."""
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _lines(rows: Iterable[object]) -> str:
    """A JSON list with a row a line, so that a text diff shows what changed."""
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def _csv(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
