"""The report of a run: one HTML page that opens offline, verdict first."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from pocketdet.report import tables
from pocketdet.report.charts import Point, Series, lines
from pocketdet.report.embedded import Embedded, embed
from pocketdet.report.facts import Facts, Row
from pocketdet.report.tables import number
from pocketdet.report.verdict import Verdict
from pocketdet.scoring.operating_point import ALL

MAX_PICTURE_BYTES = 9_000_000  # of the page's pictures together, as base64; the page stays < 15 MB
MAX_CLASSES = 5  # lines in a chart
SECTIONS = (
    ("verdict", "Verdict"),
    ("pictures", "By eye"),
    ("scores", "Scores"),
    ("training", "Training"),
    ("data", "Data"),
    ("conversion", "Conversion"),
    ("profile", "Profile"),
    ("design", "Design"),
)
TONES = {"PASS": "pass", "FAIL": "fail", "INCOMPLETE": "open"}
TONES |= {"pass": "pass", "fail": "fail", "not run": "open"}


def render(name: str, facts: Facts, verdict: Verdict, reports: Path) -> str:
    """The page.

    Args:
        name: Of the bundle.
        facts: What the stages wrote down.
        verdict: Pass or fail, line by line.
        reports: Folder of all reports, for their pictures.
    """
    from jinja2 import Environment, StrictUndefined

    # The template's text, not a loader: the page needs no file but this one.
    here = files("pocketdet.report")
    template = Environment(
        undefined=StrictUndefined, autoescape=True, trim_blocks=True
    ).from_string(here.joinpath("page.html").read_text(encoding="utf-8"))
    worst, left_out = _worst(reports / "evaluate/pictures")
    return template.render(
        name=name,
        css=here.joinpath("page.css").read_text(encoding="utf-8"),
        sections=SECTIONS,
        tones=TONES,
        number=number,
        verdict=verdict,
        lead=_headline(facts),
        tiles=list(_tiles(facts)),
        sheet=embed(reports / "evaluate/sheet.jpg", "Detections on test pictures"),
        worst=worst,
        left_out=left_out,
        scores=tables.scores(facts),
        undefined=tables.undefined(facts),
        point=facts.point,
        rule=(facts.notes or {}).get("operating_point", {}).get("rule", ""),
        point_table=tables.operating_point(facts),
        score_charts=_score_charts(facts),
        training_charts=_training_charts(facts.history),
        training=tables.training(facts),
        preview=embed(
            reports / "augment/preview.jpg", "Photos as they are, and as training sees them"
        ),
        subsets=tables.subsets(facts),
        sources=tables.sources(facts),
        drops=tables.drops(facts),
        analysis="../analyse/index.html" if (reports / "analyse/index.html").exists() else "",
        ledger=tables.ledger(facts),
        ledger_notes=tables.ledger_notes(facts),
        profile=tables.profile(facts),
        profile_note=tables.profile_note(facts),
        design=tables.design(facts),
        costs=tables.costs(facts),
        costs_picture=embed(reports / "design/costs.png", "Costs in the order of execution"),
        identity=(facts.training or {}).get("weights_sha256", ""),
    )


@dataclass(frozen=True)
class Tile:
    """A headline number."""

    value: str
    name: str
    unit: str = ""


def _headline(facts: Facts) -> str:
    """The result in one sentence."""
    if not (facts.metrics and facts.net and facts.notes):
        return "The net was not evaluated."
    first = facts.net["classes"][0]
    ap50 = facts.metrics["test"].get(f"{first}_AP50")
    images = facts.notes["subsets"]["test"]["images"]
    found = "with undefined AP50" if ap50 is None else f"with an AP50 of {ap50:.3f}"
    text = f"The net finds {first} {found} in {images} test pictures that it never learned from"
    int8 = (facts.profile or {}).get("files", {}).get("int8")
    if int8:
        text += f"; its int8 file has {int8['size_mb']:.2f} MB"
    if int8 and facts.design:
        latency, card = facts.design["latency"], facts.design["card"]
        text += f" and is estimated to need {latency['ms']:.0f} ms ({card['title']})"
    return text + "."


def _tiles(facts: Facts) -> Iterator[Tile]:
    test = (facts.metrics or {}).get("test", {})
    classes = (facts.net or {}).get("classes", [])[:2]
    for key, name in (("AP", "AP on test"), ("AP50", "AP50 on test")):
        if key in test:
            yield Tile(number(test[key]), name)
    for label in classes if len(classes) > 1 else ():
        yield Tile(number(test.get(f"{label}_AP50")), f"AP50 of {label}")
    point = (facts.metrics or {}).get("operating_point", {})
    for key in ("precision", "recall"):
        if f"test_{key}" in point:
            yield Tile(number(point[f"test_{key}"]), f"{key} at score ≥ {point['threshold']:g}")
    int8 = (facts.profile or {}).get("files", {}).get("int8")
    if int8:
        yield Tile(f"{int8['size_mb']:.2f}", "int8 file", "MB")
        yield Tile(f"{int8['mmac']:.0f}", "multiply-accumulates", "million")
    if facts.design:
        yield Tile(
            f"{facts.design['latency']['ms']:.0f}",
            f"{facts.design['card']['title']}, estimated",
            "ms",
        )


def _worst(folder: Path) -> tuple[list[Embedded], int]:
    """Pictures, worst first, as many as the page may hold; and how many were left out."""
    index = folder / "captions.json"
    captions = json.loads(index.read_text(encoding="utf-8")) if index.exists() else {}
    shown: list[Embedded] = []
    room = MAX_PICTURE_BYTES
    for name, caption in sorted(captions.items()):
        picture = embed(folder / name, caption)
        if picture is None or (room := room - len(picture.uri)) < 0:
            break
        shown.append(picture)
    return shown, len(captions) - len(shown)


def _score_charts(facts: Facts) -> list[tuple[str, str]]:
    """Precision over recall, and both over the threshold: (title, markup)."""
    if not (facts.curves and facts.metrics):
        return []
    by_class: dict[str, list[Row]] = {}
    for row in facts.curves:
        if row["subset"] == "test":
            by_class.setdefault(row["class"], []).append(row)
    shown = [name for name in by_class if name == ALL or len(by_class) <= MAX_CLASSES + 1]
    point = facts.metrics["operating_point"]
    threshold = float(point["threshold"])
    precision, recall = point["test_precision"], point["test_recall"]
    defined = precision is not None and recall is not None
    trade = lines(
        [
            Series(
                "all classes" if name == ALL else name,
                _column(by_class[name], "recall"),
                _column(by_class[name], "precision"),
                thin=name != ALL,
            )
            for name in shown
        ],
        "recall",
        "precision",
        (0, 1),
        (0, 1),
        [Point(recall, precision, f"score ≥ {threshold:g}")] if defined else (),
    )
    pooled = by_class[ALL]
    x = _column(pooled, "threshold")
    over = lines(
        [Series(name, x, _column(pooled, name)) for name in ("precision", "recall", "f1")],
        "score threshold",
        "share",
        (0, 1),
        (0, 1),
        [Point(threshold, recall, "chosen on val")] if defined else (),
    )
    return [
        ("Precision and recall on test, IoU 0.5", trade),
        ("What a threshold gives on test", over),
    ]


def _training_charts(history: Sequence[Row] | None) -> list[tuple[str, str]]:
    if not history:
        return []
    epochs = _column(history, "epoch")
    charts = []
    for key, title in (("class_loss", "Loss of the scores"), ("box_loss", "Loss of the boxes")):
        series = [
            Series("training, augmented", epochs, _column(history, key)),
            Series("validation, averaged weights", epochs, _column(history, f"val_{key}")),
        ]
        top = max((v for s in series for v in s.ys if v == v), default=1.0)
        charts.append((title, lines(series, "epoch", "loss", y_range=(0, 1.05 * top or 1.0))))
    return charts


def _column(rows: Sequence[Mapping[str, str]], name: str) -> list[float]:
    """A CSV's column as numbers; what is empty becomes NaN."""
    return [float(row[name] or "nan") for row in rows]
