"""Files of other people's servers, as little of them as is needed, and none of them twice."""

import hashlib
import io
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from pocketdet.errors import DatasetError
from pocketdet.files import write_bytes

TIMEOUT_S = 60
CHUNK = 1 << 20  # bytes of a file that is wanted whole
BUFFER = 1 << 16  # bytes of one that is not
TRIES = 3


def _read(url: str, first: int, last: int) -> tuple[bytes, int]:
    """Bytes of a file, from the first to the last, and the length of the whole.

    Raises:
        DatasetError: The server does not answer, or knows no ranges.
    """
    request = urllib.request.Request(url, headers={"Range": f"bytes={first}-{last}"})
    for attempt in range(TRIES):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                if answer.status != 206:
                    raise DatasetError(f"{url}: the server sends whole files only")
                whole = int(answer.headers["Content-Range"].rpartition("/")[2])
                data = answer.read()
                if not data:
                    raise DatasetError(f"{url}: nothing came; run the same command again")
                return data, whole
        except urllib.error.HTTPError as error:
            raise DatasetError(f"{url}: {error.code} {error.reason}") from None
        except (OSError, HTTPException) as error:
            if attempt == TRIES - 1:
                raise DatasetError(f"{url}: {error}; run the same command again") from None
    raise AssertionError


class RemoteFile(io.RawIOBase):
    """A file behind an address, read where it is asked for."""

    def __init__(self, url: str) -> None:
        """Ask for its length."""
        self._url, self._at = url, 0
        _, self._length = _read(url, 0, 0)

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read from there on."""
        last = min(self._at + len(buffer), self._length) - 1
        if last < self._at:
            return 0
        data, _ = _read(self._url, self._at, last)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def archive(url: str) -> zipfile.ZipFile:
    """A zip behind an address, of which only what is taken out is transferred.

    Raises:
        DatasetError: The server does not answer, knows no ranges, or it is no zip.
    """
    try:
        return zipfile.ZipFile(io.BufferedReader(RemoteFile(url), BUFFER))
    except zipfile.BadZipFile as error:
        raise DatasetError(f"{url}: {error}") from None


def take(whole: zipfile.ZipFile, member: str, target: Path) -> None:
    """Write a member of a zip to a file, unless it is there; zipfile checks its CRC.

    Raises:
        DatasetError: It is damaged.
    """
    if target.is_file():
        return
    try:
        data = whole.read(member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DatasetError(f"{member} in {whole.filename or 'the archive'}: {error}") from None
    write_bytes(target, data)


def download(url: str, target: Path, md5: str, progress: Callable[[int, int], None]) -> None:
    """Transfer a file, from where an earlier attempt ended, and check it.

    Args:
        url: Its address.
        target: Where to.
        md5: As its publisher states.
        progress: Called with bytes done and bytes in all.

    Raises:
        DatasetError: The server does not answer, knows no ranges, or the file is another one.
    """
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with partial.open("ab") as file:
        whole = _read(url, 0, 0)[1]
        while (done := file.tell()) < whole:
            data, _ = _read(url, done, min(done + CHUNK, whole) - 1)
            file.write(data)
            progress(done + len(data), whole)
    with partial.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != md5:
        partial.unlink()
        raise DatasetError(f"{url}: md5 is {found}, expected {md5}; run the same command again")
    partial.rename(target)
