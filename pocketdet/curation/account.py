"""What became of every row and box of a source: nothing is dropped or ignored uncounted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pocketdet.curation.limits import Violation
from pocketdet.dataset import Box
from pocketdet.errors import DatasetError
from pocketdet.formats.rows import Finding

Rows = list[tuple[Any, ...]]  # of a table; the first holds the names of its columns


@dataclass(slots=True)
class Account:
    """What became of the rows of one source.

    Attributes:
        findings: Rows that reading dropped or changed.
        violations: Boxes beyond a limit of the policy, whatever became of them.
        mapped_to_drop: Boxes that the mapping drops, by annotated name.
        policy_dropped: Boxes that the policy drops, by reason.
        empty_dropped: Pictures without objects that were left out.
        rejected: Pictures that the policy rejects, by reason.
        rejected_boxes: All boxes of those.
        pictures: Pictures kept.
        classes: Boxes that count, by class.
        ignored: Boxes neither rewarded nor punished, by reason.
        annotators: Judged boxes by annotator; "" where the format does not say.
    """

    findings: tuple[Finding, ...] = ()
    violations: list[Violation] = field(default_factory=list)
    mapped_to_drop: Counter[str] = field(default_factory=Counter)
    policy_dropped: Counter[str] = field(default_factory=Counter)
    empty_dropped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_boxes: int = 0
    pictures: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    annotators: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """Boxes that could not be used, against the annotator's wish."""
        return sum(finding.boxes for finding in self.findings if finding.dropped)

    @property
    def boxes(self) -> int:
        """All boxes that were annotated."""
        kept = self.classes.total() + self.ignored.total()
        dropped = self.mapped_to_drop.total() + self.policy_dropped.total() + self.rejected_boxes
        return kept + dropped + self.lost

    def keep(self, boxes: tuple[Box, ...]) -> None:
        """Count a picture that stays."""
        self.pictures += 1
        for box in boxes:
            if box.ignore:
                self.ignored[box.ignore] += 1
            else:
                self.classes[box.label] += 1

    def by_reason(self, dropped: bool) -> dict[str, int]:
        """Rows dropped (or changed), counted by reason."""
        counts = Counter(f.reason for f in self.findings if f.dropped == dropped)
        return dict(sorted(counts.items()))

    def data(self) -> dict[str, Any]:
        """As data for JSON."""
        by_annotator = Counter(violation.box.annotator for violation in self.violations)
        return {
            "pictures": self.pictures,
            "boxes": self.boxes,
            "classes": self.classes,
            "ignored": self.ignored,
            "dropped": self.by_reason(dropped=True),
            "changed": self.by_reason(dropped=False),
            "mapped_to_drop": self.mapped_to_drop,
            "dropped_by_policy": self.policy_dropped,
            "pictures_rejected_by_policy": self.rejected,
            "pictures_without_objects_left_out": self.empty_dropped,
            "violations": Counter(violation.rule for violation in self.violations),
            "judged": self.annotators.total(),
            "annotators": {
                name: {"boxes": count, "violations": by_annotator[name]}
                for name, count in self.annotators.items()
                if name
            },
        }


def refuse_losses(accounts: Mapping[str, Account], max_dropped: float) -> None:
    """Fail when more boxes were dropped than the user puts up with.

    Args:
        accounts: By source.
        max_dropped: Largest share of the annotated boxes, 0 to 1.

    Raises:
        DatasetError: The share is larger; the message is a table of the reasons.
    """
    lost = sum(account.lost for account in accounts.values())
    boxes = sum(account.boxes for account in accounts.values())
    if lost <= max_dropped * boxes:
        return
    lines = []
    for name, account in accounts.items():
        for reason, count in account.by_reason(dropped=True).items():
            first = next(f for f in account.findings if f.dropped and f.reason == reason)
            where = f"{name}/{first.file}: {first.record} {first.detail}".rstrip()
            lines.append(f"  {name:<16} {reason:<28} {count:>7}   first {where}")
    raise DatasetError(
        f"{lost} of {boxes} boxes ({lost / boxes:.1%}) would be dropped, at most "
        f"{max_dropped:.1%} may be; mend them or raise validate.max_dropped\n" + "\n".join(lines)
    )


def drop_rows(accounts: Mapping[str, Account]) -> Rows:
    """Every row that was dropped or changed when it was read, as a table."""
    rows: Rows = [("source", "file", "record", "reason", "dropped", "boxes", "detail")]
    for name, account in accounts.items():
        for f in account.findings:
            kind = "yes" if f.dropped else "no"
            rows.append((name, f.file, f.record, f.reason, kind, f.boxes, f.detail))
    return rows


VIOLATION_COLUMNS = (
    "source", "image", "box", "class", "rule", "found", "limit", "action", "annotator",
    "x1", "y1", "x2", "y2",
)  # fmt: skip


def violation_rows(accounts: Mapping[str, Account]) -> Rows:
    """Every box beyond a limit of the policy, as a table."""
    rows: Rows = [VIOLATION_COLUMNS]
    for name, account in accounts.items():
        for v in account.violations:
            what = (v.rule, f"{v.found:.6g}", f"{v.limit:g}", v.action, v.box.annotator)
            corners = (f"{value:.6g}" for value in v.box.xyxy)
            rows.append((name, v.image, v.number, v.box.label, *what, *corners))
    return rows
