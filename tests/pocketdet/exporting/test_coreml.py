import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import coreml, mil
from pocketdet.exporting.contract import Contract
from pocketdet.quiet import quiet
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.coreml import corners, shares
from pocketdet.runtimes.opening import open_runtime


@pytest.fixture(scope="module")
def package(tiny_converted: Path) -> Any:
    with quiet():
        import coremltools  # noqa: F401
    return coreml.load(tiny_converted / "detector.mlpackage")


def test_equals_the_net(
    tiny_net: Runtime,
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
) -> None:
    file = open_runtime(tiny_converted / "detector.mlpackage", tiny_spec)
    for picture in tiny_pictures[-2:]:
        boxes, scores = tiny_net(picture)
        found_boxes, found_scores = file(picture)
        np.testing.assert_allclose(found_scores, scores, rtol=0, atol=5e-3)
        sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
        off = np.abs(found_boxes - boxes) / np.concatenate([sides, sides], -1)
        assert off.max() < 1e-2, "shares of the box"


@pytest.mark.parametrize(
    ("name", "operation", "share", "tolerance"),
    [
        ("detector_int8", "constexpr_affine_dequantize", 0.7, 0.01),
        ("detector_palette6", "constexpr_lut_to_dense", 0.6, 0.05),
    ],
)
def test_smaller_weights_are_in_the_package_and_the_net_still_works(
    tiny_net: Runtime,
    tiny_converted: Path,
    tiny_spec: NetSpec,
    tiny_pictures: list[npt.NDArray[np.uint8]],
    name: str,
    operation: str,
    share: float,
    tolerance: float,
) -> None:
    full, small = (
        (tiny_converted / f"{n}.mlpackage/Data" / coreml.WEIGHTS / "weight.bin").stat().st_size
        for n in ("detector", name)
    )
    assert small < share * full
    program = mil.Program(tiny_converted / f"{name}.mlpackage")
    kinds = [o.op_type for o in program.function.operations]
    assert kinds.count(operation) > 20
    _, scores = tiny_net(tiny_pictures[-1])
    _, found = open_runtime(tiny_converted / f"{name}.mlpackage", tiny_spec)(tiny_pictures[-1])
    assert 0 < np.abs(found - scores).mean() < tolerance * scores.max()


def test_suppression_has_the_operating_point_and_the_labels(
    package: Any, tiny_trained: Path
) -> None:
    point = OperatingPoint.load(tiny_trained / "point.json")
    net, suppression = package.pipeline.models
    assert net.WhichOneof("Type") == "mlProgram"
    nms = suppression.nonMaximumSuppression
    assert (nms.iouThreshold, nms.confidenceThreshold) == (point.nms_iou, point.score_min)
    assert nms.pickTop.perClass
    assert list(nms.stringClassLabels.vector) == ["person", "bicycle"]
    assert [o.name for o in net.description.output] == [
        nms.confidenceInputFeatureName,
        nms.coordinatesInputFeatureName,
    ]


def test_types_are_those_that_apples_validator_asks_for(package: Any) -> None:
    from coremltools.proto import FeatureTypes_pb2

    _, suppression = package.pipeline.models
    description = suppression.description
    arrays = [*description.input[:2], *description.output]
    kinds = {feature.type.multiArrayType.dataType for feature in arrays}
    assert kinds == {FeatureTypes_pb2.ArrayFeatureType.FLOAT32}  # float16 is refused
    for model in (package, suppression):
        inputs = {feature.name: feature.type for feature in model.description.input}
        for name in ("iouThreshold", "confidenceThreshold"):
            assert inputs[name].isOptional
            assert inputs[name].WhichOneof("Type") == "doubleType"
    assert {m.specificationVersion for m in (package, *package.pipeline.models)} == {7}  # iOS 16


def test_the_input_is_a_picture_and_the_metadata_say_how_to_make_it(package: Any) -> None:
    image = package.description.input[0]
    size = image.type.imageType.width, image.type.imageType.height
    assert (image.name, size) == ("image", (96, 64))
    assert "scaleFill" in image.shortDescription
    metadata = package.description.metadata.userDefined
    assert json.loads(metadata["pocketdet.preprocessing"])["input_wh"] == [96, 64]
    assert json.loads(metadata["pocketdet.operating_point"])["nms_iou"] == 0.6
    for model in (package, *package.pipeline.models):
        assert not any("date" in key for key in model.description.metadata.userDefined)


def test_the_package_is_laid_out_as_apple_reads_it(tiny_converted: Path) -> None:
    with quiet():
        import coremltools as ct

        # Its loader follows Manifest.json, as Xcode does.
        model = ct.models.MLModel(str(tiny_converted / "detector.mlpackage"), skip_model_load=True)
    assert list(model.output_description) == ["confidence", "coordinates"]
    variant = Contract.load(tiny_converted / "contract.json").variant("coreml")
    assert variant.postprocessing == "file"
    assert [o.shape for o in variant.outputs] == [(0, 2), (0, 4)]


def test_broken_packages_are_refused(
    tiny_converted: Path, tiny_spec: NetSpec, tmp_path: Path
) -> None:
    path = tmp_path / "detector.mlpackage"
    path.mkdir()
    with pytest.raises(ExportError, match="not a Core ML package"):
        open_runtime(path, tiny_spec)
    shutil.copytree(tiny_converted / "detector.mlpackage", path, dirs_exist_ok=True)
    (path / "Data" / coreml.MODEL).write_bytes(b"\x08\x07")
    with pytest.raises(ExportError, match="holds no ML program"):
        open_runtime(path, tiny_spec)


def test_corners_and_shares_are_inverse(tiny_spec: NetSpec) -> None:
    boxes = np.asarray([[0, 0, 96, 64], [10, 20, 30, 60]], np.float32)
    assert shares(boxes, tiny_spec)[0].tolist() == [0.5, 0.5, 1, 1]
    np.testing.assert_allclose(corners(shares(boxes, tiny_spec), tiny_spec), boxes, atol=1e-5)
