"""The sections of params.yaml about what came out: evaluate, convert, verify, profile, package."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from pocketdet.config.kinds import Count, Name, Natural, Positive, Section, Share
from pocketdet.errors import ParamsError
from pocketdet.slices import parse

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
