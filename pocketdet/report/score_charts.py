"""The report's charts of an evaluation, from its CSV files."""

from collections.abc import Mapping, Sequence

from pocketdet.dataset import ALL
from pocketdet.report.charts import Point, Series, lines
from pocketdet.report.facts import Facts, Row
from pocketdet.report.row_charts import Whisker, bars, whiskers

MAX_CLASSES = 5  # lines in a chart
MAX_ROWS = 21  # of a chart of classes, that of all among them
Chart = tuple[str, str]
"""Title and markup."""


def headline(facts: Facts) -> list[Chart]:
    """AP50 by class and AP by slice, with intervals."""
    charts = []
    if facts.per_class:
        test = [row for row in facts.per_class if row["subset"] == "test"]
        title = "AP50 on test, with 95 % intervals"
        if len(test) > MAX_ROWS:
            test[1:] = sorted(test[1:], key=lambda row: float(row["AP50"] or 2))[: MAX_ROWS - 1]
            title += f": the {MAX_ROWS - 1} worst classes"
        rows = [_whisker(row, "class", "AP50", row["class"] == ALL) for row in test]
        charts.append((title, whiskers(rows, "AP50")))
    if facts.slices:
        rows = [
            _whisker(row, "slice", "AP", not row["expression"])
            for row in facts.slices
            if row["slice"] != "val"
        ]
        charts.append(("AP of the slices of test, worst first", whiskers(rows, "AP")))
    return charts


def errors(facts: Facts) -> list[Chart]:
    """What fixing each kind of error would gain, and how far scores are probabilities."""
    charts = []
    if facts.errors:
        rows = [(row["kind"], float(row["AP50_gained"] or "nan")) for row in facts.errors]
        amounts = [(kind, None if gain != gain else gain) for kind, gain in rows]
        charts.append(("What each kind of error costs", bars(amounts, "AP50 gained if fixed")))
    if facts.reliability:
        filled = [row for row in facts.reliability if row["precision"]]
        names = list(dict.fromkeys(row["class"] for row in filled))
        series = [Series("ideal", (0, 1), (0, 1), thin=True)]
        for name in names if len(names) <= MAX_CLASSES + 1 else [ALL]:
            mine = [row for row in filled if row["class"] == name]
            label = "all classes" if name == ALL else name
            xs, ys = column(mine, "mean_score"), column(mine, "precision")
            series.append(Series(label, xs, ys, thin=name != ALL))
        chart = lines(series, "mean score of a bin", "share of hits", (0, 1), (0, 1))
        charts.append(("How far a score is a probability", chart))
    return charts


def operating_point(facts: Facts) -> list[Chart]:
    """Precision over recall by class, the operating point marked; both over the threshold."""
    if not (facts.curves and facts.per_class):
        return []
    by_class: dict[str, list[Row]] = {}
    for row in facts.curves:
        if row["subset"] == "test":
            by_class.setdefault(row["class"], []).append(row)
    shown = [name for name in by_class if name == ALL or len(by_class) <= MAX_CLASSES + 1]
    at = {row["class"]: row for row in facts.per_class if row["subset"] == "test"}
    points = [
        Point(
            float(at[name]["recall"]),
            float(at[name]["precision"]),
            "operating point" if name == ALL else "",
            None if name == ALL else i,
        )
        for i, name in enumerate(shown)
        if at[name]["recall"] and at[name]["precision"]
    ]
    points.reverse()  # that of all classes on top
    series = [
        Series(
            "all classes" if name == ALL else name,
            column(by_class[name], "recall"),
            column(by_class[name], "precision"),
            thin=name != ALL,
        )
        for name in shown
    ]
    trade = lines(series, "recall", "precision", (0, 1), (0, 1), points)
    pooled = by_class[ALL]
    x = column(pooled, "threshold")
    over = lines(
        [Series(name, x, column(pooled, name)) for name in ("precision", "recall", "f1")],
        "score threshold, one for all classes",
        "share",
        (0, 1),
        (0, 1),
    )
    return [("Precision and recall on test, IoU 0.5", trade), ("What a threshold gives", over)]


def training(history: Sequence[Row] | None) -> list[Chart]:
    """Losses over the epochs, and AP on val where it was measured."""
    if not history:
        return []
    epochs = column(history, "epoch")
    charts = []
    for key, title in (("class_loss", "Loss of the scores"), ("box_loss", "Loss of the boxes")):
        series = [
            Series("training, augmented", epochs, column(history, key)),
            Series("validation, averaged weights", epochs, column(history, f"val_{key}")),
        ]
        top = max((v for s in series for v in s.ys if v == v), default=1.0)
        charts.append((title, lines(series, "epoch", "loss", y_range=(0, 1.05 * top or 1.0))))
    measured = [row for row in history if row.get("val_AP")]
    if measured:
        when = column(measured, "epoch")
        series = [
            Series(name, when, column(measured, f"val_{name}"))
            for name in ("AP", "AP50")
            if all(row.get(f"val_{name}") for row in measured)
        ]
        ends = min(epochs), max(epochs)
        chart = lines(series, "epoch", "AP on val", ends if ends[0] < ends[1] else None, (0, 1))
        charts.append(("Average precision while training", chart))
    return charts


def column(rows: Sequence[Mapping[str, str]], name: str) -> list[float]:
    """A CSV's column as numbers; what is empty becomes NaN."""
    return [float(row[name] or "nan") for row in rows]


def _whisker(row: Row, name: str, number: str, strong: bool) -> Whisker:
    value, low, high = (
        float(row[key]) if row.get(key) else None
        for key in (number, f"{number}_low", f"{number}_high")
    )
    label = "all classes" if row[name] == ALL else row[name].replace("_", " ")
    return Whisker(label, value, low, high, strong)
