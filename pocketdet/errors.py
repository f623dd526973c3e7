"""The errors that a user is meant to read.

Each message names the file, the record, what was expected, what was found and what to do.
The command line and the stages print them without a traceback; anything else is a bug and keeps
its traceback.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class PocketdetError(Exception):
    """Base of every error with a message for the user."""


class DatasetError(PocketdetError):
    """Images or annotations that cannot be read or trusted."""


class ParamsError(PocketdetError):
    """A params.yaml that does not follow its rules (exit status 2)."""


class BrowseError(PocketdetError):
    """A data set that cannot be opened in FiftyOne; nothing else depends on that."""


class WeightsError(PocketdetError):
    """Weights that cannot be read, downloaded, or belong to another net."""


class TrainingError(PocketdetError):
    """A training that cannot go on."""


class ExportError(PocketdetError):
    """A net that cannot be written for a runtime, or a file that cannot be run by it."""


class BundleError(PocketdetError):
    """A bundle that is incomplete, altered or unsafe to open."""


def broken_rules(error: "ValidationError") -> list[str]:
    """What is wrong with a file's values, a line each: the dotted key, and its rule."""
    return [
        f"{'.'.join(map(str, rule['loc'])) or '(as a whole)'}: {rule['msg']}"
        for rule in error.errors()
    ]
