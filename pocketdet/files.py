"""Files and folders that are written whole or not at all, and what names a file's content."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file; folders are made, and a file that is there is replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes`, lines ending as they are."""
    write_bytes(path, text.encode())


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A place for a folder's content, which becomes the folder if the body ends without an error.

    Args:
        path: Of the folder: not there yet, or empty.

    Yields:
        A path beside it, where nothing is.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if path.exists():
            path.rmdir()
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sha256(path: Path) -> str:
    """Of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
