"""What an annotator of each convention writes down about a painted scene.

The box of an object is the tight extent of its visible pixels, in all three conventions; real
KITTI boxes reach behind what hides an object, but then the same person would have another box
depending on the source. Visible, inside and whole are counted in pixels, from the masks:

    truncation = 1 - inside / whole        occlusion = 1 - visible / inside

| | COCO | VOC | KITTI |
| --- | --- | --- | --- |
| a person, standing or sitting | person | person | Pedestrian, Person_sitting |
| who rides | person and bicycle | person and bicycle | Cyclist, one box of both |
| a bicycle alone | bicycle | bicycle | DontCare: KITTI has no such type |
| a crowd, as one group | person, iscrowd | person, difficult | DontCare |
| too small to count | iscrowd | difficult | DontCare |
| less than MIN_VISIBLE in view | iscrowd | difficult | level 3, or DontCare if the edge cuts it |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pocketdet.dataset import DONT_CARE, Box
from pocketdet.formats.voc import TRUNCATED
from pocketdet.sample.painting import Painting, Seen, inside, union

Convention = Literal["coco", "voc", "kitti"]
MIN_VISIBLE = 0.35  # share of the whole; what shows less is not asked for
MIN_HEIGHT = 0.12  # of the picture's height; the longer side of a bicycle
FEW_PIXELS = 12  # nobody sees, or annotates, fewer
LEVELS = (0.9, 0.65, MIN_VISIBLE)  # visible shares from which KITTI's levels 0, 1 and 2 begin
VOC_TRUNCATED = 0.15  # VOC2012 guidelines: "more than 15-20 % of the object outside"
VOC_OCCLUDED = 0.05  # VOC2012 guidelines: "more than 5 % of the box is hidden"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing, or several that count as one, measured.

    Attributes:
        kind: "person", "bicycle", "cyclist" (with the bicycle) or "crowd".
        activity: Of a person, one of skeleton.ACTIVITIES.
        xyxy: Pixel edges of the visible pixels.
        whole: Pixels, if nothing hid it and the picture were larger.
        inside: Those of them inside the picture.
        visible: Those of them that nothing hides.
        small: Whether it is too small to count.
    """

    kind: str
    activity: str
    xyxy: tuple[float, float, float, float]
    whole: int
    inside: int
    visible: int
    small: bool

    @property
    def truncation(self) -> float:
        """Share outside the picture."""
        return 1 - self.inside / self.whole

    @property
    def occlusion(self) -> float:
        """Share of what is inside the picture that something hides."""
        return 1 - self.visible / self.inside

    @property
    def hidden(self) -> bool:
        """Whether too little is in view to ask for it."""
        return self.visible < MIN_VISIBLE * self.whole


def boxes(painting: Painting, convention: Convention) -> tuple[Box, ...]:
    """The annotation of a painting, far things first."""
    write = {"coco": _coco, "voc": _voc, "kitti": _kitti}[convention]
    return tuple(write(subject) for subject in subjects(painting, pairs=convention == "kitti"))


def subjects(painting: Painting, pairs: bool) -> list[Subject]:
    """Everything that an annotator can see.

    Args:
        painting: The scene.
        pairs: Take a rider and the bicycle as one.
    """
    groups: dict[tuple[bool, int], list[Seen]] = {}
    for thing in painting.things:
        if thing.shape is not None:
            together = pairs or thing.kind == "crowd"
            key = (together, thing.unit if together else thing.number)
            groups.setdefault(key, []).append(thing)
    found = (_measure(painting, group) for group in groups.values())
    return [subject for subject in found if subject is not None]


def _measure(painting: Painting, group: Sequence[Seen]) -> Subject | None:
    h, w = painting.owner.shape
    mask = np.isin(painting.owner, [thing.number for thing in group])
    visible = int(mask.sum())
    if visible < FEW_PIXELS:
        return None
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x1, y1, x2, y2 = map(float, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    kind: str = group[0].kind if len({thing.kind for thing in group}) == 1 else "cyclist"
    long = max(x2 - x1, y2 - y1) if kind == "bicycle" else y2 - y1
    shape = union([thing.shape for thing in group if thing.shape is not None])
    return Subject(
        kind=kind,
        activity="".join(thing.activity for thing in group) if kind != "crowd" else "",
        xyxy=(x1, y1, x2, y2),
        whole=int(shape.mask.sum()),
        inside=inside(shape, (w, h)),
        visible=visible,
        small=long < MIN_HEIGHT * h,
    )


def _coco(subject: Subject) -> Box:
    counts = not (subject.kind == "crowd" or subject.small or subject.hidden)
    return Box(_plain(subject), subject.xyxy, "" if counts else "iscrowd")


def _voc(subject: Subject) -> Box:
    counts = not (subject.kind == "crowd" or subject.small or subject.hidden)
    return Box(
        _plain(subject),
        subject.xyxy,
        "" if counts else "difficult",
        occlusion=int(subject.occlusion > VOC_OCCLUDED),
        truncation=TRUNCATED if subject.truncation > VOC_TRUNCATED else 0.0,
    )


def _kitti(subject: Subject) -> Box:
    level = sum(1 - subject.occlusion < share for share in LEVELS)
    label = {"person": "Pedestrian", "cyclist": "Cyclist"}.get(subject.kind)
    if label is None or subject.small or (subject.hidden and level < len(LEVELS)):
        return Box(DONT_CARE, subject.xyxy, DONT_CARE)
    if subject.activity == "sit":
        label = "Person_sitting"
    return Box(label, subject.xyxy, occlusion=level, truncation=round(subject.truncation, 2))


def _plain(subject: Subject) -> str:
    return "bicycle" if subject.kind == "bicycle" else "person"
