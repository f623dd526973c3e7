"""The sections of params.yaml as types: one frozen model a stage, with the range of every key.

No key has a default here: the values live in params.yaml and nowhere else.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from pocketdet.config.data import (
    Action,
    Analyse,
    FormatName,
    Limits,
    Orientation,
    Policy,
    Sample,
    Source,
    Split,
    Unannotated,
    Validate,
)
from pocketdet.config.kinds import Section
from pocketdet.config.results import Convert, Evaluate, Operating, Package, Profile, Remedy, Verify
from pocketdet.config.training import Augment, Balance, Budget, Design, Phase, Train

__all__ = [
    "Action",
    "Analyse",
    "Augment",
    "Balance",
    "Budget",
    "Convert",
    "Design",
    "Evaluate",
    "FormatName",
    "Limits",
    "Operating",
    "Orientation",
    "Package",
    "Params",
    "Phase",
    "Policy",
    "Profile",
    "Remedy",
    "Sample",
    "Section",
    "Source",
    "Split",
    "Train",
    "Unannotated",
    "Validate",
    "Verify",
]


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

    @model_validator(mode="after")
    def _weights_are_of_classes(self) -> Self:
        weights, classes = self.train.class_weights, self.validate_.classes
        for name in weights if weights != "balanced" else ():
            if name not in classes:
                raise ValueError(f"train.class_weights.{name}: none of {', '.join(classes)}")
        return self
