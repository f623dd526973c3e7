"""The report of a run: one HTML page that opens offline, verdict first."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pocketdet.dataset import ALL
from pocketdet.report import score_charts, score_tables, tables
from pocketdet.report.embedded import Room
from pocketdet.report.facts import Facts, Row
from pocketdet.report.pages import fill
from pocketdet.report.tables import number
from pocketdet.report.verdict import Verdict

MAX_PICTURE_BYTES = 9_000_000  # of the page's pictures together, as base64; the page stays < 15 MB
SECTIONS = (
    ("verdict", "Verdict"),
    ("scores", "Scores"),
    ("slices", "Slices"),
    ("errors", "Errors"),
    ("pictures", "By eye"),
    ("point", "Operating point"),
    ("data", "Data"),
    ("training", "Training"),
    ("conversion", "Conversion"),
    ("profile", "Profile"),
    ("design", "Design"),
)
LINKS = "<!-- links -->"
"""Where `pocketdet report` writes the MLflow run and the commit, which differ from run to run."""

SHEETS = {
    "background": "False alarms on background, the surest first",
    "missed": "Missed objects, the largest first",
    "class": "Confusions: found, but as another class",
    "localisation": "Badly placed: the right class, IoU of 0.1 to 0.5",
    "duplicate": "Found twice",
    "both": "Badly placed and of another class",
}
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
    room = Room(MAX_PICTURE_BYTES)
    evaluated = reports / "evaluate"
    sheet = room.embed(evaluated / "sheet.jpg", "Detections on test pictures")
    preview = room.embed(
        reports / "augment/preview.jpg", "Photos as they are, and as training sees them"
    )
    costs_picture = room.embed(reports / "design/costs.png", "Costs in the order of execution")
    sheets = [room.embed(evaluated / f"errors/{kind}.jpg", text) for kind, text in SHEETS.items()]
    sheets.append(
        room.embed(evaluated / "errors/suspects.jpg", "Is the annotation right? Of all subsets")
    )
    return fill(
        "page.html",
        name=name,
        sections=SECTIONS,
        tones=TONES,
        number=number,
        verdict=verdict,
        lead=_headline(facts),
        tiles=list(_tiles(facts)),
        links=LINKS,
        headline=score_tables.headline(facts),
        headline_charts=score_charts.headline(facts),
        scores=score_tables.scores(facts),
        undefined=score_tables.undefined(facts),
        slices=score_tables.slices(facts),
        bootstrap=(facts.notes or {}).get("bootstrap"),
        errors=score_tables.errors(facts),
        confusion=score_tables.confusion(facts),
        error_charts=score_charts.errors(facts),
        sheets=[sheet for sheet in sheets if sheet],
        sheet=sheet,
        worst=list(room.album(evaluated / "pictures").values()),
        samples=list(room.album(evaluated / "samples").values()),
        left_out=room.left_out,
        point=facts.point,
        reasons=(facts.notes or {}).get("operating_point", {}).get("reasons", {}),
        point_table=score_tables.operating_point(facts),
        point_charts=score_charts.operating_point(facts),
        training_charts=score_charts.training(facts.history),
        training=tables.training(facts),
        teacher=tables.teacher(facts),
        preview=preview,
        subsets=tables.subsets(facts),
        sources=tables.sources(facts),
        drops=tables.drops(facts),
        analysis="../analyse/index.html" if (reports / "analyse/index.html").exists() else "",
        ledger=tables.ledger(facts),
        remedies=tables.remedies(facts),
        ledger_notes=tables.ledger_notes(facts),
        profile=tables.profile(facts),
        profile_note=tables.profile_note(facts),
        measured=tables.measured(facts),
        design=tables.design(facts),
        rationale=tables.design_rationale(facts),
        candidates=tables.candidates(facts),
        order=(facts.design or {}).get("ranking", {}).get("order", ""),
        blocks=tables.blocks(facts),
        costs=tables.costs(facts),
        costs_picture=costs_picture,
        identity=(facts.training or {}).get("weights_sha256", ""),
    )


@dataclass(frozen=True)
class Tile:
    """A headline number."""

    value: str
    name: str
    unit: str = ""
    around: str = ""


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
        how = "estimated" if latency["basis"] == "estimated" else "measured"
        text += f" and is {how} to need {latency['ms']:.0f} ms ({card['title']})"
    return text + "."


def _tiles(facts: Facts) -> Iterator[Tile]:
    test = {r["class"]: r for r in facts.per_class or () if r["subset"] == "test"}
    classes = (facts.net or {}).get("classes", [])[:2]
    for key in ("AP", "AP50"):
        if ALL in test:
            yield _measured(test[ALL], key, f"{key} on test")
    for label in classes if len(classes) > 1 else ():
        if label in test:
            yield _measured(test[label], "AP50", f"AP50 of {label}")
    for key in ("precision", "recall"):
        if ALL in test:
            yield _measured(test[ALL], key, f"{key} at the operating point")
    int8 = (facts.profile or {}).get("files", {}).get("int8")
    if int8:
        yield Tile(f"{int8['size_mb']:.2f}", "int8 file", "MB")
        yield Tile(f"{int8['mmac']:.0f}", "multiply-accumulates", "million")
    if facts.design:
        yield Tile(
            f"{facts.design['latency']['ms']:.0f}",
            f"{facts.design['card']['title']}, {facts.design['latency']['basis']}",
            "ms",
        )


def _measured(row: Row, key: str, name: str) -> Tile:
    return Tile(number(row[key]), name, around=score_tables.around(row, key))
