"""Start-up time and memory of a .tflite file, in a process that does nothing else.

    python -m pocketdet.profiling.startup FILE CONTRACT

prints them as JSON. A process that has run other files has their memory, and has read LiteRT's
library from the disk already.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pocketdet.errors import ExportError, PocketdetError
from pocketdet.exporting.contract import Contract
from pocketdet.runtimes.litert import LiteRTRuntime


@dataclass(frozen=True)
class Startup:
    """What a fresh process took.

    Attributes:
        start_ms: From the file to the first result, LiteRT's import included.
        peak_mb: Most memory of the process (resident), MB (10^6 bytes).
        file_mb: By how much that rose from before LiteRT's import.
    """

    start_ms: float
    peak_mb: float
    file_mb: float


def in_fresh_process(path: Path, contract: Contract) -> Startup:
    """Load the file and run it once, elsewhere.

    Raises:
        ExportError: It fails there; the message holds its last words.
    """
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="pocketdet-") as folder:
        contract.save(Path(folder) / "contract.json")
        done = subprocess.run(
            [sys.executable, "-m", __name__, path, Path(folder) / "contract.json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise ExportError(f"{path}: does not start: {done.stderr.strip().splitlines()[-1:]}")
    return Startup(**json.loads(done.stdout))


def measure(path: Path, contract: Contract) -> Startup:
    """Load the file and run it once, here.

    Raises:
        ExportError: LiteRT is missing, or the file is broken or of another net.
    """
    w, h = contract.net.input_wh
    before = peak_bytes()
    start = time.perf_counter_ns()
    LiteRTRuntime(path, contract.net).run(np.zeros((h, w, 3), np.uint8))
    start_ms = (time.perf_counter_ns() - start) / 1e6
    peak = peak_bytes()
    return Startup(start_ms, peak / 1e6, (peak - before) / 1e6)


def peak_bytes() -> int:
    """Most resident memory of this process so far.

    Linux hands `getrusage`'s ru_maxrss on from the parent to what it starts, so that a small child
    of a large process would seem large; VmHWM is the process's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes


if __name__ == "__main__":
    try:
        found = measure(Path(sys.argv[1]), Contract.load(Path(sys.argv[2])))
    except PocketdetError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
