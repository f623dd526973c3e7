"""A command's whole family ends with it, with its parent and on demand."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.child import Family

# A command that leaves a child of its own behind and tells both process ids.
PARENT_AND_CHILD = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pids: list[int]) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def running(tmp_path):
    """(family, the pids, the thread that waits for it)."""
    family, pids, started = Family(), [], threading.Event()

    def on_line(line: str) -> None:
        pids.extend(map(int, line.split()))
        started.set()

    result = []
    thread = threading.Thread(
        target=lambda: result.append(
            family.run([sys.executable, "-c", PARENT_AND_CHILD], tmp_path, on_line)
        )
    )
    thread.start()
    assert started.wait(20)
    yield family, pids, thread, result
    family.end()
    thread.join(10)


def test_lines_come_as_they_are_written_with_both_streams(tmp_path):
    code = "import sys, time; print('one', flush=True); time.sleep(0.5); sys.exit('two')"
    times = []
    status, tail = Family().run(
        [sys.executable, "-c", code], tmp_path, lambda line: times.append(time.monotonic())
    )
    assert (status, tail) == (1, ["one", "two"])
    assert times[1] - times[0] > 0.3


def test_runs_in_the_folder_with_the_variables(tmp_path):
    code = "import os; print(os.getcwd(), os.environ['COLOUR'])"
    _, tail = Family().run([sys.executable, "-c", code], tmp_path, print, {"COLOUR": "red"})
    assert tail == [f"{tmp_path.resolve()} red"]


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path):
    code = r"import sys; sys.stdout.buffer.write(b'\xff\xfe ok\n')"
    assert Family().run([sys.executable, "-c", code], tmp_path, print)[0] == 0


def test_end_takes_the_grandchildren_too(running):
    family, pids, thread, result = running
    family.end()
    thread.join(10)
    assert result[0][0] == 128 + signal.SIGTERM
    assert gone(pids)


def test_killed_command_leaves_no_child(running):
    _, pids, thread, result = running
    os.kill(pids[0], signal.SIGKILL)
    thread.join(10)
    assert result[0][0] == 128 + signal.SIGKILL
    assert gone(pids)


def test_nothing_starts_after_the_end(tmp_path):
    family = Family()
    family.end()
    with pytest.raises(InterruptedError):
        family.run([sys.executable, "-c", ""], tmp_path, print)


def test_family_dies_with_its_parent_killed_by_9(tmp_path):
    code = (
        "import sys; from pathlib import Path; from flows.child import Family\n"
        f"Family().run([sys.executable, '-c', {PARENT_AND_CHILD!r}], Path({str(tmp_path)!r}), "
        "lambda line: print(line, flush=True))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert all(map(alive, pids))
        parent.kill()
    assert gone(pids)
