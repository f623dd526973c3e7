"""Runs a command whose whole family of processes ends when its parent wants or dies.

`kill -9` of `dvc repro` leaves the stage's own process running, and so does the death of whoever
started `dvc repro`. So a supervisor (this module as a program) starts the command in a group of its
own and holds a pipe to its own parent; when the pipe closes, for whatever reason, the group ends.

    python -m flows.child COMMAND ...        (with the pipe as standard input)
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_S = 5.0  # between asking the group to end and ending it
TAIL_LINES = 40


class Family:
    """Commands that can be ended together."""

    def __init__(self) -> None:
        """Of no command yet."""
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.ended = False

    def run(
        self,
        command: Sequence[str],
        cwd: Path,
        on_line: Callable[[str], None],
        env: Mapping[str, str] | None = None,
    ) -> tuple[int, list[str]]:
        """Run a command and hand on its output, both streams together, line by line as it comes.

        Args:
            command: Program and arguments.
            cwd: Its working folder.
            on_line: Called with every line, without its end.
            env: Variables beside the present ones.

        Returns:
            Exit status, and the last lines of output.

        Raises:
            InterruptedError: The family was ended before.
        """
        with self._lock:
            if self.ended:
                raise InterruptedError("cancelled")
            process = subprocess.Popen(
                # By path: the folder it runs in may hold another `flows`, or none.
                [sys.executable, str(Path(__file__)), *command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process)
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        try:
            for line in process.stdout or ():
                tail.append(line.rstrip())
                on_line(tail[-1])
            return process.wait(), list(tail)
        finally:
            with self._lock:
                self._running.discard(process)
                _release(process)
            if process.stdout:
                process.stdout.close()

    def end(self) -> None:
        """End every command that is running, with all that it started, and start no other."""
        with self._lock:
            self.ended = True
            for process in self._running:
                _release(process)


def _release(process: subprocess.Popen[str]) -> None:
    if process.stdin and not process.stdin.closed:
        process.stdin.close()


def _supervise(command: Sequence[str]) -> int:
    """Run the command in a group of its own; end the group with the command or with the pipe."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)

    def watch() -> None:
        os.read(0, 1)  # nobody writes: it returns when the other end is closed
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        _signal(process.pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    status = process.wait()
    _signal(process.pid, signal.SIGKILL)  # what a killed command left behind
    return status if status >= 0 else 128 - status


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(_supervise(sys.argv[1:]))
