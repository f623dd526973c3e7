"""What an app must know to run a converted file, in one JSON beside the files: contract.json.

Everything in it comes from the net's specification, the preprocessing, the operating point and the
files themselves, so that nothing is typed twice. A contract may come from anywhere; `load` trusts
nothing of it.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from pocketdet.detector import decode
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import BINS, NetSpec
from pocketdet.errors import BundleError, broken_rules
from pocketdet.preprocess import Preprocessing

SCHEMA = 1
MAX_BYTES = 2_000_000  # a contract has some 10 kB; more is no contract
MAX_SIDE = 4096  # px, of the net's input
MAX_VALUES = 50_000_000  # scores that a net may give for one picture: 200 MB of float32


@dataclass(frozen=True)
class Tensor:
    """An input or output of a file.

    Attributes:
        name: As the file's signature calls it.
        shape: Sizes; 0 where the size depends on the picture.
        dtype: Of one value, by numpy's name, or "image" for a picture object of the platform.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Variant:
    """One converted file.

    Attributes:
        name: See `pocketdet.exporting.variants`.
        file: Its name beside the contract.
        runtime: What runs it.
        inputs: In the file's order. The picture comes first, RGB 0..255, rows from the top.
        outputs: In the file's order.
        postprocessing: "app": the outputs are raw maps, to be decoded and suppressed by the app;
            "file": the file gives boxes that are ready.
    """

    name: str
    file: str
    runtime: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    postprocessing: Literal["app", "file"]


@dataclass(frozen=True)
class OffsetCoding:
    """How an SSDLite head's offsets become boxes, with the constants of `detector.decode`."""

    centre_variance: float = decode.CENTRE_VARIANCE
    size_variance: float = decode.SIZE_VARIANCE
    max_log_size: float = decode.MAX_LOG_SIZE
    anchors: str = (
        "for each level, row, column and shape: centre ((column + 0.5) stride, (row + 0.5) stride) "
        "and size (w, h) in input pixels"
    )
    rule: str = (
        "centre = anchor centre + centre_variance (dx, dy) anchor size; "
        "size = anchor size exp(min(size_variance (dw, dh), max_log_size)); score = sigmoid(logit)"
    )


@dataclass(frozen=True)
class DistanceCoding:
    """How an anchor-free head's distributions become boxes."""

    bins: int = BINS
    cells: str = (
        "for each level, row and column one prediction, with centre ((column + 0.5) stride, "
        "(row + 0.5) stride) in input pixels"
    )
    rule: str = (
        "boxes hold bins logits each of left, top, right, bottom; distance = stride * sum over i "
        "of i softmax(logits)[i]; box = (x - left, y - top, x + right, y + bottom) about the "
        "centre (x, y); score = sigmoid(logit)"
    )


def coding_of(net: NetSpec) -> OffsetCoding | DistanceCoding:
    """How this net's outputs become boxes."""
    return DistanceCoding() if net.anchor_free else OffsetCoding()


@dataclass(frozen=True)
class Suppression:
    """The rule of non-maximum suppression, with the thresholds of the operating point."""

    rule: str = (
        "keep candidates with a score of at least class_score_min of their class, or score_min "
        "where there is none; go through them from the best down, equal scores in the order of the "
        "outputs; drop one whose IoU with a kept one of its class is above nms_iou, boxes not "
        "clipped; keep at most max_detections; then clip to the picture"
    )


@dataclass(frozen=True)
class Contract:
    """The whole of contract.json.

    Attributes:
        net: Input size, classes in the order of their numbers, anchors.
        preprocessing: From a photo to the input; the normalisation is inside every file.
        operating_point: Thresholds of the post-processing.
        variants: The files.
        box_coding: From outputs to boxes.
        suppression: From boxes to detections.
        schema: Version of this file's layout.
    """

    net: NetSpec
    preprocessing: Preprocessing
    operating_point: OperatingPoint
    variants: tuple[Variant, ...]
    box_coding: OffsetCoding | DistanceCoding
    suppression: Suppression = field(default_factory=Suppression)
    schema: int = SCHEMA

    def variant(self, name: str) -> Variant:
        """The variant of this name.

        Raises:
            BundleError: There is none.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = ", ".join(variant.name for variant in self.variants)
        raise BundleError(f"no variant {name!r} in this contract; it has {names}")

    def save(self, path: Path) -> None:
        """Write as JSON, same contract, same bytes."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Contract":
        """Read and check what `save` wrote.

        Raises:
            BundleError: The file is missing, too large, no such JSON, of another schema, or holds
                values that no net of ours can have; all such values are listed.
        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise BundleError(
                    f"{path}: {path.stat().st_size:,} bytes, expected at most {MAX_BYTES:,}"
                )
            text = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            contract = TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            lines = broken_rules(error)[:20]
            raise BundleError("\n  ".join([f"{path}: not a contract", *lines])) from error
        if problems := list(_problems(contract)):
            raise BundleError("\n  ".join([f"{path}: not a usable contract", *problems]))
        return contract


def _problems(contract: Contract) -> Iterator[str]:
    """What is wrong with the values, one line each."""
    net, point = contract.net, contract.operating_point
    if contract.schema != SCHEMA:
        yield f"schema {contract.schema}, expected {SCHEMA}: another version of pocketdet wrote it"
    if contract.box_coding != coding_of(net):
        yield "box_coding is not the one of this version of pocketdet"
    if contract.suppression != Suppression():
        yield "suppression is not the rule of this version of pocketdet"
    if net.input_wh != contract.preprocessing.input_wh:
        yield f"net.input_wh {net.input_wh} is not preprocessing.input_wh"
    if not all(1 <= side <= MAX_SIDE for side in net.input_wh):
        yield f"net.input_wh {net.input_wh}, expected 1 to {MAX_SIDE} px"
    if not net.classes or len(set(net.classes)) < len(net.classes) or "" in net.classes:
        yield "net.classes: expected at least one name, each once"
    if not net.levels:
        yield "net.levels: expected at least one"
    values = 0
    for level in net.levels:
        if level.stride < 1 or any(side % level.stride for side in net.input_wh):
            yield f"net.levels: stride {level.stride} does not divide {net.input_wh}"
        elif bool(level.anchors_wh) == net.anchor_free:
            yield (
                f"net.levels: {len(level.anchors_wh)} anchors of stride {level.stride} with "
                f"an {net.head} head"
            )
        elif not all(
            math.isfinite(side) and side > 0 for shape in level.anchors_wh for side in shape
        ):
            yield f"net.levels: anchors of stride {level.stride} must be positive numbers"
        else:
            cells = math.prod(side // level.stride for side in net.input_wh)
            values += cells * len(level.shapes_wh) * len(net.classes)
    if values > MAX_VALUES:
        yield f"net: {values:,} scores a picture, expected at most {MAX_VALUES:,}"
    for name in ("score_min", "nms_iou"):
        if not 0 <= getattr(point, name) <= 1:
            yield f"operating_point.{name} {getattr(point, name)}, expected 0 to 1"
    own = point.class_score_min
    if own and (len(own) != len(net.classes) or not all(point.score_min <= v <= 1 for v in own)):
        yield (
            f"operating_point.class_score_min {own}, expected one for each of "
            f"{len(net.classes)} classes, from score_min to 1"
        )
    if not 1 <= point.max_detections <= 1000:
        yield f"operating_point.max_detections {point.max_detections}, expected 1 to 1000"
    names = [variant.name for variant in contract.variants]
    if not names or len(set(names)) < len(names):
        yield "variants: expected at least one, each name once"
    for variant in contract.variants:
        if variant.file in ("", ".", "..") or set(variant.file) & set("/\\:\0"):
            yield f"variants.{variant.name}: file {variant.file!r} is no plain file name"
