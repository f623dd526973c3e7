"""The annotation policy: which annotated name is which class, and what counts as an object.

Sources are merged into one data set. Every annotated name must be a class, mapped to one, or
mapped to "ignore" or "drop"; a name that is none of these is an error, because a class that is
lost in silence costs more than any other mistake. The mapping's name "*" takes all the others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from pocketdet.config import Validate
from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.rows import Finding, ReadResult

SHOWN = 12  # unknown names that the error says more of than the name


@dataclass(slots=True)
class Account:
    """What became of the rows of one source.

    Attributes:
        findings: Rows that reading dropped or changed.
        mapped_to_drop: Boxes that the mapping drops, by annotated name.
        empty_dropped: Pictures without objects that were left out.
        pictures: Pictures kept.
        classes: Boxes that count, by class.
        ignored: Boxes neither rewarded nor punished, by reason.
    """

    findings: tuple[Finding, ...] = ()
    mapped_to_drop: Counter[str] = field(default_factory=Counter)
    empty_dropped: int = 0
    pictures: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)

    @property
    def lost(self) -> int:
        """Boxes that could not be used, against the annotator's wish."""
        return sum(finding.boxes for finding in self.findings if finding.dropped)

    @property
    def boxes(self) -> int:
        """All boxes that were annotated."""
        kept = self.classes.total() + self.ignored.total()
        return kept + self.mapped_to_drop.total() + self.lost

    def by_reason(self, dropped: bool) -> dict[str, int]:
        """Rows dropped (or changed), counted by reason."""
        counts = Counter(f.reason for f in self.findings if f.dropped == dropped)
        return dict(sorted(counts.items()))


def merge(sources: Mapping[str, ReadResult], rules: Validate) -> tuple[Dataset, dict[str, Account]]:
    """One data set out of all sources, and an account of each.

    Args:
        sources: What was read, by name; images get the name as first folder of their path.
        rules: Classes, mapping and policy.

    Raises:
        DatasetError: Annotated names are neither classes nor mapped; each is listed with its
            file and record. Or a class has no object that counts in any source.
    """
    targets = _targets(rules)
    _refuse_unknown(sources, targets)
    images: list[Image] = []
    accounts: dict[str, Account] = {}
    for name, result in sources.items():
        account = accounts[name] = Account(result.findings)
        for image in result.dataset:
            boxes = tuple(_judged(image.boxes, targets, rules, account))
            if not boxes and rules.empty_images == "drop":
                account.empty_dropped += 1
                continue
            account.pictures += 1
            for box in boxes:
                if box.ignore:
                    account.ignored[box.ignore] += 1
                else:
                    account.classes[box.label] += 1
            images.append(replace(image, path=f"{name}/{image.path}", boxes=boxes, source=name))
    _refuse_absent(sources, rules.classes, accounts)
    return Dataset(rules.classes, tuple(images)), accounts


def refuse_losses(accounts: Mapping[str, Account], max_dropped: float) -> None:
    """Fail when more boxes were dropped than the user puts up with.

    Args:
        accounts: As `merge` gives them.
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


def _judged(
    boxes: Iterable[Box], targets: Mapping[str, str], rules: Validate, account: Account
) -> Iterable[Box]:
    """The boxes by class names, with what does not count set to ignore."""
    for box in boxes:
        target = box.label if box.label == DONT_CARE else _target(targets, box.label)
        if target == "drop":
            account.mapped_to_drop[box.label] += 1
        elif target == "ignore":
            reason = box.ignore or f"policy: {box.label} is mapped to ignore"
            yield replace(box, label=DONT_CARE, ignore=reason)
        elif target is not None:
            yield replace(box, label=target, ignore=box.ignore or _too_little(box, rules))


def _too_little(box: Box, rules: Validate) -> str:
    """Why an object is too small or too hidden to count; "" if it counts."""
    x1, y1, x2, y2 = box.xyxy
    if min(x2 - x1, y2 - y1) < rules.min_side_px:
        return f"policy: a side below {rules.min_side_px:g} px"
    if box.occlusion is not None and box.occlusion > rules.max_occlusion:
        return f"policy: occlusion above level {rules.max_occlusion}"
    if box.truncation is not None and box.truncation > rules.max_truncation:
        return f"policy: truncation above {rules.max_truncation:g}"
    return ""


def unmapped(labels: Iterable[str], rules: Validate) -> list[str]:
    """Annotated names, sorted, that are neither classes nor mapped: `merge` refuses them."""
    targets = _targets(rules)
    return sorted(label for label in labels if _target(targets, label) is None)


def _targets(rules: Validate) -> dict[str, str]:
    targets = {name.casefold(): name for name in rules.classes}
    return targets | {name.casefold(): target for name, target in rules.mapping.items()}


def _target(targets: Mapping[str, str], label: str) -> str | None:
    """Class, "ignore" or "drop" of an annotated name; names compare without case."""
    return targets.get(label.casefold(), targets.get("*"))


def _refuse_unknown(sources: Mapping[str, ReadResult], targets: Mapping[str, str]) -> None:
    count: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for name, result in sources.items():
        for image, file in zip(result.dataset, result.files, strict=True):
            for number, box in enumerate(image.boxes, 1):
                if box.label == DONT_CARE or _target(targets, box.label) is not None:
                    continue
                count[name, box.label] += 1
                corners = ", ".join(f"{value:g}" for value in box.xyxy)
                where = f"{name}/{file}: box {number} ({corners}) of {image.path}"
                first.setdefault((name, box.label), where)
    if count:
        lines = [
            f"  {label!r}, {count[name, label]} boxes, first {where}"
            for (name, label), where in list(first.items())[:SHOWN]
        ]
        if len(first) > SHOWN:
            lines.append("  and " + ", ".join(repr(label) for _, label in list(first)[SHOWN:]))
        raise DatasetError(
            f"{len(first)} annotated names are no class:\n" + "\n".join(lines) + "\n"
            "name each in validate.classes, or in validate.mapping with a class, ignore or drop "
            "('*' stands for all others)"
        )


def _refuse_absent(
    sources: Mapping[str, ReadResult], classes: Iterable[str], accounts: Mapping[str, Account]
) -> None:
    """A class that nothing is annotated with is a misspelling, or it cannot be learnt."""
    absent = [c for c in classes if not any(a.classes[c] for a in accounts.values())]
    if absent:
        names = sorted({label for result in sources.values() for label in result.dataset.classes})
        raise DatasetError(
            f"validate.classes: no object that counts is a {' or a '.join(map(repr, absent))}; the "
            f"annotated names are {', '.join(map(repr, names))}; rename the class, map a name to "
            "it, or take it out"
        )
