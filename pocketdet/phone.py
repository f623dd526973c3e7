"""Times a bundle's file on an Android phone by LiteRT's own benchmark_model, over adb.

benchmark_model is a program of LiteRT for phones (native benchmark binary, "android_aarch64"). It
is pushed beside the file, run on one thread as the host's figures are, and what it prints is read.
"""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pocketdet.errors import PocketdetError
from pocketdet.files import sha256, write_text

FOLDER = "/data/local/tmp"  # of the phone, where adb may write and run programs
TIMES = re.compile(
    r"Inference timings in us: Init: ([\d.e+]+), First inference: ([\d.e+]+), "
    r"Warmup \(avg\): ([\d.e+]+), Inference \(avg\): ([\d.e+]+)"
)
# The last such line is of the runs that count; the ones before it are of the warm-up.
RUNS = re.compile(r"count=(\d+) first=\d+ curr=\d+ min=(\d+) max=(\d+) avg=[\d.e+]+ std=(\d+)")
MEMORY = re.compile(
    r"(?:Memory footprint delta|Peak memory footprint)[^:]*: init=\S+ overall=(\S+)"
)


class PhoneError(PocketdetError):
    """No phone, or its answer says nothing."""


@dataclass(frozen=True)
class Measurement:
    """What benchmark_model says.

    Attributes:
        device: The phone's own name and Android version.
        mean_ms: Of the runs.
        min_ms: Fastest run.
        max_ms: Slowest run.
        std_ms: Standard deviation of the runs.
        runs: How many.
        start_ms: Until the file is ready to run.
        first_ms: The first run, warm-up included.
        memory_mb: Footprint of all of it, about; None where the tool does not say.
        threads: On how many it ran.
    """

    device: str
    mean_ms: float
    min_ms: float
    max_ms: float
    std_ms: float
    runs: int
    start_ms: float
    first_ms: float
    memory_mb: float | None
    threads: int


def parse(text: str, device: str, threads: int) -> Measurement:
    """Read what benchmark_model printed.

    Raises:
        PhoneError: The figures are not in it.
    """
    times, runs = TIMES.search(text), RUNS.findall(text)
    if not times or not runs:
        last = " | ".join(line for line in text.splitlines()[-3:] if line.strip())
        raise PhoneError(f"benchmark_model gave no timings; its last words: {last or 'none'}")
    start, first, _, mean = (float(value) / 1e3 for value in times.groups())
    count, low, high, deviation = map(int, runs[-1])
    memory = MEMORY.search(text)
    return Measurement(
        device, mean, low / 1e3, high / 1e3, deviation / 1e3, count, start, first,
        float(memory[1]) if memory else None, threads,
    )  # fmt: skip


def measure(
    file: Path,
    benchmark: Path,
    runs: int,
    call: Callable[[Sequence[str]], str] | None = None,
    threads: int = 1,
) -> Measurement:
    """Push a file and benchmark_model to the phone that adb sees, and run it.

    Args:
        file: A .tflite file.
        benchmark: The program, built for the phone.
        runs: Timed calls.
        call: Runs adb with arguments and gives what it prints; None for adb itself.
        threads: Of the phone.

    Raises:
        PhoneError: adb or a phone is missing, or a step fails.
    """
    run = call or adb
    for path in (file, benchmark):
        if not path.is_file():
            raise PhoneError(f"{path}: not found")
    model, version = (
        run(["shell", "getprop", key]).strip()
        for key in ("ro.product.model", "ro.build.version.release")
    )
    there = {path: f"{FOLDER}/pocketdet_{path.name}" for path in (file, benchmark)}
    for path, target in there.items():
        run(["push", str(path), target])
    run(["shell", "chmod", "+x", there[benchmark]])
    try:
        text = run(
            ["shell", there[benchmark], f"--graph={there[file]}", f"--num_threads={threads}",
             f"--num_runs={runs}"]
        )  # fmt: skip
    finally:
        run(["shell", "rm", "-f", *there.values()])
    return parse(text, f"{model}, Android {version}", threads)


def adb(arguments: Sequence[str]) -> str:
    """Run adb.

    Raises:
        PhoneError: It is not there, or fails: no phone, or several.
    """
    try:
        done = subprocess.run(["adb", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise PhoneError(
            "adb is not installed; it is in Android's platform tools, and the phone must allow "
            "USB debugging"
        ) from None
    if done.returncode:
        raise PhoneError(f"adb {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout + done.stderr


def keep(path: Path, card: str, file: Path, found: Measurement) -> None:
    """Add a measurement to a JSON file: card -> file name and sha256 -> what was measured.

    Raises:
        PhoneError: The file is there and is no such JSON.
    """
    kept: dict[str, dict[str, object]] = {}
    if path.exists():
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            kept.setdefault(card, {}).items()
        except (ValueError, AttributeError) as error:
            raise PhoneError(f"{path}: no measurements in it ({error}); name another") from error
    kept.setdefault(card, {})[f"{file.name} {sha256(file)[:16]}"] = asdict(found)
    text = json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")
