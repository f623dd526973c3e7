"""A tiny net of the real architecture, and its converted files, made once for all tests of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from PIL import Image, ImageFilter

from pocketdet import dataset as data
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.exporting.variants import RECIPES
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.keras import KerasRuntime

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tiny_spec() -> NetSpec:
    levels = tuple(Level(s, ((s * 2.0, s * 3.0), (s * 3.0, s * 2.0))) for s in (8, 16, 32))
    return NetSpec("mobilenet_v2", 0.35, "none", 16, 1, (96, 64), ("person", "bicycle"), levels)


@pytest.fixture(scope="session")
def tiny_pictures(tiny_spec: NetSpec) -> list[npt.NDArray[np.uint8]]:
    """Blurred noise: unlike plain noise it has edges and areas, so that activations differ."""
    w, h = tiny_spec.input_wh
    rng = np.random.default_rng(7)
    pictures = []
    for _ in range(12):
        noise = Image.fromarray(rng.integers(0, 256, (h // 8, w // 8, 3), dtype=np.uint8))
        large = noise.resize((w, h), Image.Resampling.BICUBIC)
        pictures.append(np.asarray(large.filter(ImageFilter.GaussianBlur(1))))
    return pictures


@pytest.fixture(scope="session")
def tiny_trained(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
) -> Path:
    """Folders `design` and `trained`, and point.json, as the stages before convert leave them.

    Nothing is trained: kernels are random, BatchNorm's statistics are those of the pictures, and
    its beta puts most values in the middle of ReLU6. So nothing vanishes, explodes or is chaotic,
    the outputs differ from cell to cell, and rounding matters as much as in a trained net.
    """
    with quiet():
        import keras

        from pocketdet.detector import net, weights
    folder = tmp_path_factory.mktemp("tiny")
    model = net.build(tiny_spec)
    rng = np.random.default_rng(3)
    for variable in model.weights:
        if variable.path.endswith("kernel"):
            fan_in = np.prod(variable.shape[:-1])
            variable.assign(rng.normal(size=variable.shape) / np.sqrt(fan_in))
    activated = {layer.name.removesuffix("_relu6") for layer in model.layers}
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if layer.name.removesuffix("_bn") in activated:
                layer.beta.assign(np.full(layer.beta.shape, 3.0))
    model(np.stack(tiny_pictures).astype(np.float32), training=True)
    (folder / "design").mkdir()
    (folder / "trained").mkdir()
    tiny_spec.save(folder / "design/net.json")
    Preprocessing(tiny_spec.input_wh, "stretch").save(folder / "design/preprocessing.json")
    weights.save(model, folder / "trained/weights.safetensors", tiny_spec)
    # Scores are around sigmoid(-4.6) = 0.01 here, by the bias that every net starts from.
    OperatingPoint(score_min=0.03, nms_iou=0.6, max_detections=50).save(folder / "point.json")
    (folder / "raw").mkdir()
    for number, picture in enumerate(tiny_pictures):
        Image.fromarray(picture).save(folder / f"raw/{number:02}.png")
    (folder / "subsets").mkdir()
    names = "".join(f"{number:02}.png\n" for number in range(len(tiny_pictures)))
    for name in ("train", "val"):
        (folder / f"subsets/{name}.txt").write_text(names)
    (folder / "dataset").mkdir()
    images = (data.Image(f"{n:02}.png", tiny_spec.input_wh) for n in range(len(tiny_pictures)))
    data.Dataset(tiny_spec.classes, tuple(images)).save(folder / "dataset/dataset.json")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["convert"]["calibration_images"] = 8
    params["convert"]["variants"] = list(RECIPES)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return folder


@pytest.fixture(scope="session")
def tiny_net(tiny_trained: Path) -> Runtime:
    """The net itself, ready to run."""
    return KerasRuntime.load(tiny_trained / "design", tiny_trained / "trained")


@pytest.fixture(scope="session")
def convert_tiny(tiny_trained: Path) -> Callable[[str, str], Path]:
    """Runs the convert stage in a new process: name of the output, hash seed -> its folder."""

    def convert(name: str, hash_seed: str) -> Path:
        options = {"raw": "raw", "dataset": "dataset", "subsets": "subsets", "design": "design",
                   "trained": "trained", "point": "point.json", "converted": name}  # fmt: skip
        arguments = [word for option, path in options.items() for word in (f"--{option}", path)]
        done = subprocess.run(
            [sys.executable, "-m", "tasks.convert", *arguments],
            cwd=tiny_trained,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == "", "converters must be quiet when they succeed"
        return tiny_trained / name

    return convert


@pytest.fixture(scope="session")
def tiny_converted(convert_tiny: Callable[[str, str], Path]) -> Path:
    """All files of the tiny net and their contract, by the stage itself."""
    return convert_tiny("converted", "1")
