"""Reads params.yaml and refuses what breaks its rules, with file, dotted key, value and rule."""

from pathlib import Path

from pydantic import ValidationError

from pocketdet.config import Params
from pocketdet.errors import ParamsError
from pocketdet.params_file import leaves, mistakes, read


def load(path: Path = Path("params.yaml")) -> Params:
    """The checked params.

    Raises:
        ParamsError: The file is missing, is not YAML, or a key is unknown, missing, of the wrong
            type or out of range; every such key is listed.
    """
    raw = read(path)
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = mistakes(error)
        raise ParamsError(f"{path}: {len(lines)} wrong\n" + "\n".join(lines)) from error


def flatten(params: Params) -> dict[str, str]:
    """Every key of params.yaml, dotted, as a string."""
    return dict(leaves("", params.model_dump(mode="json", by_alias=True)))
