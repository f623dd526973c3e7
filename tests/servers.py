"""Servers and other long-running programs that tests start and end."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

Value = TypeVar("Value")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def background(
    *command: str, cwd: Path, env: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `python -m COMMAND` until the block ends; its output goes to a file."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]", seconds: float = 20) -> None:
    """End a program and what it started."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)


def wait_for(
    condition: Callable[[], Value], seconds: float, explain: Callable[[], object] = lambda: ""
) -> Value:
    """Poll until the condition holds a true value, and return that."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.3)
    pytest.fail(f"not within {seconds} s: {explain()}")
