"""The generated code is compiled and run on golden vectors, for every head and resize rule."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet import appcode
from pocketdet.detector import decode
from pocketdet.detector.decode import Floats, OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.exporting import golden
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.preprocess import Preprocessing

CLASSES = ("person", 'a "quoted" $name', "Fähre")
ANCHORS = NetSpec(
    "b", 1.0, "none", 8, 0, (96, 64), CLASSES,
    (Level(16, ((20.0, 30.5), (41.0, 17.0))), Level(32, ((60.0, 50.0),))),
)  # fmt: skip
CELLS = NetSpec(
    "b", 1.0, "none", 8, 0, (96, 64), CLASSES, (Level(16, ()), Level(32, ())), "anchor_free"
)
POINT = OperatingPoint(0.6, 0.5, 10, (0.6, 0.7, 0.8))
KOTLIN = os.environ.get("POCKETDET_KOTLIN", "")  # folder of the compiler's jars


class Random:
    """A net whose raw maps are noise."""

    name, emulated, partitions = "noise", False, None

    def __init__(self, spec: NetSpec) -> None:
        self.spec = spec
        rng = np.random.default_rng(1)
        self.maps = {
            name: rng.normal(scale=2, size=(1, *shape)).astype(np.float32)
            for name, shape in spec.outputs().items()
        }

    def raw(self, rgb: np.ndarray) -> dict[str, Floats]:
        return self.maps

    def candidates(self, outputs: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        return decode.candidates(outputs, self.spec)

    def __call__(self, rgb: np.ndarray) -> tuple[Floats, Floats]:
        return self.candidates(self.raw(rgb))

    def reference(self, raw: object, boxes_xyxy: object, scores: object) -> None:
        return None


def write(folder: Path, spec: NetSpec, rule: Preprocessing, photo_wh: tuple[int, int]) -> Path:
    """Code and golden vectors as in a bundle."""
    contract = Contract(spec, rule, POINT, (), coding_of(spec))
    rng = np.random.default_rng(2)
    noise = PIL.fromarray(rng.integers(0, 256, (19, 23, 3), dtype=np.uint8))
    photo = np.asarray(noise.resize(photo_wh, PIL.Resampling.BICUBIC))
    files = {**appcode.files(contract), **golden.record(photo, Random(spec), {}, contract)}
    assert files["golden/boxes.txt"].count(b"\n") == POINT.max_detections
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.skipif(not shutil.which("g++"), reason="no g++")
@pytest.mark.parametrize(
    ("spec", "rule", "photo_wh"),
    [
        (ANCHORS, Preprocessing((96, 64), "stretch", "antialiased"), (400, 301)),
        (CELLS, Preprocessing((96, 64), "letterbox", "mediapipe"), (77, 300)),
    ],
)
def test_cpp_gives_the_golden_input_and_boxes(
    tmp_path: Path, spec: NetSpec, rule: Preprocessing, photo_wh: tuple[int, int]
) -> None:
    write(tmp_path, spec, rule, photo_wh)
    compiled = subprocess.run(
        ["g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "app/selftest.cpp", "-o", "t"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([tmp_path / "t", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "input: differs by at most 0 of 255" in done.stdout
    assert "boxes: 10 of 10" in done.stdout

    boxes = tmp_path / "golden/boxes.txt"
    boxes.write_text(re.sub(r"^\d", lambda m: str((int(m[0]) + 1) % 3), boxes.read_text()))
    done = subprocess.run([tmp_path / "t", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1, "a box of another class must be seen"


@pytest.mark.slow
@pytest.mark.skipif(not KOTLIN, reason="no Kotlin compiler; run: make kotlin-test")
@pytest.mark.parametrize(
    ("spec", "rule", "photo_wh"),
    [
        (CELLS, Preprocessing((96, 64), "stretch", "antialiased"), (400, 301)),
        (ANCHORS, Preprocessing((96, 64), "letterbox", "mediapipe"), (77, 300)),
    ],
)
def test_kotlin_gives_the_golden_input_and_boxes(
    tmp_path: Path, spec: NetSpec, rule: Preprocessing, photo_wh: tuple[int, int]
) -> None:
    write(tmp_path, spec, rule, photo_wh)
    jars = sorted(str(jar) for jar in Path(KOTLIN).resolve().rglob("*.jar"))
    (library,) = (jar for jar in jars if "kotlin-stdlib" in jar)
    compiled = subprocess.run(
        ["java", "-cp", ":".join(jars), "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
         "-no-stdlib", "-no-reflect", "-Werror", "-cp", library, "-d", "classes",
         "app/Pocketdet.kt"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run(
        ["java", "-cp", f"{tmp_path / 'classes'}:{library}", "pocketdet.PocketdetKt", tmp_path],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ("input: differs by at most 0 of 255\nboxes: 10 of 10, equal\n")


def test_every_constant_is_filled_in_and_swift_says_that_nobody_compiled_it() -> None:
    rule = Preprocessing((96, 64), "letterbox")
    files = appcode.files(Contract(ANCHORS, rule, POINT, (), coding_of(ANCHORS)))
    assert set(files) == {f"app/{name}" for name in appcode.TEMPLATES}
    for content in files.values():
        assert not re.search(rb"@[A-Z_]+@", content)
    swift = files["app/Pocketdet.swift"].decode()
    assert "NOT COMPILED HERE" in swift
    assert ".scaleFit" in swift
    assert "[0.600000024, 0.699999988, 0.800000012]" in swift
