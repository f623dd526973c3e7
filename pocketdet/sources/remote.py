"""Transfer of archives that carries on where an earlier attempt ended."""

import hashlib
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pocketdet.errors import DatasetError
from pocketdet.formats.files import safe

TIMEOUT_S = 60
CHUNK = 1 << 20  # bytes
AGAIN = "run the same command again"


def archive(url: str, folder: Path, md5: str | None, progress: Callable[[str], None]) -> Path:
    """A tar or zip, transferred whole, undamaged, and safe to unpack.

    Args:
        url: Its address.
        folder: Where to.
        md5: As its publisher states, if they do; of a zip the members' CRC are checked.
        progress: Called with a line of text, first before any is transferred.

    Raises:
        DatasetError: It cannot be had, is damaged, or has members that leave their folder.
    """
    path = folder / PurePosixPath(url).name
    told = -1

    def transferred(done: int, whole: int) -> None:
        nonlocal told
        if (percent := 100 * done // whole) != told:
            progress(f"{path.name}, taken whole: {done / 1e6:.0f} of {whole / 1e6:.0f} MB")
            told = percent

    download(url, path, md5, transferred)
    try:
        if path.suffix == ".tar":
            _check_tar(path)
        else:
            _check_zip(path)
    except (DatasetError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        path.unlink()
        raise DatasetError(f"{url}: {error}; {AGAIN}") from None
    return path


def _check_tar(path: Path) -> None:
    # Python 3.11 and torchvision unpack whatever a tar says, wherever it says.
    with tarfile.open(path) as tar:
        for member in tar:
            safe(member.name, path, "member")
            if not (member.isfile() or member.isdir()):
                raise DatasetError(f"{path}: {member.name}: neither file nor folder")


def _check_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as whole:
        for name in whole.namelist():
            safe(name, path, "member")
        if (damaged := whole.testzip()) is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged")


def download(url: str, target: Path, md5: str | None, progress: Callable[[int, int], None]) -> None:
    """Transfer a file, from where an earlier attempt ended, and check it.

    Args:
        url: Its address.
        target: Where to.
        md5: As its publisher states, if they do.
        progress: Called with bytes done and bytes in all, first before any is transferred.

    Raises:
        DatasetError: The server does not answer, knows no ranges, or the file is another one.
    """
    if target.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with partial.open("ab") as file:
        whole = None
        while file.tell() != whole:  # again as long as an attempt brings something
            before = file.tell()
            reason: Exception | str = "the connection was closed"
            try:
                whole = _append(url, file, progress)
            except urllib.error.HTTPError as error:
                raise DatasetError(f"{url}: {error.code} {error.reason}; {AGAIN}") from None
            except (OSError, HTTPException) as error:
                reason = error
            if file.tell() == before != whole:
                raise DatasetError(f"{url}: {reason}; {AGAIN}")
    if md5 is not None:
        with partial.open("rb") as stream:
            found = hashlib.file_digest(stream, "md5").hexdigest()
        if found != md5:
            partial.unlink()
            raise DatasetError(f"{url}: md5 is {found}, expected {md5}; {AGAIN}")
    partial.rename(target)


def _append(url: str, file: BinaryIO, progress: Callable[[int, int], None]) -> int:
    """What the file lacks, as far as the connection lasts; gives the length of the whole."""
    done = file.tell()
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # range not satisfiable: there is no more
            return done
        raise
    with answer:
        if answer.status != 206:
            raise DatasetError(f"{url}: the server sends whole files only")
        whole = int(answer.headers["Content-Range"].rpartition("/")[2])
        progress(done, whole)
        while data := answer.read(CHUNK):
            file.write(data)
            progress(file.tell(), whole)
    return whole
