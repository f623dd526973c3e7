"""The training itself: epochs of steps, checkpoints, and a record of each epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pocketdet.detector.losses import Losses
from pocketdet.errors import TrainingError
from pocketdet.inputs.batches import Batches
from pocketdet.training.checkpoint import Checkpoint
from pocketdet.training.epochs import COLUMNS, Epoch, following, kept, measured
from pocketdet.training.learner import Learner
from pocketdet.training.schedule import Schedule
from pocketdet.training.watch import Watch


@dataclass(frozen=True)
class Pace:
    """How fast it went; kept apart from `Epoch`, for it differs from run to run.

    Attributes:
        images_per_s: Training pictures a second.
        waiting: Share of the time, 0..1, that the net waited for pictures.
        seconds_left: Until the last epoch ends, at this pace.
    """

    images_per_s: float
    waiting: float
    seconds_left: float


EXPLODED = 1e5  # a loss that starts at some tens and is above this will not come back

MEASURED = 8  # batches that int8's ranges come from


def fit(
    learner: Learner,
    schedule: Schedule,
    train: Batches,
    val: Batches,
    watch: Watch,
    checkpoint: Checkpoint,
    on_step: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[Epoch, Pace | None]]:
    """Train from the start or from the checkpoint; at the end the net holds the averaged weights.

    They are of the epoch that `train.keep` chooses; rounding starts from the one chosen so far.

    Args:
        learner: The net and its optimiser.
        schedule: Phases and rates.
        train: Pictures to learn from.
        val: Pictures to watch by.
        watch: Scores the net on some of them where `epochs.measured` says so.
        checkpoint: Where the state is kept meanwhile. The caller removes it when the result is
            safe.
        on_step: Called after each step with the number of steps done.

    Yields:
        Every epoch, those before the checkpoint too, without a pace. The average is in place while
        the caller looks at an epoch, so that it may score the net.

    Raises:
        TrainingError: The loss is no number any more, memory is short, or the checkpoint is broken.
    """
    settings = schedule.settings
    notes = checkpoint.load(learner.state()) or {"history": [], "ranges": {}, "kept_ranges": {}}
    history = [Epoch(**row) for row in notes["history"]]
    learner.kept_ranges = notes["kept_ranges"]
    if notes["ranges"]:
        learner.quantise(notes["ranges"])
    for past in history:
        yield past, None
    while (epoch := following(history, schedule)) < settings.epochs:
        started = time.monotonic()
        if epoch == schedule.float_epochs:
            learner.restore()
            measure_ranges(learner, train, epoch)
        mosaic = epoch < settings.mosaic_until * settings.epochs
        rows, waited = _epoch(learner, schedule, train, epoch, mosaic, checkpoint, on_step)
        learnt = time.monotonic() - started
        learner.average.swap_in()
        if epoch >= schedule.float_epochs:
            measure_ranges(learner, train, epoch)
        due = measured(epoch + 1, schedule)
        losses = _validation(learner, val, watch if due else None)
        ap = watch.ap() if due else (None, None)
        record = _record(epoch, schedule, rows, losses, ap)
        history.append(record)
        if kept(history, schedule) is record:
            learner.keep()
        took = time.monotonic() - started
        yield (
            record,
            Pace(
                len(rows) * settings.batch / learnt,
                waited / learnt,
                took * (settings.epochs - epoch - 1),
            ),
        )
        learner.average.swap_out()
        if (epoch + 1) % settings.checkpoint_every == 0:
            notes = {"ranges": learner.ranges, "kept_ranges": learner.kept_ranges}
            checkpoint.save(learner.state(), notes | {"history": [asdict(h) for h in history]})
    learner.restore()


def measure_ranges(learner: Learner, train: Batches, epoch: int) -> None:
    """Round by the ranges that the net has with its present weights."""
    numbers = range(min(MEASURED, train.steps))
    learner.quantise(learner.measure(train.batch(epoch, i, mosaic=False) for i in numbers))


def _epoch(
    learner: Learner,
    schedule: Schedule,
    train: Batches,
    epoch: int,
    mosaic: bool,
    checkpoint: Checkpoint,
    on_step: Callable[[int], None],
) -> tuple[list[tuple[float, ...]], float]:
    """Losses and gradient norm of each step, and the seconds spent waiting for pictures."""
    rows: list[tuple[float, ...]] = []
    waited, asked = 0.0, time.monotonic()
    for i, batch in enumerate(train.prefetch(epoch, mosaic=mosaic)):
        waited += time.monotonic() - asked
        step = epoch * schedule.steps_per_epoch + i
        losses, norm = learner.learn(step, batch)
        if not all(map(math.isfinite, (*losses, norm))) or losses.total > EXPLODED:
            saved = checkpoint.keep(batch._asdict())
            raise TrainingError(
                f"epoch {epoch + 1}, step {i + 1}: the loss is {losses.total}, the gradient's norm "
                f"{norm}; lower train.learning_rate or train.clip_norm, or look at the pictures of "
                f"this batch (kept in {saved}): {', '.join(train.names(epoch, i))}"
            )
        rows.append((*losses, norm))
        on_step(step + 1)
        asked = time.monotonic()
    return rows, waited


def _validation(learner: Learner, val: Batches, watch: Watch | None) -> tuple[float, ...]:
    """Mean losses, each batch weighted by its pictures; on the way the outputs are watched."""
    rows: list[Losses] = []
    sizes: list[int] = []
    for batch in val.prefetch(0):
        losses, outputs = learner.validate(batch)
        if watch:
            watch.add(sum(sizes), batch, outputs)
        rows.append(losses)
        sizes.append(len(batch.images))
    means = np.average(np.array(rows), axis=0, weights=sizes)
    *losses, _ = means.tolist()  # no teacher is asked
    return tuple(losses)


def _record(
    epoch: int,
    schedule: Schedule,
    rows: list[tuple[float, ...]],
    val: tuple[float, ...],
    ap: tuple[float | None, float | None],
) -> Epoch:
    last = (epoch + 1) * schedule.steps_per_epoch - 1
    means = np.mean(rows, axis=0).tolist()  # losses, then the norm
    phase, rate = schedule.part(last).phase.name, schedule.learning_rate(last)
    values: list[Any] = [epoch + 1, last + 1, phase, rate, *means, *val, *ap]
    return Epoch(**dict(zip(COLUMNS, values, strict=True)))
