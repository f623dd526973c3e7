"""The sections of params.yaml about the net: design, augment, train."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from pocketdet.config.kinds import Count, Name, Natural, Positive, Section, Share, expression
from pocketdet.detector.backbones import BACKBONES, WHOLE
from pocketdet.detector.spec import Head
from pocketdet.preprocess import Interpolation, Resize

Balance = Literal["none", "class", "source", "both"]
Beginning = Annotated[str, Field(min_length=1), AfterValidator(expression)]


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


def _known_variant(one: tuple[str, float, str]) -> tuple[str, float, str]:
    name, width, last = one
    backbone = BACKBONES[name]
    if width not in backbone.widths:
        raise ValueError(f"width: {name} comes in {backbone.widths}, found {width}")
    if last not in (WHOLE, *backbone.blocks):
        blocks = ", ".join(backbone.blocks)
        raise ValueError(f"truncate_after: {last!r} is neither {WHOLE} nor one of {blocks}")
    return one


def _start_file(*words: str) -> AfterValidator:
    """One of the words, or the name of a file with weights in models/start."""

    def check(name: str) -> str:
        if name not in words and not re.fullmatch(r"[^/\\]+\.safetensors", name):
            choice = ", ".join((*words, "or the name (no path) of a .safetensors file"))
            raise ValueError(f"expected {choice} in models/start")
        return name

    return AfterValidator(check)


BackboneName = Annotated[str, AfterValidator(_known_backbone)]
# A row, its channel multiplier and truncate_after.
Variant = Annotated[tuple[BackboneName, Positive, str], AfterValidator(_known_variant)]
Side = Annotated[int, Field(ge=32, le=4096, multiple_of=32, strict=True)]


class Candidates(Section):
    """Costed beside the net: its input and each of these with its backbone and each of these."""

    inputs_wh: tuple[tuple[Side, Side], ...]
    backbones: tuple[Variant, ...]


class Design(Section):
    """The net and the device that it is for."""

    device: Name
    input_wh: tuple[Side, Side]
    resize: Resize
    interpolation: Interpolation
    backbone: BackboneName
    width: Positive
    truncate_after: str
    weights: Annotated[str, _start_file("imagenet", "none")]
    neck_channels: Annotated[int, Field(ge=8, le=512, strict=True)]
    head: Head
    head_blocks: Annotated[int, Field(ge=0, le=4, strict=True)]
    strides: Annotated[tuple[Literal[8, 16, 32], ...], Field(min_length=1, max_length=3)]
    anchors_per_level: Annotated[int, Field(ge=1, le=9, strict=True)]
    budget: Budget
    candidates: Candidates

    @model_validator(mode="after")
    def _fits_strides(self) -> Self:
        if list(self.strides) != sorted(set(self.strides)):
            raise ValueError(f"strides: {list(self.strides)} must rise, each once")
        own = _known_variant((self.backbone, self.width, self.truncate_after))
        for name, _, last in (own, *self.candidates.backbones):
            reached = BACKBONES[name].until(last).stride
            if self.strides[-1] > reached:
                raise ValueError(
                    f"strides: {self.strides[-1]} is not there: {name} cut after {last} ends at "
                    f"{reached}; leave larger strides out, or cut later (truncate_after)"
                )
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


class Distill(Section):
    """What is learnt from a larger net beside the truth."""

    teacher: Annotated[str, _start_file("none")]
    score_weight: Annotated[float, Field(ge=0)]
    box_weight: Annotated[float, Field(ge=0)]


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
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    class_weights: dict[str, Positive] | Literal["balanced"]
    distill: Distill
    checkpoint_every: Count
    validate_every: Count
    validate_images: Count
    keep: Literal["best", "last"]
    patience: Natural

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
