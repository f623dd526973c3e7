"""Reads params.yaml and refuses what breaks its rules, with file, dotted key, value and rule."""

from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError

from pocketdet.config import Params
from pocketdet.errors import ParamsError


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
        lines = []
        for problem in error.errors():
            key = ".".join(map(str, problem["loc"])) or "(whole file)"
            rule = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                rule = "unknown key; " + _known(raw, problem["loc"])
            found = (
                "" if problem["type"] in ("missing", "value_error") else f"{problem['input']!r}: "
            )
            lines.append(f"  {key}: {found}{rule}")
        raise ParamsError(f"{path}: {len(lines)} wrong\n" + "\n".join(lines)) from error


def flatten(params: Params) -> dict[str, str]:
    """Every key of params.yaml, dotted, as a string."""
    return dict(_leaves("", params.model_dump(mode="json", by_alias=True)))


def _leaves(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, str(value)


def _known(raw: object, location: tuple[int | str, ...]) -> str:
    """The keys that are allowed beside an unknown one."""
    model: type = Params
    for part in location[:-1]:
        fields = {f.alias or n: f for n, f in getattr(model, "model_fields", {}).items()}
        annotation = fields[str(part)].annotation if str(part) in fields else None
        if not isinstance(annotation, type):
            break
        model = annotation
    names = [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]
    return f"one of {', '.join(names)}"
