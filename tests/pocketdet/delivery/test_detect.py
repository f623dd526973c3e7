import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PIL
from typer.testing import CliRunner

from pocketdet import cli
from pocketdet.delivery import bundle, detect, footage
from pocketdet.errors import BundleError, DatasetError
from pocketdet.exporting.contract import Contract

WITH_THE_BASE_ALONE = """
import sys
for name in ("coremltools", "cv2", "defusedxml", "jinja2", "keras", "matplotlib", "mlflow", "onnx",
             "onnxruntime", "pandas", "prefect", "pycocotools", "ruamel", "safetensors", "scipy",
             "tensorflow", "yaml"):
    sys.modules[name] = None  # importing it raises ImportError
from pathlib import Path
from pocketdet.delivery import detect
print(detect.run([Path(sys.argv[1])], Path(sys.argv[2]), Path(sys.argv[3])).detections)
"""


@pytest.fixture(scope="module")
def packed(tiny_converted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle with a real int8 file, as folder and zip; nearly every score is reported."""
    contract = Contract.load(tiny_converted / "contract.json")
    contract = replace(contract, operating_point=replace(contract.operating_point, score_min=0.005))
    folder = tmp_path_factory.mktemp("bundle")
    contract.save(folder / "contract.json")
    files = {
        "arch.json": b"{}",
        "stats.json": b"{}",
        "labels.txt": b"person\nbicycle\n",
        "params.json": bundle.dump({"model": "int8.tflite"}),
        "contract.json": (folder / "contract.json").read_bytes(),
        "int8.tflite": (tiny_converted / "int8.tflite").read_bytes(),
    }
    return bundle.write(folder, "tiny", files)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    for name in ("b.png", "a.JPG", "more/a.png"):
        PIL.fromarray(noise).resize((200, 120)).save(folder / name)
    (folder / "notes.txt").write_text("no photo")
    return folder


def test_photos_are_never_overwritten(packed, photos) -> None:
    (photos / "a.JPG").rename(photos / "a.jpg")
    before = (photos / "a.jpg").read_bytes()
    with pytest.raises(DatasetError, match=r"a\.jpg: the annotated picture would replace a photo"):
        detect.run([photos], packed[1], photos)
    assert (photos / "a.jpg").read_bytes() == before
    assert not (photos / "detections.json").exists()


def test_writes_pictures_and_boxes_in_the_photos_pixels(packed, photos, tmp_path) -> None:
    out = tmp_path / "new/out"
    count = detect.run([photos, photos / "more/a.png"], packed[1], out).detections
    found = json.loads((out / "detections.json").read_text())
    assert [photo["picture"] for photo in found["photos"]] == ["a.jpg", "b.jpg", "a_2.jpg"]
    assert (found["bundle"], found["model"]) == ("tiny", "int8.tflite")
    rows = [row for photo in found["photos"] for row in photo["detections"]]
    assert len(rows) == count > 0
    for row in rows:
        x1, y1, x2, y2 = row["xyxy"]
        assert 0 <= x1 <= x2 <= 200
        assert 0 <= y1 <= y2 <= 120
        assert row["label"] in ("person", "bicycle")
    with PIL.open(out / "b.jpg") as picture:
        assert picture.size == (200, 120)


def test_runs_on_a_machine_without_the_pipelines_packages(packed, photos, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_THE_BASE_ALONE, photos, packed[0], tmp_path / "out"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 0


def test_altered_bundle_writes_nothing(packed, photos, tmp_path) -> None:
    content = bytearray(packed[1].read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "altered.zip").write_bytes(bytes(content))
    with pytest.raises(BundleError, match="altered"):
        detect.run([photos], tmp_path / "altered.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_model_that_the_contract_does_not_know_is_refused(packed, photos, tmp_path) -> None:
    files = {**bundle.open(packed[1]).files, "params.json": b'{"model": "../evil.tflite"}'}
    _, archive = bundle.write(tmp_path, "evil", files)
    with pytest.raises(BundleError, match=r"'\.\./evil\.tflite', which is no model of it"):
        detect.run([photos], archive, tmp_path / "out")


def test_a_broken_photo_is_reported_and_the_others_are_done(packed, photos, tmp_path) -> None:
    (photos / "aa.jpg").write_bytes(b"\xff\xd8\xff")
    (photos / "c.mp4").write_bytes(b"no video")
    words = ["detect", str(photos), "--bundle", str(packed[1]), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli.app, words)
    assert done.exit_code == 1
    assert "in 2 photos and frames, 2 could not be read; see" in done.output
    assert "aa.jpg: not a whole picture" in done.stderr
    found = json.loads((tmp_path / "out/detections.json").read_text())
    assert [photo["picture"] for photo in found["photos"]] == ["a.jpg", "b.jpg"]
    assert [Path(row["source"]).name for row in found["broken"]] == ["aa.jpg", "c.mp4"]
    assert "not a whole picture" in found["broken"][0]["error"]


def test_missing_and_no_photos_are_named(packed, tmp_path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.jpg: not found"):
        detect.run([tmp_path / "gone.jpg"], packed[1], tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no photo in"):
        detect.run([tmp_path / "empty"], packed[1], tmp_path / "out")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Ten frames at 5 a second, ever brighter."""
    import cv2

    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for k in range(10):
        writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
    writer.release()
    return path


def test_frames_of_a_video_are_photos_with_a_time(packed, photos, video, tmp_path) -> None:
    detect.run([photos / "a.JPG", video], packed[1], tmp_path / "out", every=3)
    rows = json.loads((tmp_path / "out/detections.json").read_text())["photos"]
    assert [row.get("frame") for row in rows] == [None, 0, 3, 6, 9]
    assert rows[2]["picture"] == "clip_000003.jpg"
    assert rows[2]["size_wh"] == [64, 48]
    assert rows[2]["time_s"] == pytest.approx(0.6, abs=0.21)
    frames = footage.frames(video, every=3)
    assert [round(rgb.mean() / 20) for _, _, rgb in frames] == [0, 3, 6, 9]
    assert "photo" in rows[0]
    assert "time_s" not in rows[0]


def test_so_many_frames_and_no_more(packed, video, tmp_path) -> None:
    detect.run([video], packed[1], tmp_path / "out", most=2)
    assert len(json.loads((tmp_path / "out/detections.json").read_text())["photos"]) == 2


def test_videos_that_cannot_be_read_are_named(packed, tmp_path, monkeypatch) -> None:
    video = tmp_path / "broken.mp4"
    video.write_bytes(b"no video")
    shown, camera = detect.run([video, 99], packed[1], tmp_path / "out").broken
    assert re.search(r"broken\.mp4: (cannot be opened|gives no frame)", shown.error)
    assert (camera.source, camera.error[:27]) == ("camera 99", "camera 99: cannot be opened")
    monkeypatch.setitem(sys.modules, "cv2", None)
    (shown,) = detect.run([video], packed[1], tmp_path / "out").broken
    assert "need OpenCV: pip install opencv-python-headless" in shown.error
