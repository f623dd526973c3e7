"""`pocketdet verify` on a bundle of the tiny net: what it runs, and what it refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.delivery import bundle, verifying
from pocketdet.delivery.bundle import dump
from pocketdet.detector.decode import Detections
from pocketdet.errors import BundleError
from pocketdet.exporting import golden
from pocketdet.exporting.contract import Contract
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.opening import open_runtime

SHOWN = ("int8.tflite", "fp32_nms.tflite", "detector.onnx")


@pytest.fixture(scope="module")
def files(
    tiny_converted: Path, tiny_net: Runtime, tiny_pictures: list[npt.NDArray[np.uint8]]
) -> dict[str, bytes]:
    """A bundle of three of the files, without the net's own weights."""
    raw = json.loads((tiny_converted / "contract.json").read_text())
    raw["variants"] = [v for v in raw["variants"] if v["file"] in SHOWN]
    whole = Contract.load(tiny_converted / "contract.json")
    runtimes = {
        v["name"]: open_runtime(tiny_converted / v["file"], whole.net) for v in raw["variants"]
    }
    return {
        "arch.json": dump({"net": raw["net"]}),
        "contract.json": dump(raw),
        "params.json": dump(
            {
                "model": "int8.tflite",
                "operating_point": raw["operating_point"],
                "preprocessing": raw["preprocessing"],
            }
        ),
        "stats.json": dump({}),
        "labels.txt": "".join(f"{name}\n" for name in raw["net"]["classes"]).encode(),
        **{name: (tiny_converted / name).read_bytes() for name in SHOWN},
        **golden.record(tiny_pictures[0], tiny_net, runtimes, whole),
    }


def write(folder: Path, files: dict[str, bytes]) -> Path:
    return bundle.write(folder, "tiny", files)[1]


def test_every_file_gives_its_golden_boxes(files: dict[str, bytes], tmp_path: Path) -> None:
    _, checks = verifying.verify(write(tmp_path, files))
    assert [(c.variant, c.state) for c in checks] == [
        ("net", "ok"), ("int8", "ok"), ("fp32_nms", "ok"), ("onnx", "ok"),
    ]  # fmt: skip
    stored = json.loads(files["golden/golden.json"])
    assert len(stored["detections"]["int8"]) > 5, "no boxes would prove nothing"


def test_a_file_of_another_training_fails(
    files: dict[str, bytes], tiny_converted: Path, tmp_path: Path
) -> None:
    """A model that was exchanged with its hash: only its results tell."""
    from pocketdet.exporting.surgery import Editor

    editor = Editor(files["int8.tflite"])
    weights = max(
        (b for b in editor.model.buffers if b.data is not None), key=lambda b: len(b.data)
    )
    weights.data = np.roll(weights.data, 1000)
    _, checks = verifying.verify(write(tmp_path, {**files, "int8.tflite": editor.content()}))
    states = {check.variant: check.state for check in checks}
    assert states == {"net": "ok", "int8": "failed", "fp32_nms": "ok", "onnx": "ok"}


def test_a_missing_runtime_is_not_run(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    _, checks = verifying.verify(write(tmp_path, files))
    (onnx,) = (check for check in checks if check.variant == "onnx")
    assert (onnx.state, "not installed" in onnx.note) == ("not run", True)


def change(name: str, *keys: str, to: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def apply(files: dict[str, bytes]) -> dict[str, bytes]:
        raw = json.loads(files[name])
        place = raw
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to
        return {**files, name: dump(raw)}

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change("params.json", "operating_point", "score_min", to=0.9), "params.json: operating_p"),
        (change("params.json", "model", to="other.tflite"), "model is no file"),
        (change("arch.json", "net", "head_blocks", to=7), "arch.json: net is not net"),
        (lambda files: {**files, "labels.txt": b"cat\ndog\n"}, "labels.txt: not the classes"),
        (lambda files: {**files, "stats.json": b"[" * 100_000}, "nested too deeply"),
        (lambda files: {**files, "arch.json": b"[]"}, "arch.json holds no object"),
        (lambda files: {**files, "int8.tflite": b"no model"}, "its runtime refuses it"),
        (change("golden/golden.json", "photo_wh", to="wide"), "not golden vectors"),
        (lambda files: {**files, "golden/input.bin": b"short"}, "not golden vectors"),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    files: dict[str, bytes],
    tmp_path: Path,
    damage: Callable[[dict[str, bytes]], dict[str, bytes]],
    message: str,
) -> None:
    with pytest.raises(BundleError, match=message):
        verifying.verify(write(tmp_path, damage(files)))


def test_the_photo_is_one_whose_boxes_are_clear_of_the_threshold(tiny_converted: Path) -> None:
    contract = Contract.load(tiny_converted / "contract.json")
    limit = contract.operating_point.score_min

    def found(*scores: float) -> Detections:
        n = len(scores)
        return Detections(np.zeros((n, 4), np.float32), np.float32(scores), np.zeros(n, np.int64))

    pictures = {
        "close.png": found(0.9, 0.8, 0.7, limit + 0.01),
        "clear.png": found(0.9, 0.8),
        "none.png": found(),
    }
    assert golden.chosen(pictures, contract) == "clear.png"


def test_a_large_photo_is_made_small() -> None:
    assert golden.shrunk(np.zeros((3000, 4000, 3), np.uint8)).shape == (480, 640, 3)
    assert golden.shrunk(np.zeros((30, 40, 3), np.uint8)).shape == (30, 40, 3)
