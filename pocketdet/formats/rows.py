"""What reading gives back: the boxes that hold, and a finding for every row that does not.

A reader never skips a row in silence. A row that cannot be a box is dropped and becomes a
`Finding`; so does one that was kept but changed (clipped). What would make the whole source
doubtful (a missing picture, an unknown class number, hostile XML) is a `DatasetError` instead,
unless the rules are lenient, which turns most of it into findings too.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pocketdet.dataset import Box, Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import Frame

T = TypeVar("T")
Reason = Literal[
    "not a number",
    "malformed row",
    "reversed",
    "zero area",
    "outside the picture",
    "reaches out of the picture",
    "level out of range",
    "duplicate id",
    "unknown image id",
    "size differs from the file",
    "picture without annotation",
    "names another picture",
    "polygon",
    "unknown class",
    "class named twice",
    "broken file",
    "broken picture",
    "picture not found",
    "picture annotated twice",
    "unsafe file name",
    "listed without annotation",
    "listed picture not found",
    "in two official lists",
    "cannot be written",
    "only in pocketdet.json",
    "pocketdet.json does not fit",
]

SLACK_PX = 0.02
"""A box may reach this far out before clipping is worth a finding: COCO rounds to 0.01 px twice."""

UNKNOWN = -1
"""Occlusion or truncation that KITTI leaves open; COCO and VOC made from it carry it on."""

SIDECAR = "pocketdet.json"
"""Beside the annotations; holds what their format cannot. See `pocketdet.formats.sidecar`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that was not taken as it stands.

    Attributes:
        file: Annotation (or picture) file, POSIX path below the source's folder.
        record: Which row of the file: "annotation 17", "object 3", "line 4", "picture a.jpg".
        reason: What is wrong, one of few, to count by.
        detail: The values found.
        dropped: The row is gone; otherwise it was kept and changed, as the reason says.
        boxes: Number of boxes lost with it: 0 for a picture without any.
    """

    file: str
    record: str
    reason: Reason
    detail: str = ""
    dropped: bool = True
    boxes: int = 1


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A source as read.

    Attributes:
        dataset: Its pictures and boxes; image paths are relative to the source's folder.
        findings: Rows dropped or changed, in the order of reading.
        files: For each image of `dataset`, the file that holds its annotation.
        unread: What the annotations hold besides boxes, which is not read: kind -> number.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    unread: Mapping[str, int] = field(default_factory=dict)

    @property
    def drops(self) -> tuple[Finding, ...]:
        """The findings whose row is gone."""
        return tuple(finding for finding in self.findings if finding.dropped)


@dataclass(slots=True)
class Rows:
    """Takes the rows of one annotation file in, and notes what is wrong with them."""

    file: str
    findings: list[Finding]
    lenient: bool = False

    def box(
        self,
        record: str,
        label: str,
        xyxy: Sequence[float],
        frame: Frame,
        *,
        ignore: str = "",
        occlusion: object = None,
        truncation: object = None,
        annotator: str = "",
    ) -> Box | None:
        """A row as a box inside its picture, or None when it was dropped.

        Args:
            record: Which row, for the finding.
            label: Class name as annotated.
            xyxy: Pixel edges, already by the project's rule, in the pixels that the annotator saw;
                NaN where the text was no number.
            frame: Those pixels.
            ignore: See `Box`.
            occlusion: The field as it stands; None or KITTI's -1 where it is unknown.
            truncation: Likewise.
            annotator: See `Box`.
        """
        x1, y1, x2, y2 = xyxy
        w, h = frame.size_wh
        inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(w)), min(y2, float(h)))
        wrong: Reason | None = None
        if not all(map(math.isfinite, xyxy)):
            wrong = "not a number"
        elif x2 < x1 or y2 < y1:
            wrong = "reversed"
        elif x2 == x1 or y2 == y1:
            wrong = "zero area"
        elif inside[0] >= inside[2] or inside[1] >= inside[3]:
            wrong = "outside the picture"
        if wrong is not None:
            self.drop(record, wrong, f"{label} {list(xyxy)} in {w} x {h} px")
            return None
        if max(-x1, -y1, x2 - w, y2 - h) > SLACK_PX:
            detail = f"{label} {list(xyxy)} clipped to {w} x {h} px"
            self.change(record, "reaches out of the picture", detail)
        return Box(
            label,
            frame.upright(inside),
            ignore,
            self._within(record, "occlusion 0, 1, 2 or 3", occlusion, level),
            self._within(record, "truncation from 0 to 1", truncation, share),
            annotator,
        )

    def _within(
        self, record: str, expected: str, field: object, read: Callable[[float], T | None]
    ) -> T | None:
        """An attribute of a box, or None where it is unknown; noted if it is no such value."""
        if field is None or number(field) == UNKNOWN:
            return None
        found = read(number(field))
        if found is None:
            detail = f"expected {expected}, found {field!r}; taken as unknown"
            self.change(record, "level out of range", detail)
        return found

    def drop(self, record: str, reason: Reason, detail: str = "") -> None:
        """Note a row that is no box."""
        self.findings.append(Finding(self.file, record, reason, detail))

    def change(self, record: str, reason: Reason, detail: str) -> None:
        """Note a row that was kept, but not as it stands."""
        self.note(record, reason, detail, dropped=False, boxes=1)

    def note(
        self, record: str, reason: Reason, detail: str = "", *, dropped: bool, boxes: int
    ) -> None:
        """Note anything; see `Finding`."""
        self.findings.append(Finding(self.file, record, reason, detail, dropped, boxes))

    def doubt(self, error: DatasetError, record: str, reason: Reason, boxes: int) -> None:
        """Raise what makes the source doubtful, or note it as dropped if the rules are lenient.

        Raises:
            DatasetError: The error itself.
        """
        if not self.lenient:
            raise error
        self.note(record, reason, str(error), dropped=True, boxes=boxes)

    def attempt(self, action: Callable[[], T], record: str, reason: Reason, boxes: int) -> T | None:
        """What an action returns, or None when it was in doubt and the rules are lenient.

        Raises:
            DatasetError: The action's own.
        """
        try:
            return action()
        except DatasetError as error:
            self.doubt(error, record, reason, boxes)
            return None

    def fits(self, record: str, stated_wh: Sequence[float], frame: Frame, boxes: int) -> bool:
        """Whether a picture is as large as its annotation says; noted as dropped if it is not.

        Its boxes were drawn on a picture of another size. A stated size of 0, or none, is unknown.
        """
        if not all(side > 0 for side in stated_wh) or tuple(stated_wh) == frame.size_wh:
            return True
        w, h = frame.size_wh
        detail = f"annotated as {stated_wh[0]:g} x {stated_wh[1]:g} px, the file has {w} x {h}"
        if tuple(stated_wh) == (h, w):
            detail += "; if it was annotated as stored, without heed to EXIF, say so"
        self.note(record, "size differs from the file", detail, dropped=True, boxes=boxes)
        return False


def number(field: object) -> float:
    """The number in a field of text or JSON; NaN where it holds none, which `Rows.box` drops."""
    if isinstance(field, bool) or not isinstance(field, str | int | float):
        return math.nan
    try:
        return float(field)
    except (ValueError, OverflowError):
        return math.nan


def line(field: object) -> str:
    """A name in one line of printable text, such as an annotator's; "" for anything else."""
    text = " ".join(str(field).split()) if isinstance(field, str | int) else ""
    return text if text.isprintable() else ""


def level(value: float) -> int | None:
    """KITTI's occlusion level 0 to 3, or None for anything else."""
    return int(value) if value in (0, 1, 2, 3) else None


def share(value: float) -> float | None:
    """A truncation from 0 to 1, or None for anything else."""
    return value if 0 <= value <= 1 else None


def decimal(value: float) -> str:
    """A number for a text format: whole ones without a point, others to 1e-6, trimmed."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))
