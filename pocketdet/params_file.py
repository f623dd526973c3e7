"""Changes params.yaml for its user: comments stay, and what would break a rule is not written."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from pocketdet.config import Params
from pocketdet.errors import ParamsError
from pocketdet.files import write_text


def edit(path: Path, change: Callable[[Any], None], what: str) -> Params:
    """Change the file.

    Args:
        path: Of params.yaml.
        change: Gets all sections, as dicts and lists that remember their comments, and edits them.
        what: Is done, for the message: "with ... it would be wrong".

    Returns:
        All sections as they are now.

    Raises:
        ParamsError: The result would break a rule; the file stays as it was.
    """
    from pydantic import ValidationError
    from ruamel.yaml import YAML

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
        lines = "\n".join(f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ParamsError(f"{path}: not changed; with {what} it would be wrong:\n{lines}") from None
    write_text(path, out.getvalue())
    return checked
