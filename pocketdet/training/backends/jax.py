"""JAX: functions are pure, so variables go in and come out as values, and shapes are fixed.

State is not donated to the compiled step: variables may share an array (the average that is kept is
the average until the next step), and 40 MB are no burden for a GPU.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras

from pocketdet.training.backends import Signature, out_of_memory

ANY_SHAPE = False  # each number of boxes would be compiled anew


def prepare() -> None:
    """Operations give the same bytes every time, on a GPU too; before JAX looks for one."""
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


def step(
    loss: Callable[..., Any],
    update: Callable[..., Any],
    learnt: Sequence[Any],
    rest: Sequence[Any],
    batch: Signature,
    rates: Signature,
) -> Callable[..., Any]:
    """As `pocketdet.training.backends.tensorflow.step`."""
    variables = [*learnt, *rest]

    def pure(weights: Any, others: Any, *arguments: Any) -> tuple[Any, Any]:
        def total(weights: Any) -> tuple[Any, Any]:
            with _holding(variables, [*weights, *others]) as scope:
                losses = loss(*arguments[: len(batch)])
            return losses.total, (losses, [scope.get_current_value(v) for v in rest])

        gradients, (losses, moved) = jax.grad(total, has_aux=True)(weights)
        with _holding(variables, [*weights, *moved]) as scope:
            number = update(gradients, *arguments[len(batch) :])
        return (*losses, number), [scope.get_current_value(v) for v in variables]

    compiled = jax.jit(pure)

    def call(*arrays: Any) -> Any:
        results, values = _guarded(compiled, _values(learnt), _values(rest), *arrays)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return results

    return call


def function(
    body: Callable[..., Any], variables: Sequence[Any], arguments: Signature
) -> Callable[..., Any]:
    """As `pocketdet.training.backends.tensorflow.function`."""

    def pure(values: Any, *arguments: Any) -> Any:
        with _holding(variables, values):
            return body(*arguments)

    compiled = jax.jit(pure)
    return lambda *arrays: _guarded(compiled, _values(variables), *arrays)


def _values(variables: Sequence[Any]) -> list[Any]:
    return [variable.value for variable in variables]


def _holding(variables: Sequence[Any], values: Sequence[Any]) -> Any:
    """A scope in which variables have these values, and in which what is assigned stays."""
    return keras.StatelessScope(list(zip(variables, values, strict=True)))


def _guarded(compiled: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return jax.block_until_ready(compiled(*arguments))
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
            raise out_of_memory() from error
        raise
