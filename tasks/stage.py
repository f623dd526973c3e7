"""What every stage's command has in common: arguments, whole-or-nothing outputs, errors.

A stage is a function whose parameters are named like the options of its command in dvc.yaml:

    @stage(outs=("dataset", "report"))
    def validate(params: Params, raw: Path, dataset: Path, report: Path) -> None: ...

    if __name__ == "__main__":
        validate()

A new stage is such a file, its entry in dvc.yaml after the stages that it needs, its section in
`pocketdet.config` (a class and a field of `Params`) and in params.yaml; then `make deps`.

Outputs are handed over as paths that do not exist yet, beside the final ones; they are renamed
when the function has returned, so that a killed stage leaves the old output or none.
"""

import argparse
import csv
import functools
import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pocketdet.errors import ParamsError, PocketdetError
from tasks import params as params_file


def stage(
    outs: tuple[str, ...], any_backend: bool = False
) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Turn a function into a command.

    Args:
        outs: Its parameters that are outputs.
        any_backend: Whether KERAS_BACKEND counts; what scores and converts runs on TensorFlow.
    """

    def wrap(function: Callable[..., None]) -> Callable[[], None]:
        names = [n for n in inspect.signature(function).parameters if n != "params"]

        @functools.wraps(function)
        def command() -> None:
            parser = argparse.ArgumentParser(
                prog=f"python -m {function.__module__}", description=function.__doc__
            )
            for name in names:
                # `source` is the one option that is no path: the name of a sample source.
                parser.add_argument(
                    f"--{name}", required=True, type=str if name == "source" else Path
                )
            given = vars(parser.parse_args())
            if not any_backend:
                os.environ["KERAS_BACKEND"] = "tensorflow"
            finals = {name: given[name] for name in outs}
            partials = {
                name: final.with_name(f".{final.name}.partial") for name, final in finals.items()
            }
            try:
                for partial in partials.values():
                    remove(partial)
                    partial.parent.mkdir(parents=True, exist_ok=True)
                function(params_file.load(), **{**given, **partials})
                for name, partial in partials.items():
                    remove(finals[name])
                    partial.rename(finals[name])
            except (PocketdetError, OSError) as error:
                for partial in partials.values():
                    remove(partial)
                sys.stdout.flush()
                sys.stderr.write(f"{function.__name__}: {error}\n")
                sys.exit(2 if isinstance(error, ParamsError) else 1)

        return command

    return wrap


def final(partial: Path) -> Path:
    """Where an output will be once its stage has returned; for messages."""
    return partial.with_name(partial.name.removeprefix(".").removesuffix(".partial"))


def write_table(rows: Iterable[Sequence[Any]], path: Path) -> None:
    """Write rows, the names of the columns first, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def say(text: str) -> None:
    """One line of progress, seen at once in a terminal, DVC's output and Prefect's log."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def remove(path: Path) -> None:
    """Delete a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
