"""Times a bundle's file on an Android phone by LiteRT's own benchmark_model, over adb.

benchmark_model is a program of LiteRT for phones (native benchmark binary, "android_aarch64"). It
is pushed beside the file, run on one thread as the host's figures are, and what it prints is read.
"""

import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pocketdet.devices.measured import MeasurementError, Times

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

ON_GPU = "Explicitly applied GPU delegate, and the model graph will be completely executed"


def parse(text: str, device: str, unit: str) -> Times:
    """Read what benchmark_model printed.

    Raises:
        MeasurementError: The figures are not in it, or are of the CPU where the GPU was asked for.
    """
    if unit == "gpu" and ON_GPU not in text:
        raise MeasurementError(
            f"benchmark_model did not run the file on the GPU ({ON_GPU!r} is not in its answer); "
            "time the fp16 file, which the GPU takes as a whole"
        )
    times, runs = TIMES.search(text), RUNS.findall(text)
    if not times or not runs:
        last = " | ".join(line for line in text.splitlines()[-3:] if line.strip())
        raise MeasurementError(f"benchmark_model gave no timings; its last words: {last or 'none'}")
    start, _, _, mean = (float(value) / 1e3 for value in times.groups())
    count, low, high, deviation = map(int, runs[-1])
    memory = MEMORY.search(text)
    return Times(
        device, unit, mean, low / 1e3, high / 1e3, deviation / 1e3, count, start,
        float(memory[1]) if memory else None,
    )  # fmt: skip


def measure(
    file: Path,
    benchmark: Path,
    runs: int,
    unit: str = "cpu",
    call: Callable[[Sequence[str]], str] | None = None,
) -> Times:
    """Push a file and benchmark_model to the phone that adb sees, and run it.

    Args:
        file: A .tflite file.
        benchmark: The program, built for the phone.
        runs: Timed calls.
        unit: cpu, on one thread, or gpu.
        call: Runs adb with arguments and gives what it prints; None for adb itself.

    Raises:
        MeasurementError: adb or a phone is missing, or a step fails.
    """
    run = call or adb
    for path in (file, benchmark):
        if not path.is_file():
            raise MeasurementError(f"{path}: not found")
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
            ["shell", there[benchmark], f"--graph={there[file]}", "--num_threads=1",
             f"--num_runs={runs}", f"--use_gpu={str(unit == 'gpu').lower()}"]
        )  # fmt: skip
    finally:
        run(["shell", "rm", "-f", *there.values()])
    return parse(text, f"{model}, Android {version}", unit)


def adb(arguments: Sequence[str]) -> str:
    """Run adb.

    Raises:
        MeasurementError: It is not there, or fails: no phone, or several.
    """
    try:
        done = subprocess.run(["adb", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MeasurementError(
            "adb is not installed; it is in Android's platform tools, and the phone must allow "
            "USB debugging"
        ) from None
    if done.returncode:
        raise MeasurementError(f"adb {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout + done.stderr
