"""A client that is not ours finds what we find: MediaPipe Tasks on the files with post-processing.

Needs the client's environment, a converted net of this project (`make run`) and real photos:
`make client-test`. It prints what it measured.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pocketdet.boxes import ious
from pocketdet.detector.decode import OperatingPoint, nms
from pocketdet.exporting.contract import Contract
from pocketdet.preprocess import Preprocessing, load_rgb, to_input
from pocketdet.runtimes.opening import open_runtime

REPOSITORY = Path(__file__).resolve().parents[2]
CLIENT = os.environ.get("POCKETDET_CLIENT", "")
CONVERTED = Path(os.environ.get("POCKETDET_CONVERTED", REPOSITORY / "models/converted"))
COCO128 = Path(os.environ.get("POCKETDET_PHOTOS", REPOSITORY.parent / "shared/data/coco128"))
LOWEST = 0.01  # score that both sides report from
CONFIDENT = 0.3  # score of the detections that are compared

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLIENT, reason="no client environment; run: make client-test"),
    pytest.mark.skipif(not CONVERTED.exists(), reason="no converted net; run: make run"),
    pytest.mark.skipif(not COCO128.exists(), reason="no ../shared/data/coco128"),
]


@dataclass(frozen=True)
class Found:
    """Boxes in the photo's pixels, not clipped."""

    boxes_xyxy: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measured:
    """Of all our confident detections: how many, how many without a counterpart, differences."""

    count: int
    missing: int
    overlaps: npt.NDArray[np.float32]
    score_differences: npt.NDArray[np.float32]

    def share(self, iou_min: float, score_max: float) -> float:
        good = (self.overlaps >= iou_min) & (self.score_differences <= score_max)
        return float(good.sum()) / self.count

    def __str__(self) -> str:
        return (
            f"{self.count} detections above {CONFIDENT}, {self.missing} missing, IoU at least "
            f"{self.overlaps.min():.4f} (median {np.median(self.overlaps):.4f}), score differs by "
            f"at most {self.score_differences.max():.2g} "
            f"(median {np.median(self.score_differences):.2g}); "
            f"{self.share(0.95, 0.05):.1%} with IoU >= 0.95 and score within 0.05"
        )


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(CONVERTED / "contract.json")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first 20 photos with a person, as RGB files: MediaPipe refuses grey ones."""
    folder = tmp_path_factory.mktemp("photos")
    (annotations,) = COCO128.rglob("*.json")
    raw = json.loads(annotations.read_text())
    (person,) = (c["id"] for c in raw["categories"] if c["name"] == "person")
    shown = {a["image_id"] for a in raw["annotations"] if a["category_id"] == person}
    names = sorted(image["file_name"] for image in raw["images"] if image["id"] in shown)[:20]
    assert len(names) == 20
    paths = []
    for name in names:
        (source,) = COCO128.rglob(Path(name).name)
        paths.append(folder / f"{source.stem}.png")
        Image.fromarray(load_rgb(source)).save(paths[-1])
    return paths


def ours(
    rgb: npt.NDArray[np.uint8],
    variant: str,
    contract: Contract,
    rule: Preprocessing,
    off_by_one: float = 0,
) -> Found:
    """Our detections by the file without post-processing, as MediaPipe states boxes.

    Of the input's values a share may be off by one, as another resizing rounds them.

    It rounds down to whole pixels, corner and size, and moves corners left of or above the photo to
    its edge without shortening the box.
    """
    file = contract.variant(variant.removesuffix("_nms")).file
    values, rng = to_input(rgb, rule).astype(int), np.random.default_rng(0)
    off = rng.choice([-1, 0, 1], values.shape, p=[off_by_one / 2, 1 - off_by_one, off_by_one / 2])
    net = open_runtime(CONVERTED / file, contract.net)
    boxes, scores = net(np.clip(values + off, 0, 255).astype(np.uint8))
    anchors, labels = np.nonzero(scores >= LOWEST)
    order = np.argsort(-scores[anchors, labels], kind="stable")
    anchors, labels = anchors[order], labels[order]
    size_wh = (rgb.shape[1], rgb.shape[0])
    photo = rule.view(size_wh).back(boxes[anchors], size_wh)
    keep = nms(photo, labels, contract.operating_point.nms_iou)
    corner = np.maximum(np.trunc(photo[keep, :2]), 0)
    whole = np.concatenate([corner, corner + np.floor(photo[keep, 2:] - photo[keep, :2])], -1)
    return Found(whole.astype(np.float32), scores[anchors, labels][keep], labels[keep])


def theirs(paths: Sequence[Path], variant: str, contract: Contract, folder: Path) -> list[Found]:
    model = CONVERTED / contract.variant(variant).file
    out = folder / "found.json"
    script = Path(__file__).with_name("mediapipe_detect.py")
    subprocess.run([CLIENT, script, model, out, *paths], check=True, capture_output=True)
    found = json.loads(out.read_text())
    result = []
    for path in paths:
        rows = found[str(path)]
        boxes = np.asarray([[x, y, x + w, y + h] for *_, x, y, w, h in rows], np.float32)
        result.append(
            Found(
                boxes.reshape(-1, 4),
                np.asarray([row[1] for row in rows], np.float32),
                np.asarray([contract.net.classes.index(row[0]) for row in rows], np.int64),
            )
        )
    return result


def compare(
    pictures: Sequence[Path], variant: str, contract: Contract, rule: Preprocessing, folder: Path
) -> Measured:
    clients = theirs(pictures, variant, contract, folder)
    return measure([ours(load_rgb(p), variant, contract, rule) for p in pictures], clients)


def measure(us: Sequence[Found], clients: Sequence[Found]) -> Measured:
    """Our confident detections of each picture beside a client's."""
    count, missing, overlaps, differences = 0, 0, [], []
    for mine, client in zip(us, clients, strict=True):
        for k in np.flatnonzero(mine.scores >= CONFIDENT):
            count += 1
            same = ious(mine.boxes_xyxy[[k]], client.boxes_xyxy)[0]
            same = np.where(client.labels == mine.labels[k], same, 0)
            if not len(same) or same.max() < 0.5:
                missing += 1
                continue
            overlaps.append(same.max())
            differences.append(abs(client.scores[same.argmax()] - mine.scores[k]))
    return Measured(
        count, missing, np.asarray(overlaps, np.float32), np.asarray(differences, np.float32)
    )


@pytest.mark.parametrize("variant", ["fp32_nms", "int8_nms"])
def test_equals_us_on_pictures_of_the_inputs_size(
    photos: list[Path], contract: Contract, variant: str, tmp_path: Path
) -> None:
    inputs = []
    for photo in photos:
        inputs.append(tmp_path / photo.name)
        Image.fromarray(to_input(load_rgb(photo), contract.preprocessing)).save(inputs[-1])
    stretch = replace(contract.preprocessing, resize="stretch")
    found = compare(inputs, variant, contract, stretch, tmp_path)
    print(f"\n{variant}, input size: {found}")  # noqa: T201
    assert found.count > 20
    assert found.share(0.99, 0.01) == 1


@pytest.mark.parametrize("variant", ["fp32_nms", "int8_nms"])
def test_equals_us_on_photos_where_we_resize_as_it_does(
    photos: list[Path], contract: Contract, variant: str, tmp_path: Path
) -> None:
    rule = Preprocessing(contract.net.input_wh, "stretch", "mediapipe")
    found = compare(photos, variant, contract, rule, tmp_path)
    print(f"\n{variant}, photos, interpolation mediapipe: {found}")  # noqa: T201
    assert found.count > 20
    assert found.share(0.95, 0.05) >= 0.95


@pytest.mark.parametrize("variant", ["fp32", "int8"])
def test_says_what_one_value_in_a_thousand_off_by_one_changes(
    photos: list[Path], contract: Contract, variant: str
) -> None:
    """What int8 and the client disagree on: no more than int8 with itself after such rounding."""
    rule = Preprocessing(contract.net.input_wh, "stretch", "mediapipe")
    exact, off = (
        [ours(load_rgb(photo), variant, contract, rule, share) for photo in photos]
        for share in (0, 0.001)
    )
    found = measure(exact, off)
    print(f"\n{variant}, photos, 0.1 % of the values off by one: {found}")  # noqa: T201
    assert (found.share(0.95, 0.05) == 1) == (variant == "fp32")


def test_says_what_another_interpolation_costs(
    photos: list[Path], contract: Contract, tmp_path: Path
) -> None:
    rule = Preprocessing(contract.net.input_wh, "stretch", "antialiased")
    found = compare(photos, "fp32_nms", contract, rule, tmp_path)
    print(f"\nfp32_nms, photos, interpolation antialiased: {found}")  # noqa: T201
    assert found.missing <= 0.05 * found.count


def test_the_operating_point_of_the_app_is_above_what_the_file_leaves_out(
    contract: Contract,
) -> None:
    point: OperatingPoint = contract.operating_point
    assert point.score_min > LOWEST
