"""The report's tables of an evaluation: every measure by class, with interval, slices, errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pocketdet.report.facts import Facts, Row
from pocketdet.report.tables import Table, count, number, table
from pocketdet.scoring.bootstrap import NUMBERS
from pocketdet.scoring.measures import MEASURES, Measure

KINDS = {
    "localisation": "Right class, box off: overlaps an object by 0.1 to 0.5",
    "class": "Box right, wrong class",
    "both": "Box off and wrong class",
    "duplicate": "A second find of an object",
    "background": "Nothing is there",
    "missed": "An object that nothing points at",
}


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix to be coloured.

    Attributes:
        names: Classes, then background.
        rows: Name of the true class, and (count as text, share of the row 0..1) of each found one.
    """

    names: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]


def around(row: Mapping[str, str], name: str) -> str:
    """The 95 % interval of a number, such as "0.50 to 0.55"; empty where there is none."""
    low, high = row.get(f"{name}_low", ""), row.get(f"{name}_high", "")
    return f"{float(low):.2f} to {float(high):.2f}" if low and high else ""


def headline(facts: Facts) -> Table | None:
    """AP, AP50 and AP75 by class and subset, with intervals."""
    return _with_ends(facts.per_class, [m for m in MEASURES if m.name in NUMBERS])


def operating_point(facts: Facts) -> Table | None:
    """What the operating point gives by class, with intervals."""
    return _with_ends(facts.per_class, [m for m in MEASURES if m.part == "point"])


def scores(facts: Facts) -> Table | None:
    """Every number about average precision by subset and class."""
    if not facts.per_class:
        return None
    shown = [m for m in MEASURES if m.part == "scores"]
    rows = [
        (*_who(row), count(row["objects"]), *(number(row[m.name]) for m in shown))
        for row in _test_first(facts.per_class)
    ]
    return table(("Class", "Subset", "Objects", *(m.title for m in shown)), rows, 2)


def undefined(facts: Facts) -> str:
    """Why numbers of the test subset are undefined, in one sentence."""
    reasons: dict[str, list[str]] = {}
    for name, reason in (facts.notes or {}).get("undefined", {}).get("test", {}).items():
        reasons.setdefault(reason, []).append(name.replace("_", " "))
    parts = [f"{reason}: {', '.join(names)}" for reason, names in sorted(reasons.items())]
    return "; ".join(parts) + "." if parts else ""


def slices(facts: Facts) -> Table | None:
    """Subsets and slices, worst AP first, with intervals and identity."""
    if not facts.slices:
        return None
    hashes = {name: row["sha256"] for name, row in (facts.notes or {}).get("slices", {}).items()}
    hashes |= {name: row["sha256"] for name, row in (facts.subsets or {}).items()}
    rows = [
        (
            row["slice"],
            row["expression"],
            count(row["images"]),
            count(row["objects"]),
            *(cell for name in NUMBERS for cell in (number(row[name]), around(row, name))),
            hashes.get(row["slice"], "")[:12],
        )
        for row in facts.slices
    ]
    ends = [cell for name in NUMBERS for cell in (name, "95 %")]
    header = ("Part", "What it holds", "Pictures", "Objects", *ends, "sha256")
    return table(header, rows, 2)


def errors(facts: Facts) -> Table | None:
    """Kinds of errors, and what fixing each alone would gain."""
    if not facts.errors:
        return None
    rows = [
        (row["kind"], KINDS[row["kind"]], count(row["count"]), number(row["AP50_gained"]))
        for row in facts.errors
    ]
    return table(("Kind", "What it is", "How many", "AP50 gained if fixed"), rows, 2)


def confusion(facts: Facts) -> Confusion | None:
    """Who is taken for whom at the operating point."""
    if not facts.confusion:
        return None
    names = [name for name in facts.confusion[0] if name != "true"]
    rows = []
    for row in facts.confusion:
        total = sum(int(row[name]) for name in names) or 1
        rows.append((row["true"], [(row[n], int(row[n]) / total) for n in names]))
    return Confusion(names, rows)


def _with_ends(per_class: Sequence[Row] | None, measures: Sequence[Measure]) -> Table | None:
    if not per_class:
        return None
    ends = {m.name: f"{m.name}_low" in per_class[0] for m in measures}
    header = ["Class", "Subset", "Objects"]
    for m in measures:
        header += [m.title, "95 %"] if ends[m.name] else [m.title]
    rows = []
    for row in _test_first(per_class):
        cells = [*_who(row), count(row["objects"])]
        for m in measures:
            cells += [number(row[m.name])] + ([around(row, m.name)] if ends[m.name] else [])
        rows.append(cells)
    return table(header, rows, 2)


def _test_first(per_class: Sequence[Row]) -> list[Row]:
    return sorted(per_class, key=lambda row: row["subset"] != "test")


def _who(row: Row) -> tuple[str, str]:
    return row["class"], row["subset"]
