"""The detector on real photos: train, score, quantise and time nets on the BCCD data set.

    python benchmarks/detector.py [--settings default small ssdlite tiny scratch] [--seeds 0 1 2]

Each training is a clone of the repository at HEAD with the changes to params.yaml that SETTINGS
lists, so that what is measured is what `dvc repro` gives. `tiny` downloads Keras' weights. Every
seed's row is printed when it is there, then mean and spread. The int8 files are timed, one thread,
in turn with the ruler: latency is a ratio of medians of one run. Clones stay in --work, and a
training that is there already is not repeated.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "../shared"
RULER = "rulers/prototype_256x320_int8.tflite"
ROUNDS, CALLS = 15, 10  # of the timing: the files take turns

# What BCCD needs, whatever the net: blood cells are round, large, and as good upside down.
DATA = {
    "design.input_wh": [320, 256],
    "augment.scale": [0.8, 1.4],
    "augment.copies": 4,
    "augment.flip_vertical": 0.5,
    "augment.mosaic": 0.5,
    "convert.variants": ["fp32", "fp16", "int8"],
    "verify.max_lost": 100.0,  # a benchmark says what is lost and refuses nothing
    "train.warmup_steps": 30,
    "train.match_top_k": 10,
    "train.box_weight": 5.0,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "ssdlite": {
        "design.head": "ssdlite",
        "design.neck_channels": 96,
        "design.head_blocks": 2,
        "train.epochs": 144,
    },
    "default": {
        "design.head": "anchor_free",
        "design.neck_channels": 96,
        "design.head_blocks": 2,
        "train.epochs": 144,
    },
    "small": {
        "design.head": "anchor_free",
        "design.input_wh": [256, 192],
        "design.neck_channels": 64,
        "design.head_blocks": 2,
        "train.epochs": 144,
    },
    "tiny": {
        "design.head": "anchor_free",
        "design.input_wh": [192, 160],
        "design.backbone": "mobilenet_v2",
        "design.width": 0.35,
        "design.neck_channels": 48,
        "design.head_blocks": 1,
        "train.epochs": 144,
    },
}

# Without a network there are no Keras weights.
SETTINGS["scratch"] = SETTINGS["tiny"] | {"design.weights": "none"}


def clone(folder: Path, data: Path, setting: str, seed: int, epochs: int | None) -> None:
    """The repository at HEAD with the data imported and the params changed."""
    run("git", "clone", "--quiet", str(ROOT), str(folder), cwd=ROOT)
    arguments = ("--format", "voc", "--name", "bccd", "--classes", "RBC,WBC,Platelets")
    run(sys.executable, "-m", "pocketdet", "import", str(data), *arguments, cwd=folder)
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load((folder / "params.yaml").read_text())
    params["seed"] = seed
    changes = DATA | SETTINGS[setting] | ({"train.epochs": epochs} if epochs else {})
    for dotted, value in changes.items():
        section, key = dotted.split(".")
        params[section][key] = value
    params["train"]["phases"][0]["epochs"] = 0  # nothing but the epochs with all in them
    with (folder / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)


def run(*command: str, cwd: Path) -> None:
    """A command with the clone's code; its output goes where ours goes."""
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=sys.stderr)


def result(folder: Path) -> dict[str, float]:
    """The numbers of a finished clone, AP in points of 100."""
    read = lambda name: json.loads((folder / "reports" / name).read_text())  # noqa: E731
    test = read("evaluate/metrics.json")["test"]
    int8 = read("verify/ledger.json")["files"]["int8"]
    totals = read("design/design.json")["totals"]
    numbers = ("AP", "AP50", "AP75", "RBC_AP", "WBC_AP", "Platelets_AP")
    return {
        **{name: 100 * test[name] for name in numbers},
        "int8 loses": int8["ap_drop"],
        "partitions": int8["partitions"],
        "MMAC": totals["mmac"],
        "int8 MB": int8["size_mb"],
    }


def medians_ms(files: list[Path]) -> list[float]:
    """Median milliseconds of one call of each LiteRT file, one thread, the files in turn."""
    from ai_edge_litert.interpreter import Interpreter

    nets = []
    for path in files:
        net = Interpreter(str(path), num_threads=1)
        net.allocate_tensors()
        (given,) = net.get_input_details()
        net.set_tensor(given["index"], np.zeros(given["shape"], given["dtype"]))
        net.invoke()
        nets.append(net)
    times: list[list[float]] = [[] for _ in files]
    for _ in range(ROUNDS):
        for net, found in zip(nets, times, strict=True):
            for _ in range(CALLS):
                start = time.perf_counter()
                net.invoke()
                found.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(found) for found in times]


def main() -> None:
    """Train what is missing, then print all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED / "data/bccd")
    parser.add_argument("--ruler", type=Path, default=SHARED / RULER)
    parser.add_argument("--settings", nargs="+", default=["default", "small"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="instead of the settings' own")
    parser.add_argument("--work", type=Path, default=Path("bccd-runs"), help="folder of the clones")
    given = parser.parse_args()
    if unknown := set(given.settings) - SETTINGS.keys():
        parser.error(f"--settings: {', '.join(unknown)} none of {', '.join(SETTINGS)}")
    given.work.mkdir(parents=True, exist_ok=True)
    for setting in given.settings:
        rows = []
        for seed in given.seeds:
            folder = (given.work / f"{setting}-{given.epochs or 'full'}-{seed}").resolve()
            if not folder.exists():
                clone(folder, given.data.resolve(), setting, seed, given.epochs)
            run("dvc", "repro", "verify", cwd=folder)
            rows.append(result(folder))
            print(setting, f"seed {seed}:", show(rows[-1]), flush=True)
        for name, summary in (("mean", statistics.mean), ("spread", lambda v: max(v) - min(v))):
            print(setting, f"{name}:", show({k: summary([r[k] for r in rows]) for k in rows[0]}))
        mine, ruler = medians_ms([folder / "models/converted/int8.tflite", given.ruler])
        print(f"{setting} int8, one thread: {mine:.2f} ms, {mine / ruler:.2f} of the ruler's")


def show(row: dict[str, float]) -> str:
    """Numbers by name on one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items())


if __name__ == "__main__":
    main()
