"""What counts as an object: the limits of a class, and what becomes of a box beyond them."""

from collections.abc import Iterator
from dataclasses import dataclass

from pocketdet.config import Action, Limits
from pocketdet.dataset import Box

STRONGEST_LAST: tuple[Action, ...] = ("ignore", "drop", "reject", "fail")


@dataclass(frozen=True, slots=True)
class Violation:
    """A box beyond a limit of its class.

    Attributes:
        image: Path of its picture in the merged data set.
        number: Of the box in its picture, from 1, as annotated.
        box: As annotated, but for the label, which is the class.
        rule: Key of the limit in params.yaml.
        found: Value of the box.
        limit: Value of the limit.
        action: What becomes of the box.
    """

    image: str
    number: int
    box: Box
    rule: str
    found: float
    limit: float
    action: Action

    @property
    def reason(self) -> str:
        """In a few words, as a box's `ignore` has them; the same for all boxes beyond a limit."""
        return f"policy: {WORDS[self.rule].format(self.limit)}"


WORDS = {
    "min_side_px": "a side below {:g} px",
    "min_area_share": "less than {:g} of the picture",
    "max_occlusion": "occlusion above level {:g}",
    "max_truncation": "truncation above {:g}",
    "crowds": "crowd",
}


def judge(
    image: str, number: int, box: Box, size_wh: tuple[int, int], limits: Limits
) -> Violation | None:
    """The limit that a box breaks, the one with the strongest consequence; None if it counts.

    What its annotator excluded (VOC's difficult, KITTI's DontCare) is not judged again, and a
    crowd only by the rule for crowds: neither says that the annotation is at fault.

    Args:
        image: Path of its picture.
        number: Of the box in its picture.
        box: With its class as label.
        size_wh: Of its picture, px.
        limits: Of its class.
    """
    if box.ignore == "iscrowd":
        if limits.crowds == "ignore":
            return None
        return Violation(image, number, box, "crowds", 1, 0, limits.crowds)
    if box.ignore:
        return None
    broken = [
        Violation(image, number, box, rule, found, limit, action)
        for rule, found, limit, action in _broken(box, size_wh, limits)
    ]
    return max(broken, key=lambda v: STRONGEST_LAST.index(v.action), default=None)


def _broken(
    box: Box, size_wh: tuple[int, int], limits: Limits
) -> Iterator[tuple[str, float, float, Action]]:
    x1, y1, x2, y2 = box.xyxy
    side = min(x2 - x1, y2 - y1)
    limit, action = limits.min_side_px
    if side < limit:
        yield "min_side_px", side, limit, action
    share = box.area / (size_wh[0] * size_wh[1])
    limit, action = limits.min_area_share
    if share < limit:
        yield "min_area_share", share, limit, action
    level, action = limits.max_occlusion
    if box.occlusion is not None and box.occlusion > level:
        yield "max_occlusion", box.occlusion, level, action
    limit, action = limits.max_truncation
    if box.truncation is not None and box.truncation > limit:
        yield "max_truncation", box.truncation, limit, action
