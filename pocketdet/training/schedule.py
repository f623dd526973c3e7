"""What changes from step to step: phase, learning rates, decay of the averaged weights."""

import math
from dataclasses import dataclass
from typing import Literal

from pocketdet.config import Train

Phase = Literal["frozen", "unfrozen"]


def settings_for(settings: Train, weights: str) -> Train:
    """The settings, without freezing for a backbone that starts at random: it has all to learn."""
    thawed = {"frozen_epochs": 0, "frozen_stages": 0} if weights == "none" else {}
    return settings.model_copy(update=thawed)


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then a cosine to zero (Loshchilov and Hutter 2017), in two phases.

    Attributes:
        settings: Section `train` of the params.
        steps_per_epoch: Batches an epoch.
    """

    settings: Train
    steps_per_epoch: int

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @property
    def frozen_steps(self) -> int:
        """First steps, in which the backbone does not learn."""
        return self.settings.frozen_epochs * self.steps_per_epoch

    def phase(self, step: int) -> Phase:
        """Phase of a step, counted from 0."""
        return "frozen" if step < self.frozen_steps else "unfrozen"

    def learning_rate(self, step: int) -> float:
        """Of neck and head at a step, counted from 0."""
        return self.settings.learning_rate * self._warm(step) * self._cosine(step)

    def backbone_rate(self, step: int) -> float:
        """Of the backbone; it warms up when it thaws, for its optimiser state is empty then."""
        if self.phase(step) == "frozen":
            return 0.0
        peak = self.settings.learning_rate * self.settings.backbone_factor
        return peak * self._warm(step - self.frozen_steps) * self._cosine(step)

    def ema_decay(self, step: int) -> float:
        """Of the averaged weights: short at first, so that the random start is soon forgotten."""
        return min(self.settings.ema, (1 + step) / (10 + step))

    def _warm(self, step: int) -> float:
        return min(1.0, (step + 1) / (self.settings.warmup_steps + 1))

    def _cosine(self, step: int) -> float:
        return 0.5 * (1 + math.cos(math.pi * step / self.steps))
