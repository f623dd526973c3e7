"""The detector on real photos: train, score, quantise and time nets.

    python benchmarks/detector.py bars|heads|ablation [--rows ...] [--data ...] [--seeds 0 1 2]

benchmarks/detector.yaml says what each trains. A training is `dvc repro` in a clone of the
repository at HEAD with changes to params.yaml, so what is measured is what users get. Every seed's
row is printed when it is there, then a table of means and spreads (largest minus smallest). The
int8 files are timed, one thread, in turn with the ruler: latency is a ratio of medians of one run.
Clones stay in --work; a training that is there is not repeated, whatever its commit.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT / "../shared"
RULER = "rulers/prototype_256x320_int8.tflite"
ROUNDS, CALLS = 15, 10  # of the timing: the files take turns
LATENCY = "of the ruler's ms"
INT8 = "models/converted/int8.tflite"

Spec = dict[str, Any]
# Data and row -> number -> mean and spread over the seeds.
Summaries = dict[tuple[str, str], dict[str, tuple[float, float]]]


def clone(folder: Path, photos: Path, imports: list[Spec], changes: Spec) -> None:
    """The repository at HEAD with data imported and params changed."""
    run("git", "clone", "--quiet", str(ROOT), str(folder), cwd=ROOT)
    for one in imports:
        source = photos / one["folder"]
        if "subset" in one:
            source = part(one, photos, folder / "photos" / one["folder"])
        others = ("--others", "drop") if one["format"] == "coco" else ()
        arguments = ("--format", one["format"], "--name", one["folder"])
        chosen = (*arguments, "--classes", one["classes"], *others)
        run(sys.executable, "-m", "pocketdet", "import", str(source), *chosen, cwd=folder)
    yaml = YAML()
    yaml.preserve_quotes = True
    params = yaml.load((folder / "params.yaml").read_text())
    # Nothing but the epochs with all in them; a benchmark says what is lost and refuses nothing.
    fixed = {
        "train.phases.0.epochs": 0,
        "verify.max_lost": 100.0,
        "convert.variants": ["fp32", "fp16", "int8"],
    }
    for dotted, value in (fixed | changes).items():
        *path, key = (int(word) if word.isdigit() else word for word in dotted.split("."))
        section = params
        for word in path:
            section = section[word]
        section[key] = value
    for name in params["verify"]["max_ap_drop"]:
        params["verify"]["max_ap_drop"][name] = 100.0
    with (folder / "params.yaml").open("w") as stream:
        yaml.dump(params, stream)


def part(one: Spec, photos: Path, folder: Path) -> Path:
    """A COCO set as one official subset, without the pictures that another set has too."""

    def read(name: str) -> Spec:
        (path,) = (photos / name / "annotations").iterdir()
        found: Spec = json.loads(path.read_text())
        return found

    whole = read(one["folder"])
    elsewhere = {i["id"] for i in read(one["without"])["images"]} if "without" in one else set()
    images = [i | {"subset": one["subset"]} for i in whole["images"] if i["id"] not in elsewhere]
    boxes = [a for a in whole["annotations"] if a["image_id"] not in elsewhere]
    (folder / "images").mkdir(parents=True)
    (folder / "annotations.json").write_text(
        json.dumps(whole | {"images": images, "annotations": boxes})
    )
    for image in images:
        name = f"images/{image['file_name']}"
        shutil.copyfile(photos / one["folder"] / name, folder / name)
    return folder


def run(*command: str, cwd: Path) -> None:
    """A command with the clone's code; its output goes where ours goes."""
    environment = {**os.environ, "PYTHONPATH": str(cwd)}
    subprocess.run(command, cwd=cwd, env=environment, check=True, stdout=sys.stderr)


def result(folder: Path) -> dict[str, float]:
    """The numbers of a finished clone, AP in points of 100."""
    found = {}
    with (folder / "reports/evaluate/per_class.csv").open() as file:
        for row in csv.DictReader(file):
            if row["class"] == "(all)":
                numbers = ("AP", "AP50", "AP75", "AP50_low", "AP50_high")
                found |= {f"{row['subset']} {n}": 100 * float(row[n] or "nan") for n in numbers}
            elif row["subset"] == "test":
                for name in ("AP", "AP50"):
                    found[f"{row['class']} {name}"] = 100 * float(row[name] or "nan")
    ledger = folder / "reports/verify/ledger.json"
    if ledger.exists():
        int8 = json.loads(ledger.read_text())["files"]["int8"]
        found |= {"int8 loses": int8["ap_drop"], "partitions": int8["partitions"]}
        found |= {"int8 MB": int8["size_mb"]}
    totals = json.loads((folder / "reports/design/design.json").read_text())["totals"]
    return found | {"MMAC": totals["mmac"]}


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


def trained(given: argparse.Namespace, table: Spec, data: str, row: str, seed: int) -> Path:
    """The clone of one training, trained now if it has not been."""
    experiment = table["experiments"][given.experiment]
    source = table["data"][data]
    changes = {"seed": seed} | source["params"] | experiment["params"] | experiment["rows"][row]
    changes |= {"train.epochs": given.epochs} if given.epochs else {}
    name = f"{data}-{row.replace(' ', '_')}-{changes['train.epochs']}-{seed}"
    folder = (given.work / name).resolve()
    if not folder.exists():
        clone(folder, given.photos.resolve(), source["imports"], changes)
    run("dvc", "repro", "--quiet", experiment["until"], cwd=folder)
    return folder


def main() -> None:
    """Train what is missing, then print all rows."""
    table = YAML(typ="safe").load(Path(__file__).with_suffix(".yaml").read_text())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("experiment", choices=table["experiments"])
    parser.add_argument("--rows", nargs="+", help="some of the experiment's")
    parser.add_argument("--data", nargs="+", choices=table["data"], help="some of its data sets")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="instead of the experiment's own")
    parser.add_argument("--photos", type=Path, default=SHARED / "data", help="folder of data sets")
    parser.add_argument("--ruler", type=Path, default=SHARED / RULER)
    parser.add_argument("--work", type=Path, default=Path("detector-runs"), help="for the clones")
    parser.add_argument("--picture", type=Path, help="PNG of test AP against latency to write")
    given = parser.parse_args()
    experiment = table["experiments"][given.experiment]
    if unknown := set(given.rows or ()) - experiment["rows"].keys():
        parser.error(f"--rows: {', '.join(unknown)} none of {', '.join(experiment['rows'])}")
    given.work.mkdir(parents=True, exist_ok=True)
    summaries: Summaries = {}
    for data in given.data or experiment["data"]:
        for row in given.rows or experiment["rows"]:
            rows = []
            for seed in given.seeds:
                folder = trained(given, table, data, row, seed)
                rows.append(result(folder))
                print(f"{data}, {row}, seed {seed}:", show(rows[-1]), flush=True)
            values = {name: [numbers[name] for numbers in rows] for name in rows[0]}
            summaries[data, row] = {
                name: (statistics.mean(found), max(found) - min(found))
                for name, found in values.items()
            }
            if experiment["until"] == "verify":
                mine, ruler = medians_ms([folder / INT8, given.ruler])
                summaries[data, row][LATENCY] = (mine / ruler, 0.0)
    print_table(summaries)
    if given.picture:
        draw(summaries, experiment.get("peers", {}), given.picture)


def print_table(summaries: Summaries) -> None:
    """Means, and in brackets the spread where there is one, as Markdown."""
    shown = ("val AP", "test AP", "test AP50", "int8 loses", "MMAC", "int8 MB", LATENCY)
    print("| data | row |", " | ".join(shown), "|")
    print("| --- | --- |", " | ".join("---" for _ in shown), "|")
    for (data, row), numbers in summaries.items():
        cells = []
        for name in shown:
            mean, spread = numbers.get(name, (float("nan"), 0.0))
            cells.append(
                "–" if mean != mean else f"{mean:.4g}" + (f" ({spread:.2g})" if spread else "")
            )
        print(f"| {data} | {row} |", " | ".join(cells), "|")


def draw(summaries: Summaries, peers: Mapping[str, Spec], path: Path) -> None:
    """Test AP against latency, a point a row, bars as long as the spread; peers hollow."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for (_, row), numbers in summaries.items():
        (x, _), (y, spread) = numbers[LATENCY], numbers["test AP"]
        axes.errorbar(x, y, spread / 2, fmt="o", color="tab:blue", capsize=3)
        axes.annotate(row, (x, y), (6, 6), textcoords="offset points")
    for name, peer in peers.items():
        axes.plot(peer["latency"], peer["test AP"], "s", color="tab:grey", fillstyle="none")
        axes.annotate(name, (peer["latency"], peer["test AP"]), (6, 6), textcoords="offset points")
    axes.set_xlabel("latency, int8 LiteRT, one thread, relative to the ruler")
    axes.set_ylabel("test AP, points")
    axes.set_xlim(left=0)
    axes.margins(0.15)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def show(row: dict[str, float]) -> str:
    """Numbers by name on one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items())


if __name__ == "__main__":
    main()
