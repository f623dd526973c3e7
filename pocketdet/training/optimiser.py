"""AdamW and averaged weights on flat vectors: a group of weights is one vector.

A net has two hundred small weights. Updating each by itself costs more than its arithmetic, in
tracing and at every step; as one vector a group takes a dozen operations, a learning rate for each
group is one number, and the whole state is a handful of arrays for the checkpoint.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba 2015, algorithm 1


class Flat:
    """Several weights seen as one vector."""

    def __init__(self, variables: Sequence[Any]) -> None:
        """Remember the weights and where each lies.

        Args:
            variables: Keras variables, at least one.
        """
        self.variables = list(variables)
        self._ends = np.cumsum([int(np.prod(v.shape)) for v in self.variables]).tolist()

    def __len__(self) -> int:
        """Number of elements."""
        return int(self._ends[-1])

    def join(self, arrays: Sequence[Any]) -> Any:
        """Arrays of the weights' shapes as one vector."""
        return ops.concatenate([ops.reshape(a, (-1,)) for a in arrays])

    def read(self) -> Any:
        """The weights as one vector."""
        return self.join([v.value for v in self.variables])

    def write(self, vector: Any) -> None:
        """Put a vector into the weights."""
        parts = ops.split(vector, self._ends[:-1])
        for variable, part in zip(self.variables, parts, strict=True):
            variable.assign(ops.reshape(part, variable.shape))

    def mask(self, chosen: Sequence[bool]) -> Any:
        """1 for every element of a chosen weight, else 0, as a float32 vector."""
        sizes = np.diff([0, *self._ends])
        return np.repeat(np.asarray(chosen, np.float32), sizes)


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) for one group."""

    def __init__(self, name: str, variables: Sequence[Any], weight_decay: float) -> None:
        """Start with empty moments.

        Args:
            name: Of the group.
            variables: Its weights.
            weight_decay: Of kernels; BatchNorm and biases, which have one axis, do not decay.
        """
        self.flat = Flat(variables)
        decays = self.flat.mask([len(v.shape) > 1 for v in variables])
        self._decay = _state(weight_decay * decays, f"{name}_decay")
        self.mean = _state(np.zeros(len(self.flat)), f"{name}_mean")
        self.square = _state(np.zeros(len(self.flat)), f"{name}_square")

    def update(self, gradient: Any, rate: Any, age: Any) -> None:
        """One step.

        Args:
            gradient: As one vector.
            rate: Learning rate, a scalar.
            age: Steps that this group has learnt before, a float scalar.
        """
        mean = BETA_1 * self.mean + (1 - BETA_1) * gradient
        square = BETA_2 * self.square + (1 - BETA_2) * ops.square(gradient)
        self.mean.assign(mean)
        self.square.assign(square)
        scale = rate / (1 - ops.power(BETA_1, age + 1))
        root = ops.sqrt(square / (1 - ops.power(BETA_2, age + 1))) + EPSILON
        weights = self.flat.read()
        self.flat.write(weights - rate * self._decay * weights - scale * mean / root)


class Average:
    """Exponential moving average of weights, which generalises better than the last ones."""

    def __init__(self, variables: Sequence[Any]) -> None:
        """Start from the present values."""
        self._flat = Flat(variables)
        self.value = _state(self._flat.read(), "average")
        self.kept = _state(self._flat.read(), "kept")
        self._aside = _state(self._flat.read(), "aside")

    def update(self, decay: Any) -> None:
        """Take the present weights in; `decay` is what remains of the old average, 0..1."""
        self.value.assign(decay * self.value + (1 - decay) * self._flat.read())

    def swap_in(self) -> None:
        """Put the average into the net; `swap_out` brings the weights back."""
        self._aside.assign(self._flat.read())
        self._flat.write(self.value)

    def swap_out(self) -> None:
        """Bring back the weights that `swap_in` put aside."""
        self._flat.write(self._aside)

    def keep(self) -> None:
        """Remember the average as it is now."""
        self.kept.assign(self.value)

    def restore(self) -> None:
        """Put what was kept into net and average; the net's own weights are gone."""
        self.value.assign(self.kept)
        self._flat.write(self.kept)


def _state(value: Any, name: str) -> Any:
    return keras.Variable(value, trainable=False, dtype="float32", name=name)
