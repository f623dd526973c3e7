"""The sections of params.yaml about the data: sample, validate, split, analyse."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, model_validator

from pocketdet.config.kinds import Name, Natural, Section, Share, expression

SAMPLE_SOURCE = r"^[A-Za-z0-9][A-Za-z0-9_-]*_(coco|voc|kitti)$"  # the suffix is the convention
FormatName = Literal["coco", "voc", "kitti", "yolo"]
Orientation = Literal["upright", "stored"]
Unannotated = Literal["refuse", "negative", "leave out"]


def _pattern(text: str) -> str:
    """A regular expression with a group, or "".

    Raises:
        ValueError: It is neither.
    """
    if text and not re.compile(expression(text)).groups:
        raise ValueError("expected a pattern with a group in parentheses")
    return text


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
    mapping: dict[str, str] = Field(default_factory=dict)
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
