"""Files that are written whole or not at all."""

from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text; folders are made, and a file that is there is replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.rename(path)
