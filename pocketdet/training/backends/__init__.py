"""What training asks of a backend of Keras; all else is written in `keras.ops`.

A module for each, with the same functions:

    prepare()                                       before the rest: same input, same bytes
    step(loss, update, learnt, rest, batch, rates)  a compiled step of learning
    function(body, variables, arguments)            a compiled function that changes nothing

and ANY_SHAPE, whether one compiled function takes any number of boxes.
"""

import os
from importlib.util import find_spec
from typing import Any

from pocketdet.errors import TrainingError

NAMES = ("tensorflow", "jax")

Signature = list[tuple[tuple[int | None, ...], str]]  # shape and type of each argument


def check() -> None:
    """Refuse what KERAS_BACKEND names, before Keras fails on it.

    Raises:
        TrainingError: Training knows no such backend, or it is not installed.
    """
    name = os.environ.get("KERAS_BACKEND") or NAMES[0]
    if name not in NAMES:
        raise TrainingError(f"KERAS_BACKEND={name}: training runs on {' or '.join(NAMES)}")
    if find_spec(name) is None:
        raise TrainingError(
            f"KERAS_BACKEND={name}: {name} is not installed in this environment; "
            f"python -m pip install {name}, or unset KERAS_BACKEND"
        )


def current() -> Any:
    """The module for the backend that Keras runs on.

    Raises:
        TrainingError: Training knows no such backend.
    """
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        from pocketdet.training.backends import tensorflow

        return tensorflow
    if name == "jax":
        from pocketdet.training.backends import jax

        return jax
    raise TrainingError(
        f"Keras runs on {name} (KERAS_BACKEND or keras.json); training runs on {' or '.join(NAMES)}"
    )


def out_of_memory() -> TrainingError:
    """What to say when a batch does not fit."""
    return TrainingError(
        "not enough memory for a batch; lower train.batch (or design.input_wh) in params.yaml"
    )
