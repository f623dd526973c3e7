"""Named changes to params.yaml: presets.yaml beside this file says which."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from pocketdet import params_file
from pocketdet.errors import ParamsError


def presets() -> dict[str, dict[str, Any]]:
    """Name of a preset -> dotted key of params.yaml -> value."""
    import yaml

    text = (files("pocketdet") / "presets.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found


def apply(path: Path, name: str) -> list[tuple[str, Any, Any]]:
    """Make the changes of a preset, with all comments kept.

    Args:
        path: Of params.yaml.
        name: Of the preset.

    Returns:
        Key, old and new value of what changed.

    Raises:
        ParamsError: There is no such preset, or the result would break a rule; the file stays as
            it was.
    """
    known = presets()
    if name not in known:
        raise ParamsError(f"no preset {name!r}; there are {', '.join(known)}")
    changed = []

    def change(params: Any) -> None:
        for key, value in known[name].items():
            section, _, last = key.partition(".")
            old = params[section][last]
            if isinstance(old, list):  # in place, so that it stays on one line
                old = list(old)
                params[section][last][:] = value
            else:
                params[section][last] = value
            if old != value:
                changed.append((key, old, value))

    params_file.edit(path, change, f"preset {name!r}")
    return changed
