"""The sections of params.yaml as types: one frozen model a stage, with the range of every key.

No key has a default here: the values live in params.yaml and nowhere else.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from pocketdet.detector.backbones import BACKBONES
from pocketdet.detector.spec import Head
from pocketdet.errors import ParamsError
from pocketdet.preprocess import Interpolation, Resize
from pocketdet.slices import parse

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
SAMPLE_SOURCE = r"^[A-Za-z0-9][A-Za-z0-9_-]*_(coco|voc|kitti)$"  # the suffix is the convention
FormatName = Literal["coco", "voc", "kitti", "yolo"]
Orientation = Literal["upright", "stored"]
Unannotated = Literal["refuse", "negative", "leave out"]
Balance = Literal["none", "class", "source", "both"]


def _expression(text: str) -> str:
    """A regular expression.

    Raises:
        ValueError: It is none.
    """
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def _pattern(text: str) -> str:
    """A regular expression with a group, or "".

    Raises:
        ValueError: It is neither.
    """
    if text and not re.compile(_expression(text)).groups:
        raise ValueError("expected a pattern with a group in parentheses")
    return text


Beginning = Annotated[str, Field(min_length=1), AfterValidator(_expression)]


class Section(BaseModel):
    """A part of params.yaml: unknown keys are refused, values never change, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sample(Section):
    """The built-in data set."""

    sources: tuple[Annotated[str, Field(pattern=SAMPLE_SOURCE)], ...]
    images: Annotated[int, Field(ge=12, le=100_000, strict=True)]
    size_wh: tuple[Annotated[int, Field(ge=64, le=4096)], Annotated[int, Field(ge=64, le=4096)]]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("sources: each name once")
        return self


class Source(Section):
    """One annotated folder below data/raw, of the same name as its key.

    The keys below `format` may be left out: what the loaders of the format do is then done, and
    nothing is known of its boxes and groups.
    """

    format: FormatName
    boxes: Literal["visible", "full"] | None = None
    mapping: dict[str, str] = {}
    group: Annotated[str, AfterValidator(_pattern)] = ""
    orientation: Orientation = "upright"
    unannotated: Unannotated | None = None
    doubtful: Literal["fail", "drop"] = "fail"


Action = Literal["ignore", "drop", "reject", "fail"]
MinPx = tuple[Annotated[float, Field(ge=0)], Action]
ShareLimit = tuple[Share, Action]
Level = tuple[Annotated[int, Field(ge=0, le=3, strict=True)], Action]


class Limits(Section):
    """What counts as an object of a class, and what becomes of what does not."""

    min_side_px: MinPx
    min_area_share: ShareLimit
    max_occlusion: Level
    max_truncation: ShareLimit
    crowds: Action


class ClassLimits(Section):
    """Limits of one class that differ from the default; the others may be left out."""

    min_side_px: MinPx | None = None
    min_area_share: ShareLimit | None = None
    max_occlusion: Level | None = None
    max_truncation: ShareLimit | None = None
    crowds: Action | None = None


class Policy(Section):
    """The definition of an object: of all classes, and of single ones."""

    default: Limits
    classes: dict[str, ClassLimits]

    def of(self, label: str) -> Limits:
        """The limits of a class."""
        own = self.classes.get(label)
        if own is None:
            return self.default
        return self.default.model_copy(update=dict(own.model_dump(exclude_none=True)))


class Validate(Section):
    """How sources are merged, and what counts as an object."""

    sources: Annotated[dict[Name, Source], Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    mapping: dict[str, str]
    policy: Policy
    max_dropped: Share
    empty_images: Literal["keep", "drop"]

    @model_validator(mode="after")
    def _targets_exist(self) -> Self:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes: each name once")
        allowed = {*self.classes, "ignore", "drop"}
        mappings = {f"sources.{name}.": source.mapping for name, source in self.sources.items()}
        for where, mapping in {"": self.mapping, **mappings}.items():
            for name, target in mapping.items():
                if target not in allowed:
                    found = f"{where}mapping.{name}: {target!r}"
                    raise ValueError(f"{found} is none of {sorted(allowed)}")
        for name in self.policy.classes:
            if name not in self.classes:
                raise ValueError(f"policy.classes.{name}: none of {sorted(self.classes)}")
        return self


class Split(Section):
    """Named subsets."""

    train: Share
    val: Share
    test: Share
    official: StrictBool
    salt: Natural
    leakage: Literal["fail", "allow"]
    near_duplicate_bits: Annotated[int, Field(ge=0, le=20, strict=True)]

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test = {self.train + self.val + self.test}, must be 1")
        return self


class Analyse(Section):
    """Exploration."""

    bins: Annotated[int, Field(ge=4, le=200, strict=True)]


class Budget(Section):
    """What the phone grants."""

    model_mb: Positive
    mmac: Positive
    peak_mb: Positive
    latency_ms: Positive


def _known_backbone(name: str) -> str:
    if name not in BACKBONES:
        raise ValueError(f"{name!r} is none of {', '.join(BACKBONES)}")
    return name


Side = Annotated[int, Field(ge=32, le=4096, strict=True)]


class Design(Section):
    """The net and the device that it is for."""

    device: Name
    input_wh: tuple[Side, Side]
    resize: Resize
    interpolation: Interpolation
    backbone: Annotated[str, AfterValidator(_known_backbone)]
    width: Positive
    weights: Annotated[str, Field(pattern=r"^(imagenet|none|[^/\\]+\.safetensors)$")]
    neck_channels: Annotated[int, Field(ge=8, le=512, strict=True)]
    head: Head
    head_blocks: Annotated[int, Field(ge=0, le=4, strict=True)]
    strides: Annotated[tuple[Literal[8, 16, 32], ...], Field(min_length=1, max_length=3)]
    anchors_per_level: Annotated[int, Field(ge=1, le=9, strict=True)]
    budget: Budget

    @model_validator(mode="after")
    def _fits_strides(self) -> Self:
        if any(side % 32 for side in self.input_wh):
            raise ValueError(f"input_wh: {list(self.input_wh)} must be multiples of 32 px")
        if list(self.strides) != sorted(set(self.strides)):
            raise ValueError(f"strides: {list(self.strides)} must rise, each once")
        widths = BACKBONES[self.backbone].widths
        if self.width not in widths:
            raise ValueError(f"width: {self.backbone} comes in {widths}, found {self.width}")
        return self


class Augment(Section):
    """The augmentation recipe: geometry into the shards, colour, flip and mosaic online."""

    copies: Annotated[int, Field(ge=0, le=50, strict=True)]
    scale: tuple[Positive, Positive]
    aspect: Annotated[float, Field(ge=0, lt=1)]
    translate: Share
    flip: Share
    flip_vertical: Share
    min_visible: Share
    jitter: Annotated[float, Field(ge=0, le=0.5)]
    brightness: Share
    contrast: Share
    saturation: Share
    hue: Annotated[float, Field(ge=0, le=0.5)]
    grey: Share
    mosaic: Share
    jpeg_quality: Annotated[int, Field(ge=50, le=100, strict=True)]

    @model_validator(mode="after")
    def _scale_rises(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale: {list(self.scale)} must rise")
        return self


class Phase(Section):
    """A part of the training: what learns in it, and how fast."""

    name: Name
    epochs: Natural | Literal["rest"]
    frozen: tuple[Beginning, ...]
    rate: Positive
    factors: dict[Beginning, Share]
    quantise: StrictBool


class Train(Section):
    """Schedule, optimiser and losses."""

    batch: Annotated[int, Field(ge=1, le=1024, strict=True)]
    balance: Balance
    epochs: Count
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    phases: tuple[Phase, ...]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_steps: Natural
    clip_norm: Positive
    ema: Annotated[float, Field(ge=0, lt=1)]
    mosaic_until: Share
    match_top_k: Count
    box_weight: Positive
    distance_weight: Annotated[float, Field(ge=0)]
    checkpoint_every: Count
    validate_every: Count
    validate_images: Count

    @model_validator(mode="after")
    def _phases_fill_the_epochs(self) -> Self:
        fixed = [p.epochs for p in self.phases if p.epochs != "rest"]
        if len(fixed) != len(self.phases) - 1:
            raise ValueError("phases: exactly one of them must have the rest of the epochs")
        if sum(fixed) > self.epochs:
            raise ValueError(f"phases: {sum(fixed)} of {self.epochs} epochs")
        if len({p.name for p in self.phases}) < len(self.phases):
            raise ValueError("phases: each name once")
        rounded = [p.quantise for p in self.phases]
        if rounded != sorted(rounded):
            raise ValueError("phases: those with quantise must come last")
        return self


Detected = Annotated[int, Field(ge=1, le=1000, strict=True)]


class Operating(Section):
    """What the operating point has to keep on val, and what it may be chosen from."""

    rule: Literal["precision", "false_alarms", "f_beta"]
    target: Positive
    thresholds: Literal["per_class", "shared"]
    nms_iou: Annotated[tuple[Share, ...], Field(min_length=1)]
    max_detections: Annotated[tuple[Detected, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _precision_is_a_share(self) -> Self:
        if self.rule == "precision" and self.target > 1:
            raise ValueError(f"target: a precision of {self.target:g}, must be at most 1")
        return self

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("nms_iou", "max_detections"):
            tried = getattr(self, name)
            if len(set(tried)) < len(tried):
                raise ValueError(f"{name}: {list(tried)}, each value once")
        return self


def _slices(named: dict[str, str]) -> dict[str, str]:
    try:
        parse(named)
    except ParamsError as error:
        raise ValueError(str(error).removeprefix("params.yaml: evaluate.slices.")) from None
    return named


class Evaluate(Section):
    """Scoring, its uncertainty and the operating point."""

    score_min: Share
    nms_iou: Share
    max_detections: Detected
    resamples: Annotated[int, Field(ge=0, le=100_000, strict=True)]
    slices: Annotated[dict[Name, str], AfterValidator(_slices)]
    operating_point: Operating
    pictures: Natural


class Remedy(Section):
    """A way to quantise.

    Of a remedy in params.yaml only what differs from the plain way is stated; `Convert.recipes`
    fills in the number of pictures.
    """

    images: Natural = 0
    selection: Literal["random", "varied"] = "random"
    clip: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    float_head: StrictBool = False
    float_noisiest: Natural = 0


class Convert(Section):
    """The files for the phone; `pocketdet.exporting.variants` checks their names."""

    variants: Annotated[tuple[Name, ...], Field(min_length=1)]
    calibration_images: Count
    trial_images: Natural
    max_trial_drop: Annotated[float, Field(ge=0)]
    remedies: dict[Name, Remedy]
    onnx_opset: Annotated[int, Field(ge=13, le=21, strict=True)]
    coreml_ios: Literal[16, 17, 18]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.variants)) < len(self.variants):
            raise ValueError("variants: each name once")
        if "int8" not in self.variants:
            raise ValueError("variants: int8 must be among them, as the budget is about it")
        return self

    def recipes(self) -> dict[str, Remedy]:
        """The plain way, "none", and the remedies, in the order of trying."""
        plain = {"images": self.calibration_images}
        ways = {"none": Remedy(), **self.remedies}
        return {k: w if w.images else w.model_copy(update=plain) for k, w in ways.items()}


class Verify(Section):
    """How far a converted file may be from the trained net."""

    images: Natural
    coreml_images: Natural
    resamples: Count
    max_lost: Annotated[float, Field(ge=0)]
    max_ap_drop: dict[Name, Annotated[float, Field(ge=0)]]


class Profile(Section):
    """Timing on this host."""

    runs: Count
    warmup: Natural


class Package(Section):
    """The bundle."""

    name: Name
    min_ap50: Share


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)]
    sample: Sample
    validate_: Annotated[Validate, Field(alias="validate")]
    split: Split
    analyse: Analyse
    design: Design
    augment: Augment
    train: Train
    evaluate: Evaluate
    convert: Convert
    verify: Verify
    profile: Profile
    package: Package
