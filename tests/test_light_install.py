"""What an app's developer installs to try a bundle: small, and enough for `pocketdet detect`."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = sorted((REPOSITORY / "models/bundle").glob("*.zip"))
MOST_MB = 100  # 10^6 bytes of everything that pip brings, this package too, before any bytecode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light") / "venv"
    source = folder.with_name("source")  # a copy: building leaves a build folder behind
    source.mkdir()
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, source)
    shutil.copytree(
        REPOSITORY / "pocketdet", source / "pocketdet", ignore=shutil.ignore_patterns("__pycache__")
    )
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet",
         "--no-compile", f"{source}[runtime]"],
        check=True,
    )  # fmt: skip
    return folder


def test_it_is_small_and_has_no_pipeline(environment: Path) -> None:
    (packages,) = environment.glob("lib/*/site-packages")
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    print(f"\npocketdet[runtime]: {size / 1e6:.1f} MB")  # noqa: T201
    assert size < MOST_MB * 1e6
    names = {path.name.lower() for path in packages.iterdir()}
    assert not names & {"tensorflow", "keras", "cv2", "scipy", "pandas", "mlflow", "prefect"}


@pytest.mark.skipif(not BUNDLES, reason="no bundle; run: make run")
def test_it_detects_and_verifies(environment: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 200, 3), dtype=np.uint8)
    PIL.fromarray(noise).save(tmp_path / "photo.png")
    for arguments in (
        ("detect", tmp_path / "photo.png", "--bundle", BUNDLES[0], "--out", tmp_path / "out"),
        ("verify", BUNDLES[0]),
    ):
        done = subprocess.run(
            [environment / "bin/pocketdet", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out/photo.jpg").exists()
    states = {line.split()[0]: line.split()[1:3] for line in done.stdout.splitlines()[1:]}
    assert states["onnx"] == ["not", "run"]
    assert all(states[name][0] == "ok" for name in ("net", "fp32", "fp16", "int8", "int8_nms"))
