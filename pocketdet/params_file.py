"""params.yaml for its user: mistakes in words, keys in dots, changes that keep the comments."""

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pocketdet.config import Params
from pocketdet.errors import ParamsError
from pocketdet.files import write_text

if TYPE_CHECKING:
    from pydantic import ValidationError


def read(path: Path) -> dict[str, Any]:
    """All sections, unchecked.

    Raises:
        ParamsError: The file is missing, is not YAML, or holds no sections.
    """
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path}: not found; run from the project's folder") from None
    except (yaml.YAMLError, ValueError) as error:  # bytes that are not UTF-8, 2026-99-99
        raise ParamsError(f"{path}: not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ParamsError(f"{path}: expected sections like 'train:', found {type(raw).__name__}")
    return raw


def edit(path: Path, change: Callable[[Any], None], what: str) -> Params:
    """Change the file.

    Args:
        path: Of params.yaml.
        change: Gets all sections, as dicts and lists that remember their comments, and edits them.
        what: Is done, for the message: "with ... it would be wrong".

    Returns:
        All sections as they are now.

    Raises:
        ParamsError: The file is broken, or the result would break a rule; it stays as it was.
    """
    from pydantic import ValidationError
    from ruamel.yaml import YAML

    read(path)  # for its messages
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    params = yaml.load(path.read_text(encoding="utf-8"))
    change(params)
    out = StringIO()
    yaml.dump(params, out)
    try:
        checked = Params.model_validate(YAML(typ="safe").load(out.getvalue()))
    except ValidationError as error:
        lines = "\n".join(mistakes(error))
        raise ParamsError(f"{path}: not changed; with {what} it would be wrong:\n{lines}") from None
    write_text(path, out.getvalue())
    return checked


def mistakes(error: "ValidationError", model: type = Params) -> list[str]:
    """What is wrong, a line a key: dotted key, value and rule.

    Args:
        error: Of checking params, or a section of them.
        model: What they were checked by.
    """
    lines = []
    for problem in error.errors():
        key = ".".join(map(str, problem["loc"])) or "(as a whole)"
        rule = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            rule = "unknown key; " + _known(model, problem["loc"])
        found = "" if problem["type"] in ("missing", "value_error") else f"{problem['input']!r}: "
        lines.append(f"  {key}: {found}{rule}")
    return lines


def leaves(prefix: str, value: object) -> Iterator[tuple[str, str]]:
    """Dotted keys below a prefix, each with its value as a string."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, str(value)


def _known(model: type, location: tuple[int | str, ...]) -> str:
    """The keys that are allowed beside an unknown one."""
    for part in location[:-1]:
        fields = {f.alias or n: f for n, f in getattr(model, "model_fields", {}).items()}
        annotation = fields[str(part)].annotation if str(part) in fields else None
        if not isinstance(annotation, type):
            break
        model = annotation
    names = [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]
    return f"one of {', '.join(names)}"
