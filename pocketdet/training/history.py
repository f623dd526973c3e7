"""The record of a training as a table and as a picture."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path

from pocketdet.training.epochs import COLUMNS, Epoch
from pocketdet.training.loop import Pace

SLOW_INPUT = 0.1  # share of the time spent waiting for pictures that makes the input the bottleneck


def to_csv(history: Sequence[Epoch], kept: Epoch) -> str:
    """One row an epoch: the attributes of `Epoch`, losses with six digits, and `kept`, 1 or 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "kept"))
    for epoch in history:
        values = (*astuple(epoch), int(epoch == kept))
        # None becomes an empty cell.
        writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in values)
    return text.getvalue()


def line(epoch: Epoch, epochs: int, pace: Pace | None) -> str:
    """An epoch as a line of progress; without a pace it was read from a checkpoint."""
    text = (
        f"epoch {epoch.epoch}/{epochs} ({epoch.phase})  loss {epoch.loss:.3f} "
        f"(class {epoch.class_loss:.3f}, box {epoch.box_loss:.3f})  val {epoch.val_loss:.3f}  "
        f"lr {epoch.learning_rate:.1e}"
    )
    if epoch.val_AP is not None and epoch.val_AP50 is not None:
        text += f"  val AP {epoch.val_AP:.3f}, AP50 {epoch.val_AP50:.3f}"
    if pace is None:
        return f"{text}  (from the checkpoint)"
    minutes, seconds = divmod(round(pace.seconds_left), 60)
    text += f"  {pace.images_per_s:.1f} images/s  {minutes}:{seconds:02} left"
    if pace.waiting > SLOW_INPUT:
        return f"{text}  (bottleneck: input, waiting {pace.waiting:.0%} of the time)"
    return f"{text}  (bottleneck: compute)"


def result(history: Sequence[Epoch], kept: Epoch, epochs: int) -> str:
    """Which epoch was kept, as a line; and whether there were less than `epochs`."""
    ap = "not measured" if kept.val_AP is None else f"{kept.val_AP:.3f}"
    text = f"kept: epoch {kept.epoch} of {epochs} ({kept.phase}), val AP {ap}"
    if len(history) < epochs:
        text += f"; stopped early, {len(history)} epochs done (train.patience)"
    return text


def draw(history: Sequence[Epoch], kept: Epoch, path: Path) -> None:
    """Losses, AP on validation and learning rate over the epochs, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 3.2), layout="constrained")
    axes = figure.subplots(1, 4)
    epochs = [h.epoch for h in history]
    for axis, name, title in zip(
        axes, ("class_loss", "box_loss"), ("Class scores", "Boxes (1 - CIoU)"), strict=False
    ):
        axis.plot(epochs, [getattr(h, name) for h in history], label="train, augmented")
        axis.plot(epochs, [getattr(h, f"val_{name}") for h in history], label="val, averaged")
        axis.set_title(f"{title}: loss")
        axis.legend(frameon=False)
    measured = [h for h in history if h.val_AP is not None]
    axes[2].plot([h.epoch for h in measured], [h.val_AP for h in measured], marker=".")
    axes[2].set_title(f"AP on val; epoch {kept.epoch} is kept")
    axes[3].plot(epochs, [h.learning_rate for h in history], color="tab:green")
    axes[3].set_title("Learning rate of neck and head")
    starts = [h.epoch for last, h in pairwise(history) if h.phase != last.phase]
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.axvline(kept.epoch, color="tab:red", linewidth=1)
        for epoch in starts:
            axis.axvline(epoch - 0.5, color="grey", linestyle=":", linewidth=1)
    figure.savefig(path, dpi=100, metadata={"Software": None})
