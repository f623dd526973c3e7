"""The training as a command: two processes, one of them killed, end with the same bytes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import yaml
from PIL import Image as PIL

from pocketdet.config import Augment
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector import net, weights
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.files import sha256
from pocketdet.inputs import shards
from pocketdet.preprocess import Preprocessing

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUTS = ("weights.safetensors", "ranges.json", "history.csv", "curves.png", "summary.json")


def project(folder: Path) -> Path:
    """A folder with params, a design and shards of eight photos, as the stages before leave it."""
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["train"] |= {"batch": 4, "epochs": 4, "warmup_steps": 1}
    params["train"]["phases"][-1]["epochs"] = 1  # quantised
    folder.mkdir()
    params["train"]["distill"]["teacher"] = "big.safetensors"
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    images = []
    for i in range(8):
        picture = PIL.new("RGB", (64, 64), (90, 30 * i, 120))
        picture.paste((250, 250, 240), (4 * i, 10, 4 * i + 30, 50))
        picture.save(folder / f"{i}.png")
        images.append(Image(f"{i}.png", (64, 64), (Box("a", (4.0 * i, 10, 4.0 * i + 30, 50)),)))
    (folder / "design").mkdir()
    levels = (Level(8, ((12.0, 20.0),)),)
    spec = NetSpec("efficientnet_lite0", 1.0, "imagenet", 8, 0, (32, 32), ("a",), levels)
    spec.save(folder / "design/net.json")
    (folder / "start").mkdir()
    teacher = replace(spec, backbone="mobilenet_v2", width=0.35)
    weights.save(net.build(teacher), folder / "start/big.safetensors", teacher)
    data, rule = Dataset(("a",), tuple(images)), Preprocessing((32, 32), "stretch")
    recipe = Augment(**params["augment"])
    for name, copies in (("train", 1), ("val", 0)):
        list(shards.write(folder / "shards" / name, folder, data, rule, recipe, 0, copies, 1))
    shards.write_manifest(folder / "shards", "recipe")
    return folder


def start(folder: Path) -> subprocess.Popen[str]:
    options = [f"--{name}={name}" for name in ("shards", "start", "design", "trained", "report")]
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")},
        "PYTHONPATH": str(REPOSITORY),
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",  # nobody there: the record stays in the spool
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tasks.train", *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    return out


def outputs(folder: Path) -> dict[str, bytes]:
    files = {
        path.name: path for name in ("trained", "report") for path in (folder / name).iterdir()
    }
    assert set(files) == set(OUTPUTS)
    return {name: path.read_bytes() for name, path in files.items()}


def test_killed_and_started_again_it_ends_with_the_bytes_of_an_undisturbed_process(tmp_path):
    whole = project(tmp_path / "whole")
    shutil.copytree(whole, tmp_path / "killed")
    killed = tmp_path / "killed"
    said = finish(start(whole))
    assert "epoch 4/4 (quantised)" in said
    assert "kept: epoch 4 of 4 (quantised), val AP 0." in said
    taught = json.loads((whole / "report/summary.json").read_text())
    assert taught["teacher_sha256"] == sha256(whole / "start/big.safetensors")
    assert "the record is kept" in said

    process = start(killed)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 3/4"):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert not (killed / "trained").exists()
    said = finish(start(killed))
    assert said.count("(from the checkpoint)") in (2, 3)
    assert outputs(killed) == outputs(whole)
    assert not any((killed / ".pocketdet" / "checkpoints").iterdir())
