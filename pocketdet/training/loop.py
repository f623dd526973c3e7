"""The training itself: epochs of steps, checkpoints, and a record of each epoch."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from pocketdet.detector.losses import Losses
from pocketdet.errors import TrainingError
from pocketdet.inputs.batches import Batches
from pocketdet.training.checkpoint import Checkpoint
from pocketdet.training.learner import Learner
from pocketdet.training.schedule import Schedule
from pocketdet.training.watch import Watch


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: a row of history.csv, whose columns are these names.

    Attributes:
        epoch: From 1.
        step: Steps done since the start.
        phase: Its name in params, `train.phases`.
        learning_rate: Of weights that have no factor, at its last step.
        loss: Mean over its steps of the losses below, weighted as in params.
        class_loss: Mean cross-entropy of the scores.
        box_loss: Mean 1 - CIoU of the boxes.
        distance_loss: Mean loss of an anchor-free head's distributions, else 0.
        grad_norm: Mean norm of the gradient before clipping.
        val_loss: `loss` on the validation subset, of the averaged weights.
        val_class_loss: `class_loss` there.
        val_box_loss: `box_loss` there.
        val_distance_loss: `distance_loss` there.
        val_AP: COCO's AP, 0..1, of the averaged weights on `train.validate_images` pictures of the
            validation subset; None (empty in the file) where it was not measured.
        val_AP50: The same at IoU 0.5.
    """

    epoch: int
    step: int
    phase: str
    learning_rate: float
    loss: float
    class_loss: float
    box_loss: float
    distance_loss: float
    grad_norm: float
    val_loss: float
    val_class_loss: float
    val_box_loss: float
    val_distance_loss: float
    val_AP: float | None
    val_AP50: float | None


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

COLUMNS = tuple(field.name for field in fields(Epoch))


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

    Args:
        learner: The net and its optimiser.
        schedule: Phases and rates.
        train: Pictures to learn from.
        val: Pictures to watch by; nothing depends on them.
        watch: Scores the net on some of them, every `train.validate_every` epochs and at the end.
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
    notes = checkpoint.load(learner.state()) or {"history": [], "ranges": {}}
    history = [Epoch(**row) for row in notes["history"]]
    if notes["ranges"]:
        learner.quantise(notes["ranges"])
    for past in history:
        yield past, None
    for epoch in range(len(history), settings.epochs):
        started = time.monotonic()
        if epoch * schedule.steps_per_epoch == schedule.float_steps:
            learner.average.swap_in()  # and not out again: rounding starts from the best weights
            numbers = range(min(MEASURED, train.steps))
            learner.quantise(learner.measure(train.batch(epoch, i, mosaic=False) for i in numbers))
        mosaic = epoch < settings.mosaic_until * settings.epochs
        rows, waited = _epoch(learner, schedule, train, epoch, mosaic, checkpoint, on_step)
        learnt = time.monotonic() - started
        learner.average.swap_in()
        due = (epoch + 1) % settings.validate_every == 0 or epoch + 1 == settings.epochs
        losses = _validation(learner, val, watch if due else None)
        ap = watch.ap() if due else (None, None)
        record = _record(epoch, schedule, rows, losses, ap)
        history.append(record)
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
            notes = {"history": [asdict(h) for h in history], "ranges": learner.ranges}
            checkpoint.save(learner.state(), notes)
    learner.average.swap_in()


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
    return tuple(means.tolist())


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
