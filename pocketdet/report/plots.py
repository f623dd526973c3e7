"""Plots as PNG files, for MLflow, `dvc plots` and slides; the page draws its own (charts.py)."""

from collections.abc import Mapping
from pathlib import Path

from pocketdet.scoring.operating_point import ALL, Choice, Curve

MAX_CLASSES = 6  # more lines than that are no picture; the table has them all


def precision_recall(curves: Mapping[str, Mapping[str, Curve]], choice: Choice, path: Path) -> None:
    """Precision over recall per class on test, pooled on val and test, operating point marked.

    Args:
        curves: "val" and "test" -> "(all)" or class -> curve.
        choice: The operating point.
        path: Of the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if len(curves["test"]) - 1 <= MAX_CLASSES:
        for name, curve in curves["test"].items():
            if name != ALL:
                axes.plot(curve.recall, curve.precision, lw=1.2, label=f"{name}, test")
    axes.plot(
        curves["val"][ALL].recall, curves["val"][ALL].precision, "--", c="grey", lw=1, label="val"
    )
    axes.plot(
        curves["test"][ALL].recall, curves["test"][ALL].precision, c="black", lw=2, label="test"
    )
    at = curves["test"][ALL].at(choice.threshold)
    if at["precision"] is not None and at["recall"] is not None:
        axes.plot([at["recall"]], [at["precision"]], "o", c="crimson", ms=8, zorder=5)
        axes.annotate(
            f"score ≥ {choice.threshold:g}",
            (at["recall"], at["precision"]),
            (-10, -16),
            textcoords="offset points",
            ha="right",
        )
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision")
    axes.set_title("Precision and recall at IoU 0.5, operating point marked", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(path, metadata={"Software": None})
