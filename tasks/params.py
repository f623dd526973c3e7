"""Reads params.yaml and refuses what breaks its rules, with file, dotted key, value and rule."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from pocketdet.config import Params
from pocketdet.errors import ParamsError
from pocketdet.params_file import leaves, mistakes


def load(path: Path = Path("params.yaml")) -> Params:
    """The checked params.

    Raises:
        ParamsError: The file is missing, is not YAML, or a key is unknown, missing, of the wrong
            type or out of range; every such key is listed.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run from the project's folder") from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ParamsError(f"{path}: expected sections like 'train:', found {type(raw).__name__}")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        lines = mistakes(error)
        raise ParamsError(f"{path}: {len(lines)} wrong\n" + "\n".join(lines)) from error


def flatten(params: Params) -> dict[str, str]:
    """Every key of params.yaml, dotted, as a string."""
    return dict(leaves("", params.model_dump(mode="json", by_alias=True)))
