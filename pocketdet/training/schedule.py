"""What changes from step to step: phase, learning rates, decay of the averaged weights."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pocketdet.config import Phase, Train
from pocketdet.errors import TrainingError


def settings_for(settings: Train, weights: str) -> Train:
    """The settings, without freezing for a backbone that starts at random: it has all to learn."""
    if weights != "none":
        return settings
    phases = []
    for phase in settings.phases:
        # What is there to freeze for a while is left out.
        only = phase.frozen and phase.epochs != "rest" and not phase.quantise
        changes = {"frozen": ()} | ({"epochs": 0} if only else {})
        phases.append(phase.model_copy(update=changes))
    return settings.model_copy(update={"phases": tuple(phases)})


# What a weight's learning rate is multiplied by in each part; 0 where it is frozen.
Factors = tuple[float, ...]


@dataclass(frozen=True)
class Part:
    """A phase with its place.

    Attributes:
        phase: Its settings.
        start: Its first step, counted from 0.
        stop: The first step after it.
    """

    phase: Phase
    start: int
    stop: int


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then a cosine to zero (Loshchilov and Hutter 2017), and another where it is rounded.

    Attributes:
        settings: Section `train` of the params.
        steps_per_epoch: Batches an epoch.
    """

    settings: Train
    steps_per_epoch: int

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The phases that have epochs, in order."""
        phases = self.settings.phases
        fixed = sum(p.epochs for p in phases if p.epochs != "rest")
        parts, start = [], 0
        for phase in phases:
            epochs = self.settings.epochs - fixed if phase.epochs == "rest" else phase.epochs
            stop = start + epochs * self.steps_per_epoch
            if epochs:
                parts.append(Part(phase, start, stop))
            start = stop
        return tuple(parts)

    @property
    def steps(self) -> int:
        """Of the whole training."""
        return self.settings.epochs * self.steps_per_epoch

    @cached_property
    def float_steps(self) -> int:
        """Those before the net is rounded."""
        return min([part.start for part in self.parts if part.phase.quantise], default=self.steps)

    @property
    def float_epochs(self) -> int:
        """Those before the net is rounded."""
        return self.float_steps // self.steps_per_epoch

    def part(self, step: int) -> Part:
        """Part that a step, counted from 0, lies in."""
        return next(part for part in self.parts if step < part.stop)

    def check(self, paths: Sequence[str]) -> None:
        """Refuse phases that do not fit a net.

        Args:
            paths: Of its weights.

        Raises:
            TrainingError: A phase freezes everything, or a pattern matches nothing.
        """
        for number, part in enumerate(self.parts):
            key = f"params.yaml: train.phases, {part.phase.name}"
            for pattern in (*part.phase.frozen, *part.phase.factors):
                if not any(re.match(pattern, path) for path in paths):
                    raise TrainingError(
                        f"{key}: no weight's name begins with {pattern!r}; they are called like "
                        f"{paths[0]} and {paths[-1]}"
                    )
            if not any(self.factors(path)[number] for path in paths):
                raise TrainingError(f"{key}: nothing learns; freeze less")

    def factors(self, path: str) -> Factors:
        """Of a weight."""
        return tuple(
            0.0
            if any(re.match(pattern, path) for pattern in part.phase.frozen)
            else next((f for p, f in part.phase.factors.items() if re.match(p, path)), 1.0)
            for part in self.parts
        )

    def rate(self, step: int, factors: Factors) -> float:
        """Learning rate of weights of these factors.

        They warm up when they begin to learn, for their optimiser state is empty then.
        """
        part = self.part(step)
        peak = self.settings.learning_rate * part.phase.rate * factors[self.parts.index(part)]
        warm = min(1.0, (self.age(step, factors) + 1) / (self.settings.warmup_steps + 1))
        return peak * warm * self._cosine(step)

    def age(self, step: int, factors: Factors) -> int:
        """Steps that weights of these factors have learnt before."""
        parts = [p for p, factor in zip(self.parts, factors, strict=True) if factor]
        return sum(max(0, min(step, part.stop) - part.start) for part in parts)

    def learning_rate(self, step: int) -> float:
        """Of weights that always learn and have no factor."""
        return self.rate(step, (1.0,) * len(self.parts))

    def ema_decay(self, step: int) -> float:
        """Of the averaged weights: short at first, so that the random start is soon forgotten.

        So it is again where rounding begins, for weights that suit float.
        """
        step -= self.float_steps if step >= self.float_steps else 0
        return min(self.settings.ema, (1 + step) / (10 + step))

    def _cosine(self, step: int) -> float:
        first, last = 0, self.float_steps
        if step >= last:
            first, last = last, self.steps
        return 0.5 * (1 + math.cos(math.pi * (step - first) / (last - first)))
