"""Files that suppress by themselves find what the net finds with our own suppression."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.decode import OperatingPoint, candidates, detections
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.exporting import flatbuffer, postprocess
from pocketdet.exporting.contract import Contract
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.litert import boxes_and_scores
from pocketdet.runtimes.opening import open_runtime

Pictures = list[npt.NDArray[np.uint8]]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_finds_the_boxes_of_the_file_without(
    tiny_converted: Path, tiny_spec: NetSpec, tiny_pictures: Pictures, precision: str
) -> None:
    maps = open_runtime(tiny_converted / f"{precision}.tflite", tiny_spec)
    ready = open_runtime(tiny_converted / f"{precision}_nms.tflite", tiny_spec)
    point = OperatingPoint(score_min=0.01, nms_iou=0.6, max_detections=50)
    for picture in tiny_pictures[:4]:
        size = tiny_spec.input_wh
        rule = Preprocessing(size, "stretch")
        expected = detections(*maps(picture), rule, size, point)
        found = detections(*ready(picture), rule, size, point)
        assert len(found.scores) == len(expected.scores) > 20
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
        # Where scores are equal, as they often are in int8, the order may differ.
        order, other = (np.lexsort((*d.boxes_xyxy.T.round(1), d.scores)) for d in (expected, found))
        np.testing.assert_array_equal(found.labels[other], expected.labels[order])
        np.testing.assert_allclose(found.boxes_xyxy[other], expected.boxes_xyxy[order], atol=1e-3)


def test_outputs_are_in_the_order_that_clients_expect(tiny_converted: Path) -> None:
    variant = Contract.load(tiny_converted / "contract.json").variant("int8_nms")
    assert variant.postprocessing == "file"
    assert [(o.name, o.shape) for o in variant.outputs] == [
        ("detection_boxes", (1, 50, 4)),
        ("detection_classes", (1, 50)),
        ("detection_scores", (1, 50)),
        ("num_detections", (1,)),
    ]
    assert variant.inputs[0].dtype == "uint8"


def test_the_net_stays_one_piece(
    tiny_converted: Path, tiny_spec: NetSpec, tiny_net: Runtime
) -> None:
    for precision in ("fp32", "int8"):
        graph = flatbuffer.read(tiny_converted / f"{precision}_nms.tflite")
        assert [op.kind for op in graph.operations[-2:]] == [postprocess.OPERATION, "GATHER"]
        whole, added = (
            open_runtime(tiny_converted / f"{name}.tflite", tiny_spec).partitions
            for name in (precision, f"{precision}_nms")
        )
        assert added == whole, "what is added before the operation joins the last piece"


def file_of(maps: dict[str, npt.NDArray[np.float32]], spec: NetSpec, score_min: float) -> bytes:
    """A file with post-processing whose raw maps are constants, whatever the picture."""
    with quiet():
        import tensorflow as tf

    @tf.function(
        input_signature=[tf.TensorSpec((1, 64, 96, 3), tf.float32, name="image")], autograph=False
    )
    def function(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: value + tf.reduce_sum(image) * 0 for name, value in maps.items()}

    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [function.get_concrete_function()], tf.Module()
        )
        content = converter.convert()
    return postprocess.append(content, spec, OperatingPoint(0.5, 0.5, 10), score_min)


def test_a_box_far_too_large_is_cut_as_the_net_cuts_it(tmp_path: Path, tiny_spec: NetSpec) -> None:
    spec = replace(tiny_spec, levels=tiny_spec.levels[-1:], classes=("person",))
    scores, boxes = np.full((1, 2, 3, 2), -9, np.float32), np.zeros((1, 2, 3, 8), np.float32)
    scores[0, 0, 0, 0], boxes[0, 0, 0, 2:4] = 5, 100  # exp(0.2 * 100) anchors wide
    path = tmp_path / "large.tflite"
    path.write_bytes(file_of({"boxes_32": boxes, "scores_32": scores}, spec, 0.5))
    found, scored = open_runtime(path, spec)(np.zeros((64, 96, 3), np.uint8))
    assert scored.shape == (1, 1)
    width = spec.levels[0].anchors_wh[0][0] * np.exp(4)
    assert found[0, 2] - found[0, 0] == pytest.approx(width, rel=1e-4)


def test_distances_of_an_anchor_free_head(tmp_path: Path, tiny_spec: NetSpec) -> None:
    spec = replace(tiny_spec, levels=(Level(16, ()), Level(32, ())), head="anchor_free")
    rng = np.random.default_rng(5)
    maps = {
        name: rng.normal(scale=3, size=(1, *shape)).astype(np.float32)
        for name, shape in spec.outputs().items()
    }
    path = tmp_path / "free.tflite"
    path.write_bytes(file_of(maps, spec, 0.5))
    runtime = open_runtime(path, spec)
    assert runtime.partitions == 1
    point = OperatingPoint(0.5, 0.5, 10)
    rule = Preprocessing(spec.input_wh, "stretch")
    expected = detections(*candidates(maps, spec), rule, spec.input_wh, point)
    found = detections(*runtime(np.zeros((64, 96, 3), np.uint8)), rule, spec.input_wh, point)
    assert len(expected.scores) == 10
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_allclose(found.boxes_xyxy, expected.boxes_xyxy, atol=1e-3)


def test_rows_beyond_the_count_are_no_boxes(tiny_spec: NetSpec) -> None:
    outputs = {
        postprocess.BOXES: np.tile(np.asarray([0.25, 0.5, 0.75, 1], np.float32), (1, 3, 1)),
        postprocess.CLASSES: np.asarray([[1, 0, 0]], np.float32),
        postprocess.SCORES: np.asarray([[0.9, 0.8, 0.7]], np.float32),
        postprocess.COUNT: np.asarray([2], np.float32),
    }
    boxes, scores = boxes_and_scores(outputs, tiny_spec)
    np.testing.assert_array_equal(boxes, [[48, 16, 96, 48]] * 2)
    np.testing.assert_array_equal(scores, np.asarray([[0, 0.9], [0.8, 0]], np.float32))
