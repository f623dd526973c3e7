"""Plots as PNG files, for MLflow, `dvc plots` and slides; the page draws its own (charts.py)."""

from collections.abc import Mapping
from pathlib import Path

from pocketdet.dataset import ALL
from pocketdet.scoring.results import SubsetResult

MAX_CLASSES = 6  # more lines than that are no picture; the table has them all


def precision_recall(results: Mapping[str, SubsetResult], path: Path) -> None:
    """Precision over recall per class on test, pooled on val and test, operating point marked.

    Args:
        results: "val" and "test".
        path: Of the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    val, test = results["val"].curves, results["test"].curves
    figure = Figure(figsize=(6.4, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    tally = results["test"].tally
    for k, name in enumerate(results["test"].dataset.classes[:MAX_CLASSES]):
        (line,) = axes.plot(test[name].recall, test[name].precision, lw=1.2, label=f"{name}, test")
        hits, alarms, objects = tally.of(k)
        if objects and hits + alarms:
            axes.plot([hits / objects], [hits / (hits + alarms)], "o", c=line.get_color(), ms=7)
    axes.plot(val[ALL].recall, val[ALL].precision, "--", c="grey", lw=1, label="all, val")
    axes.plot(test[ALL].recall, test[ALL].precision, c="black", lw=2, label="all, test")
    hits, alarms, objects = tally.of(None)
    if objects and hits + alarms:
        at = hits / objects, hits / (hits + alarms)
        axes.plot(*([each] for each in at), "o", c="crimson", ms=8, zorder=5)
        axes.annotate("operating point", at, (-10, -16), textcoords="offset points", ha="right")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall at IoU 0.5, operating point marked", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path, metadata={"Software": None})
