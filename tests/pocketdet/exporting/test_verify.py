import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import OperatingPoint, detections
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import verify as module
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.ledger import Row, failures
from pocketdet.exporting.variants import RECIPES
from pocketdet.exporting.verify import Effort, spread
from pocketdet.preprocess import Preprocessing
from pocketdet.runtimes import Runtime, RuntimeMissingError
from pocketdet.runtimes.opening import open_runtime
from pocketdet.scoring.bootstrap import Plan

SCORING = OperatingPoint(score_min=0.01, nms_iou=0.6, max_detections=50)
LIMITS = {"fp32": 0.1, "fp16": 0.1, "int8": 2.0, "onnx": 0.1}


@pytest.fixture(scope="module")
def dataset(
    tiny_net: Runtime, tiny_spec: NetSpec, tiny_pictures: list[npt.NDArray[np.uint8]]
) -> Dataset:
    """Ground truth is what the net itself finds best, so that its AP is high and a drop shows."""
    stretch = Preprocessing(tiny_spec.input_wh, "stretch")
    images = []
    for number, picture in enumerate(tiny_pictures):
        found = detections(*tiny_net(picture), stretch, tiny_spec.input_wh, SCORING)
        boxes = tuple(
            Box(tiny_spec.classes[label], (x1, y1, x2, y2))
            for (x1, y1, x2, y2), label in zip(
                found.boxes_xyxy[:5].tolist(), found.labels[:5].tolist(), strict=True
            )
        )
        images.append(Image(f"{number:02}.png", tiny_spec.input_wh, boxes))
    return Dataset(tiny_spec.classes, tuple(images))


def run(
    dataset: Dataset, tiny_trained: Path, converted: Path, net: Runtime
) -> tuple[dict[str, Row], float | None]:
    contract = Contract.load(converted / "contract.json")
    outcome = module.verify(
        dataset, tiny_trained / "raw", contract, converted, net, SCORING.score_min, Effort(6, 2),
        LIMITS, Plan(20, 0.95, 0), lambda text: None,
    )  # fmt: skip
    assert [row.variant for row in outcome.rows] == [v.name for v in contract.variants]
    assert set(outcome.expected) == {image.path for image in dataset}
    return {row.variant: row for row in outcome.rows}, outcome.net_ap


@pytest.fixture(scope="module")
def ledger(
    dataset: Dataset, tiny_trained: Path, tiny_converted: Path, tiny_net: Runtime
) -> tuple[dict[str, Row], float | None]:
    return run(dataset, tiny_trained, tiny_converted, tiny_net)


def test_every_file_was_run(ledger: tuple[dict[str, Row], float | None]) -> None:
    rows, _ = ledger
    statuses = {name: row.status for name, row in rows.items()}
    emulated = {"coreml", "coreml_int8", "coreml_palette6"}
    assert statuses == {n: "emulated" if n in emulated else "ok" for n in RECIPES}
    pictures = {name: row.agreement and row.agreement.images for name, row in rows.items()}
    assert pictures == {n: 2 if n in emulated else 6 for n in RECIPES}


def test_float_files_equal_the_net(ledger: tuple[dict[str, Row], float | None]) -> None:
    rows, net_ap = ledger
    assert net_ap is not None
    assert net_ap > 50
    for name in ("fp32", "fp32_nms", "onnx"):
        row = rows[name]
        assert row.agreement is not None
        assert row.agreement.boxes > 10
        assert row.agreement.lost == 0
        assert row.agreement.iou_min == pytest.approx(1, abs=1e-3)
        assert row.ap == pytest.approx(net_ap, abs=0.1)
        assert row.ap_drop == net_ap - row.ap
    assert rows["coreml"].ap is None, "two pictures are no average precision"
    assert rows["coreml"].agreement is not None
    assert rows["coreml"].agreement.tensor_max < 5e-3


def test_int8_differs_and_the_ledger_says_by_how_much(
    ledger: tuple[dict[str, Row], float | None],
) -> None:
    rows, _ = ledger
    int8, fp32 = rows["int8"], rows["fp32"]
    assert int8.agreement is not None
    assert fp32.agreement is not None
    assert int8.agreement.tensor_max > 100 * fp32.agreement.tensor_max
    assert int8.agreement.iou_mean is not None
    assert 0.5 < int8.agreement.iou_mean < 1
    assert int8.ap_drop_max == 2.0
    assert int8.ap_drop_low is not None
    assert int8.ap_drop_high is not None
    assert int8.ap_drop_low <= int8.ap_drop_high
    assert (fp32.ap_drop_low, fp32.ap_drop_high) == (0, 0), "the same boxes in every draw"
    assert int8.size_mb < fp32.size_mb
    assert fp32.partitions is not None
    assert rows["onnx"].partitions is None


def test_a_missing_runtime_is_not_run_and_never_passed(
    dataset: Dataset,
    tiny_trained: Path,
    tiny_converted: Path,
    tiny_net: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(path: Path, spec: NetSpec) -> Runtime:
        if path.suffix in (".onnx", ".mlpackage"):
            raise RuntimeMissingError("onnxruntime is not installed")
        return open_runtime(path, spec)

    monkeypatch.setattr(module, "open_runtime", absent)
    small = replace(dataset, images=dataset.images[:2])
    rows, _ = run(small, tiny_trained, tiny_converted, tiny_net)
    assert rows["onnx"].status == "not run: onnxruntime is not installed"
    assert rows["onnx"].ap is None
    assert rows["onnx"].agreement is None
    assert rows["fp32"].status == "ok"


def test_a_missing_or_foreign_file_is_an_error(
    dataset: Dataset, tiny_trained: Path, tiny_converted: Path, tiny_net: Runtime, tmp_path: Path
) -> None:
    for name in ("contract.json", "fp32.tflite"):
        shutil.copy(tiny_converted / name, tmp_path / name)
    with pytest.raises(ExportError, match=r"fp16\.tflite: not found"):
        run(dataset, tiny_trained, tmp_path, tiny_net)
    shutil.copy(tiny_converted / "detector.onnx", tmp_path / "fp16.tflite")
    with pytest.raises(ExportError, match=r"fp16\.tflite: LiteRT cannot load it"):
        run(dataset, tiny_trained, tmp_path, tiny_net)


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [(10, 0, set(range(10))), (3, 5, {0, 1, 2}), (10, 2, {0, 9}), (9, 3, {0, 4, 8}), (5, 1, {0})],
)
def test_pictures_are_spread_over_the_list(count: int, wanted: int, expected: set[int]) -> None:
    assert spread(count, wanted) == expected


def test_a_file_that_gives_nan_has_no_ap_and_fails(
    dataset: Dataset,
    tiny_trained: Path,
    tiny_converted: Path,
    tiny_net: Runtime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def poisoned(path: Path, spec: NetSpec) -> Runtime:
        runtime = open_runtime(path, spec)
        if path.suffix == ".onnx":
            plain = runtime.raw
            monkeypatch.setattr(
                runtime, "raw", lambda rgb: {n: v * np.nan for n, v in plain(rgb).items()}
            )
        return runtime

    monkeypatch.setattr(module, "open_runtime", poisoned)
    small = replace(dataset, images=dataset.images[:2])
    rows, _ = run(small, tiny_trained, tiny_converted, tiny_net)
    (nan, *_) = failures([rows["onnx"]], max_lost=0.05, noisy={})
    assert nan == "onnx: outputs that are no numbers (NaN or infinite)"
    assert not list(failures([rows["fp32"]], max_lost=0.05, noisy={}))
