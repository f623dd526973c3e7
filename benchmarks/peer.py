"""What the same minutes give YOLO11n from scratch, trained by Ultralytics on the same pictures.

    python benchmarks/peer.py PROJECT --yolo PATH --minutes 8

PROJECT is the folder of a finished run, PATH the `yolo` command of an environment of its own:
Ultralytics is under AGPL-3.0 and no dependency. Its training, prediction and export are its own
commands with its own defaults; AP is ours, on the project's test list with its ignore regions, and
both nets' ONNX files are timed in turn on one thread.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pocketdet import formats
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector.decode import Detections
from pocketdet.scoring import bootstrap
from pocketdet.scoring.columns import found_of, objects_of
from pocketdet.scoring.table import match

SUBSETS = ("train", "val", "test")
ROUNDS, CALLS = 15, 10  # of the timing: the files take turns


def yolo(command: Path, task: str, work: Path, **settings: object) -> None:
    """One of its commands; what it writes goes to work/TASK."""
    given = {"project": work, "name": task, "exist_ok": True, "device": "cpu"} | settings
    subprocess.run(
        [str(command), task, *(f"{key}={value}" for key, value in given.items())],
        env=os.environ | {"YOLO_CONFIG_DIR": str(work), "YOLO_OFFLINE": "true"},
        check=True,
        stdout=sys.stderr,
    )


def detections(dataset: Dataset, labels: Path) -> dict[str, Detections]:
    """Its predictions, rows `class cx cy w h score` relative to the picture, by picture."""
    found = {}
    for image in dataset:
        file = labels / f"{Path(image.path).stem}.txt"
        rows = np.loadtxt(file, ndmin=2) if file.exists() else np.zeros((0, 6))
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) * np.tile(image.size_wh, 2)
        found[image.path] = Detections(
            boxes.astype(np.float32), rows[:, 5].astype(np.float32), rows[:, 0].astype(np.int64)
        )
    return found


def medians_ms(files: list[Path]) -> list[float]:
    """Median milliseconds of one call of each ONNX file, one thread, the files in turn."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    calls: list[Any] = []
    for path in files:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (given,) = session.get_inputs()
        shape = [side if isinstance(side, int) else 1 for side in given.shape]
        dtype = np.uint8 if given.type == "tensor(uint8)" else np.float32
        calls.append((session, {given.name: np.zeros(shape, dtype)}))
    times: list[list[float]] = [[] for _ in files]
    for _ in range(ROUNDS):
        for (session, feed), found in zip(calls, times, strict=True):
            for _ in range(CALLS):
                start = time.perf_counter()
                session.run(None, feed)
                found.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(found) for found in times]


def main() -> None:
    """Write the data in YOLO's layout, train, predict, score and time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path)
    parser.add_argument("--yolo", type=Path, required=True, help="the command")
    parser.add_argument("--minutes", type=float, required=True, help="of training")
    parser.add_argument("--size", type=int, default=320, help="px, the longer side of the input")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    whole = Dataset.load(given.project / "data/dataset/dataset.json")
    parts = {s: whole.subset(read_paths(given.project / f"data/subsets/{s}.txt")) for s in SUBSETS}
    marked = [replace(image, subset=s) for s, part in parts.items() for image in part]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        formats.write(
            "yolo", Dataset(whole.classes, tuple(marked)), work / "data", given.project / "data/raw"
        )
        yolo(
            given.yolo, "train", work, model="yolo11n.yaml", data=work / "data/data.yaml",
            time=given.minutes / 60, imgsz=given.size, pretrained=False, seed=given.seed, workers=2,
        )  # fmt: skip
        weights = work / "train/weights/best.pt"
        yolo(
            given.yolo, "predict", work, model=weights, source=work / "data/images/test",
            imgsz=given.size, conf=0.001, iou=0.6, max_det=100, save=False, save_txt=True,
            save_conf=True,
        )  # fmt: skip
        yolo(given.yolo, "export", work, model=weights, format="onnx", imgsz=given.size)
        found = found_of(parts["test"], detections(parts["test"], work / "predict/labels"))
        table = match(objects_of(parts["test"]), found, 100)
        overall = bootstrap.intervals(table, bootstrap.Plan(1000, 0.95, 0)).overall
        for name, interval in overall.items():
            print(f"{name} {100 * interval.value:.1f} ({100 * interval.low:.1f} to "
                  f"{100 * interval.high:.1f})")  # fmt: skip
        ours = given.project / "models/converted/detector.onnx"
        if ours.exists():
            peer, mine = medians_ms([weights.with_suffix(".onnx"), ours])
            print(f"ONNX, one thread: {peer:.2f} ms, ours {mine:.2f} ms")


if __name__ == "__main__":
    main()
