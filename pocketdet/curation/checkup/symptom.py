"""What a check gives back, and from where on it speaks up."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that a check found.

    Attributes:
        check: Its name, "group.what".
        severity: "error": dropped when read, or in two subsets; "warning": kept, and likely to
            hurt; "note": worth knowing.
        count: How often.
        what: The numbers behind it, of the first case.
        where: All places, in order.
        boxes: Boxes that are dropped with it.
    """

    check: str
    severity: Severity
    count: int
    what: str = ""
    where: tuple[str, ...] = ()
    boxes: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on something is odd. The command has no params.yaml, so the values are here.

    Attributes:
        input_px: Longer side of the net's input, px, to which the picture is scaled.
        tiny_px: A box with a side below this at the net's input has nothing to learn from.
        huge: Share of the picture above which a box is the picture.
        aspect: A side this many times the other makes a sliver.
        twice_iou: Two boxes of one class that overlap more are one object annotated twice.
        crowded: Objects in a picture that may be a crowd, whatever the other pictures have.
        identical: Label files of equal content, with objects, that are no chance.
        few: Objects, or pictures with one, below which a class can hardly be learnt.
        imbalance: Objects of the most frequent class for one of the rarest.
        empty: Share of pictures without objects.
        skew: Difference of a class's share between two subsets.
        side_px: Shorter side of a picture.
        picture_aspect: Longer over shorter side of a picture.
        uniform: Grey values between the darkest and the brightest spot of an empty picture.
        near_bits: Of 256 hash bits; near-duplicates differ in at most so many.
    """

    input_px: int = 320
    tiny_px: float = 3.0
    huge: float = 0.95
    aspect: float = 50.0
    twice_iou: float = 0.95
    crowded: int = 50
    identical: int = 5
    few: int = 10
    imbalance: float = 100.0
    empty: float = 0.5
    skew: float = 0.1
    side_px: int = 32
    picture_aspect: float = 20.0
    uniform: int = 2
    near_bits: int = 16
