"""TensorFlow: variables change in place, and a graph takes any number of pictures and boxes."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from pocketdet.training.backends import Signature, out_of_memory

ANY_SHAPE = True


def prepare() -> None:
    """Operations give the same bytes every time."""
    tf.config.list_physical_devices()  # or TensorFlow says later what it has not found
    tf.config.experimental.enable_op_determinism()


def step(
    loss: Callable[..., Any],
    update: Callable[..., Any],
    learnt: Sequence[Any],
    rest: Sequence[Any],
    batch: Signature,
    rates: Signature,
) -> Callable[..., Any]:
    """A compiled step of learning; its arguments are those of `batch`, then those of `rates`.

    Args:
        loss: Takes a batch, gives Losses, of which `total` is lowered.
        update: Takes the gradients of `learnt` and the rates, changes variables, gives a number.
        learnt: Variables with gradients.
        rest: All others that are read or changed.
        batch: Its arrays.
        rates: And those that follow.

    Returns:
        A function that gives the losses and the number.
    """

    def body(*arguments: Any) -> tuple[Any, ...]:
        with tf.GradientTape() as tape:
            losses = loss(*arguments[: len(batch)])
        gradients = tape.gradient(losses.total, [v.value for v in learnt])
        return (*losses, update(gradients, *arguments[len(batch) :]))

    return function(body, (*learnt, *rest), [*batch, *rates])


def function(
    body: Callable[..., Any], variables: Sequence[Any], arguments: Signature
) -> Callable[..., Any]:
    """A compiled function of arrays; it may read the variables."""
    # Without XLA: on a CPU it makes a step five times as long.
    signature = [tf.TensorSpec(shape, kind) for shape, kind in arguments]
    return guarded(tf.function(body, jit_compile=False, input_signature=signature))


def guarded(compiled: Callable[..., Any]) -> Callable[..., Any]:
    """The same for numpy arrays, with our words for too little memory."""

    def call(*arrays: Any) -> Any:
        try:
            return compiled(*map(tf.convert_to_tensor, arrays))
        except (tf.errors.ResourceExhaustedError, MemoryError) as error:
            raise out_of_memory() from error

    return call
