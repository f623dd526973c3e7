"""Two runs beside each other: what changed, by how much, and whether that is more than luck.

A run is a folder with a project's `reports`: evaluate's files and, where they are there, those of
other stages, and params.yaml. Where both were tested on the same pictures and objects, differences
have paired intervals: both are scored on the same resamples of the pictures.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pocketdet.dataset import ALL
from pocketdet.params_file import leaves
from pocketdet.report.embedded import Embedded, Room
from pocketdet.report.facts import Row
from pocketdet.report.page import MAX_PICTURE_BYTES
from pocketdet.report.pages import fill
from pocketdet.report.paired import Difference, Run, verdict
from pocketdet.report.row_charts import Whisker, whiskers
from pocketdet.report.tables import Table, number, table
from pocketdet.scoring.bootstrap import Interval, Intervals, Plan
from pocketdet.scoring.measures import MEASURES


@dataclass(frozen=True)
class Pair:
    """The same picture in both runs."""

    old: Embedded
    new: Embedded


def render(old: Run, new: Run, plan: Plan, difference: Difference) -> str:
    """The page.

    Args:
        old: The run compared with.
        new: The run in question; a positive difference speaks for it.
        plan: Of the bootstrap.
        difference: Of the two.
    """
    found = difference.intervals
    word, sentence = verdict(found, old.name, new.name)
    return fill(
        "comparison.html",
        sections=(),
        old=old,
        new=new,
        word=word,
        sentence=sentence,
        why=difference.why,
        plan=plan,
        chart=_chart(found),
        differences=_differences(found, new),
        measures=_measures(old, new),
        slices=_rows(old.facts.slices, new.facts.slices, "slice", ("AP", "AP50", "AP75")),
        errors=_rows(old.facts.errors, new.facts.errors, "kind", ("count", "AP50_gained")),
        files=_files(old, new),
        params=_params(old, new),
        pairs=list(_pairs(old, new)),
    )


def _chart(found: Intervals | None) -> str:
    if found is None:
        return ""
    rows = [_whisker(name, interval, True) for name, interval in found.overall.items()]
    for name, numbers in found.per_class.items():
        rows.append(_whisker(f"AP of {name}", numbers["AP"], False))
    return whiskers(rows, "difference, new minus old", zero=True)


def _whisker(name: str, interval: Interval, strong: bool) -> Whisker:
    return Whisker(name, interval.value, interval.low, interval.high, strong)


def _differences(found: Intervals | None, new: Run) -> Table | None:
    if found is None:
        return None
    rows = []
    for name, numbers in {ALL: found.overall, **found.per_class}.items():
        for measure, i in numbers.items():
            defined = i.low is not None and i.high is not None and i.below_zero is not None
            around = f"{i.low:+.3f} to {i.high:+.3f}" if defined else ""
            chance = f"{100 * i.below_zero:.0f} %" if i.below_zero is not None else "–"
            value = "–" if i.value is None else f"{i.value:+.3f}"
            rows.append((name, measure, value, around, chance))
    header = ("Class", "Number", "Difference", "95 %", f"Probability that {new.name} is worse")
    return table(header, rows, 2)


def _measures(old: Run, new: Run) -> Table:
    """Every measure of all classes on test."""
    before, after = (_of_test(run) for run in (old, new))
    rows = []
    for m in MEASURES:
        a, b = before.get(m.name, ""), after.get(m.name, "")
        if not a and not b:
            continue
        rows.append((m.title, number(a), number(b), *_change(a, b, m.more_is_better)))
    return table(("All classes, test", old.name, new.name, "Difference", ""), rows, 1)


def _of_test(run: Run) -> Row:
    rows = run.facts.per_class or []
    return next((r for r in rows if (r["subset"], r["class"]) == ("test", ALL)), {})


def _change(a: str, b: str, more_is_better: bool) -> tuple[str, str]:
    """Difference, and a mark for the better one."""
    if not a or not b:
        return "–", ""
    change = round(float(b) - float(a), 3)
    if not change:
        return "0", ""
    word = "better" if (change > 0) == more_is_better else "worse"
    whole = a.isdigit() and b.isdigit()
    return f"{change:+.0f}" if whole else f"{change:+.3f}", word


def _rows(
    before: Sequence[Row] | None, after: Sequence[Row] | None, key: str, names: Sequence[str]
) -> Table | None:
    """Rows of both tables with the same key, numbers beside each other."""
    if not before or not after:
        return None
    old = {row[key]: row for row in before}
    rows = []
    for row in after:
        cells = [row[key]]
        for name in names:
            a, b = old.get(row[key], {}).get(name, ""), row[name]
            cells += [number(a), number(b), _change(a, b, True)[0]]
        rows.append(cells)
    header = [key.capitalize()]
    for name in names:
        header += [f"{name.replace('_', ' ')}, old", "new", "difference"]
    return table(header, rows, 1)


def _files(old: Run, new: Run) -> Table | None:
    """Size, work and loss of the files that both runs have."""
    both = [run.facts for run in (old, new)]
    if not all(f.profile for f in both):
        return None
    rows = []
    sizes = [(f.profile or {}).get("files", {}) for f in both]
    drops = [(f.ledger or {}).get("files", {}) for f in both]
    keys = (("MB", "size_mb"), ("MMAC", "mmac"), ("peak activations, MB", "peak_activation_mb"))
    for name in (each for each in sizes[0] if each in sizes[1]):
        for title, key in keys:
            rows.append((f"{name}, {title}", *(number(each[name][key]) for each in sizes)))
        if all(name in each for each in drops):
            lost = (number(each[name]["ap_drop"]) for each in drops)
            rows.append((f"{name}, AP points lost", *lost))
    times = [(f.design or {}).get("latency", {}).get("ms") for f in both]
    rows.append(("latency on the device, ms", *map(number, times)))
    return table(("", old.name, new.name), rows, 1)


def _params(old: Run, new: Run) -> Table | None:
    """The keys of params.yaml that differ; None where one is unknown."""
    import yaml

    paths = [run.folder / "params.yaml" for run in (old, new)]
    if not all(path.is_file() for path in paths):
        return None
    before, after = (
        dict(leaves("", yaml.safe_load(path.read_text(encoding="utf-8")))) for path in paths
    )
    rows = [
        (key, before.get(key, "–"), after.get(key, "–"))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]
    return Table(("Key", old.name, new.name), rows, ())


def _pairs(old: Run, new: Run) -> Iterator[Pair]:
    """Pictures that both runs drew."""
    room = Room(MAX_PICTURE_BYTES)
    before, after = (room.album(run.folder / "reports/evaluate/samples") for run in (old, new))
    for name, picture in before.items():
        if name in after:
            yield Pair(picture, after[name])
