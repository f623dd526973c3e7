"""What the epochs came to, which of them is the result, and when more of them are no use."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pocketdet.training.schedule import Schedule


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: a row of history.csv, whose columns are these names.

    Attributes:
        epoch: From 1.
        step: Its last step, counted from 1 as if no epoch had been skipped.
        phase: Its name in params, `train.phases`.
        learning_rate: Of weights that have no factor, at its last step.
        loss: Mean over its steps of the losses below, weighted as in params.
        class_loss: Mean cross-entropy of the scores.
        box_loss: Mean 1 - CIoU of the boxes.
        distance_loss: Mean loss of an anchor-free head's distributions, else 0.
        teacher_loss: Mean of what differing from `train.distill.teacher` cost, weighted.
        grad_norm: Mean norm of the gradient before clipping.
        val_loss: `loss` on the validation subset, of the averaged weights and without a teacher.
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
    teacher_loss: float
    grad_norm: float
    val_loss: float
    val_class_loss: float
    val_box_loss: float
    val_distance_loss: float
    val_AP: float | None
    val_AP50: float | None


COLUMNS = tuple(field.name for field in fields(Epoch))


def measured(epoch: int, schedule: Schedule) -> bool:
    """Whether AP is measured after an epoch, counted from 1."""
    ends = (schedule.float_epochs, schedule.settings.epochs)
    return epoch % schedule.settings.validate_every == 0 or epoch in ends


def kept(history: Sequence[Epoch], schedule: Schedule) -> Epoch:
    """The epoch whose averaged weights are the result so far, as `train.keep` says.

    Args:
        history: At least one.
        schedule: Of the training.
    """
    return _best(history, schedule) if schedule.settings.keep == "best" else history[-1]


def following(history: Sequence[Epoch], schedule: Schedule) -> int:
    """The epoch to go on with, counted from 0; `train.epochs` when there is none.

    Where `train.patience` ends, the epochs with rounding are next, and after those nothing.
    """
    if not history:
        return 0
    last, patience = history[-1], schedule.settings.patience
    waited = last.epoch - _best(history, schedule).epoch
    if patience and last.val_AP is not None and waited >= patience:
        left = last.epoch <= schedule.float_epochs
        return schedule.float_epochs if left else schedule.settings.epochs
    return last.epoch


def _best(history: Sequence[Epoch], schedule: Schedule) -> Epoch:
    """The one with the highest AP, of equals the first; of rounded ones where there are any.

    Without an AP, because none was measured yet or validation has no object, it is the last.
    """
    rounded = [h for h in history if h.epoch > schedule.float_epochs]
    scored = [h for h in rounded or history if h.val_AP is not None]
    return max(scored, key=lambda h: h.val_AP or 0.0, default=history[-1])
