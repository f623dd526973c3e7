"""The Core ML package: an ML program that finds boxes, then Apple's non-maximum suppression.

Vision gives an app VNRecognizedObjectObservation values from it: labelled boxes, without any code
for decoding or suppression. Input is a picture; set the request's imageCropAndScaleOption to the
one that the input's description names, for the resize rule that the net was trained with. The
thresholds are inputs with the operating point as default. The net computes in float16; the decoding
of boxes, a thousandth of the work, in float32, because float16 has steps of 0.1 px at the far end
of a picture. Weights can be int8 (a scale a channel) or 6-bit indices into a table of 64 values a
layer.
"""

import json
import re
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting.contract import Tensor, Variant
from pocketdet.exporting.refusal import refusal
from pocketdet.exporting.served import INPUT, Served, Trained
from pocketdet.preprocess import RESIZE, Preprocessing

Weights = Literal["float16", "int8", "palette6"]
SCORES, BOXES = "raw_confidence", "raw_coordinates"  # of the net; suppression drops the "raw_"
# What the converter calls them: counted in the order of the names.
CONVERTED = {"Identity": SCORES, "Identity_1": BOXES}
THRESHOLDS = {
    "iouThreshold": "of two boxes of a class that overlap more, the weaker goes; default",
    "confidenceThreshold": "boxes with a lower score are not reported; default",
}
DECODE = "decode"  # name scope of the operations that stay in float32
# How Core ML names the parts of a package, relative to its Data folder.
MODEL, WEIGHTS = "com.apple.CoreML/model.mlmodel", "com.apple.CoreML/weights"


def write(path: Path, trained: Trained, weights: Weights) -> None:
    """Write the package; the same bytes for the same net.

    Args:
        path: The package's folder, which must not exist.
        trained: The net.
        weights: How they are stored; the net computes in float16 in any case.

    Raises:
        ExportError: Core ML has no operation for a layer.
    """
    import coremltools as ct
    import coremltools.optimize.coreml as optimise

    if "coreml" not in trained.made:
        trained.made["coreml"] = _program(trained)
    program = trained.made["coreml"]
    if weights == "int8":
        linear = optimise.OpLinearQuantizerConfig(mode="linear_symmetric")
        program = optimise.linear_quantize_weights(
            program, optimise.OptimizationConfig(global_config=linear)
        )
    elif weights == "palette6":
        palette = optimise.OpPalettizerConfig(mode="kmeans", nbits=6, num_kmeans_workers=1)
        program = optimise.palettize_weights(
            program, optimise.OptimizationConfig(global_config=palette)
        )
    net = program.get_spec()
    net.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    for converted, name in CONVERTED.items():
        ct.utils.rename_feature(net, converted, name)
    pipeline = _pipeline(net, trained.spec, trained.point)
    _describe(pipeline, trained.rule, trained.spec, trained.point)
    _write(pipeline, Path(program.weights_dir), path)


def _program(trained: Trained) -> Any:
    """The net as an ML program, by coremltools' converter."""
    import coremltools as ct

    targets = {16: ct.target.iOS16, 17: ct.target.iOS17, 18: ct.target.iOS18}
    shape = trained.whole.shape
    try:
        return ct.convert(
            [_decoded(trained.whole, trained.spec).get_concrete_function()],
            source="tensorflow",
            convert_to="mlprogram",
            skip_model_load=True,
            inputs=[ct.ImageType(name=INPUT, shape=shape, color_layout=ct.colorlayout.RGB)],
            outputs=[ct.TensorType(name=name, dtype=np.float32) for name in CONVERTED],
            minimum_deployment_target=targets[trained.options.coreml_ios],
            compute_precision=ct.transform.FP16ComputePrecision(
                op_selector=lambda operation: DECODE not in operation.name
            ),
        )
    except (ValueError, NotImplementedError) as error:
        kinds = re.findall(r"TF op '(\w+)' not implemented", str(error))
        raise refusal("Core ML", kinds, trained.whole, str(error)) from error


def describe(name: str, path: Path, trained: Trained) -> Variant:
    """The contract's entry of a written package, read from the package."""
    description = load(path).description
    return Variant(
        name=name,
        file=path.name,
        runtime="Core ML",
        inputs=tuple(map(_tensor, description.input)),
        outputs=tuple(map(_tensor, description.output)),
        postprocessing="file",
    )


def load(path: Path) -> Any:
    """The package's model specification, a protobuf message.

    Raises:
        ExportError: It is no such package.
    """
    from coremltools.proto import Model_pb2
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    model = Model_pb2.Model()
    try:
        model.ParseFromString((path / "Data" / MODEL).read_bytes())
    except (OSError, DecodeError) as error:
        raise ExportError(f"{path}: not a Core ML package: {error}") from error
    return model


def _decoded(served: Served, spec: NetSpec) -> Any:
    """The net with `decode.candidates` in the graph; boxes as centre and size, shares of a side."""
    import tensorflow as tf

    from pocketdet.detector import coding

    @tf.function(  # type: ignore[untyped-decorator]
        autograph=False, input_signature=served.function.input_signature
    )
    def function(image: Any) -> dict[str, Any]:
        maps = served.function.python_function(image)
        with tf.name_scope(DECODE):
            low, high = coding.boxes(maps, spec)  # (1, A, 2) each
            boxes = tf.concat([(low + high) / 2, high - low], -1) / (spec.input_wh * 2)
            scores = tf.sigmoid(coding.logits(maps, spec))
            return {
                SCORES: tf.reshape(scores, (-1, len(spec.classes))),
                BOXES: tf.reshape(boxes, (-1, 4)),
            }

    return function


def _pipeline(net: Any, spec: NetSpec, point: OperatingPoint) -> Any:
    """Net and suppression, one after the other."""
    from coremltools.proto import FeatureTypes_pb2, Model_pb2

    float32 = FeatureTypes_pb2.ArrayFeatureType.FLOAT32
    for output in net.description.output:
        if output.type.multiArrayType.dataType != float32:  # which suppression would refuse, on iOS
            raise ExportError(f"Core ML: output {output.name} is not float32")
    suppression = Model_pb2.Model(specificationVersion=net.specificationVersion)
    pipeline = Model_pb2.Model(specificationVersion=net.specificationVersion)
    suppression.description.input.extend(net.description.output)
    pipeline.description.input.extend(net.description.input)
    for name, default in zip(THRESHOLDS, (point.nms_iou, point.score_min), strict=True):
        for model in (suppression, pipeline):
            feature = model.description.input.add(
                name=name, shortDescription=f"{THRESHOLDS[name]} {default:g}"
            )
            feature.type.doubleType.SetInParent()
            feature.type.isOptional = True
    for raw, width in ((SCORES, len(spec.classes)), (BOXES, 4)):
        feature = suppression.description.output.add(name=raw.removeprefix("raw_"))
        feature.type.multiArrayType.dataType = float32
        ranges = feature.type.multiArrayType.shapeRange.sizeRanges
        ranges.add(lowerBound=0, upperBound=-1)
        ranges.add(lowerBound=width, upperBound=width)
    pipeline.description.output.extend(suppression.description.output)

    nms = suppression.nonMaximumSuppression
    nms.confidenceInputFeatureName, nms.coordinatesInputFeatureName = SCORES, BOXES
    nms.confidenceOutputFeatureName = SCORES.removeprefix("raw_")
    nms.coordinatesOutputFeatureName = BOXES.removeprefix("raw_")
    nms.iouThresholdInputFeatureName, nms.confidenceThresholdInputFeatureName = THRESHOLDS
    nms.iouThreshold, nms.confidenceThreshold = point.nms_iou, point.score_min
    nms.pickTop.perClass = True
    nms.stringClassLabels.vector.extend(spec.classes)

    pipeline.pipeline.models.extend([net, suppression])
    pipeline.pipeline.names.extend(["net", "suppression"])
    return pipeline


def _describe(pipeline: Any, rule: Preprocessing, spec: NetSpec, point: OperatingPoint) -> None:
    """Metadata that travels with the package, also when it is taken out of the bundle."""
    features = {f.name: f for f in (*pipeline.description.input, *pipeline.description.output)}
    resize, option = RESIZE[rule.resize]
    features[INPUT].shortDescription = f"RGB picture, {resize} (Vision: {option})"
    own = zip(spec.classes, point.class_score_min, strict=False)
    each = "; report " + ", ".join(f"{name} from {least:g}" for name, least in own) + " on"
    scores = f"boxes x scores of {', '.join(spec.classes)}"
    features["confidence"].shortDescription = scores + (each if point.class_score_min else "")
    features[
        "coordinates"
    ].shortDescription = (
        "boxes x (centre x, centre y, width, height), shares of the picture's sides"
    )
    metadata = pipeline.description.metadata
    metadata.shortDescription = f"Object detector of {', '.join(spec.classes)}"
    for name, value in (("preprocessing", rule), ("operating_point", point)):
        metadata.userDefined[f"pocketdet.{name}"] = json.dumps(asdict(value), sort_keys=True)
    metadata.userDefined["pocketdet.classes"] = ",".join(spec.classes)


def _write(model: Any, weights: Path, path: Path) -> None:
    """Write the package ourselves: coremltools serialises maps in random order, with random ids."""
    content = model.SerializeToString(deterministic=True)
    (path / "Data" / MODEL).parent.mkdir(parents=True)
    (path / "Data" / MODEL).write_bytes(content)
    (path / "Data" / WEIGHTS).mkdir()
    for source in sorted(weights.iterdir()):
        (path / "Data" / WEIGHTS / source.name).write_bytes(source.read_bytes())
    items = {
        part: str(uuid.uuid5(uuid.NAMESPACE_URL, f"com.apple.CoreML/{part}"))
        for part in (MODEL, WEIGHTS)
    }
    what = {MODEL: "CoreML Model Specification", WEIGHTS: "CoreML Model Weights"}
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            items[part]: {
                "author": "com.apple.CoreML",
                "description": what[part],
                "name": Path(part).name,
                "path": part,
            }
            for part in (MODEL, WEIGHTS)
        },
        "rootModelIdentifier": items[MODEL],
    }
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")


def _tensor(feature: Any) -> Tensor:
    kind = feature.type.WhichOneof("Type")
    if kind == "imageType":
        picture = feature.type.imageType
        return Tensor(feature.name, (picture.height, picture.width, 3), "image")
    if kind == "doubleType":
        return Tensor(feature.name, (), "float64")
    sizes = feature.type.multiArrayType.shapeRange.sizeRanges
    return Tensor(feature.name, tuple(max(0, size.upperBound) for size in sizes), "float32")
