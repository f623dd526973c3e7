"""The annotation policy: which annotated name is which class, and what counts as an object.

Sources are merged into one data set. Every annotated name must be a class, mapped to one, or
mapped to "ignore" or "drop"; a name that is none of these is an error, because a class that is
lost in silence costs more than any other mistake. The mapping's name "*" takes all the others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pocketdet.config import Limits, Validate
from pocketdet.curation.account import Account
from pocketdet.curation.limits import Violation, judge
from pocketdet.dataset import DONT_CARE, Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.rows import ReadResult

SHOWN = 12  # unknown names that the error says more of than the name


def merge(sources: Mapping[str, ReadResult], rules: Validate) -> tuple[Dataset, dict[str, Account]]:
    """One data set out of all sources, and an account of each.

    Args:
        sources: What was read, by name; images get the name as first folder of their path.
        rules: Classes, mapping and policy.

    Raises:
        DatasetError: Annotated names are neither classes nor mapped; each is listed with its
            file and record. Or a box breaks a limit that says "fail", or a class has no object
            that counts in any source.
    """
    targets = {name: _targets(rules, name) for name in sources}
    _refuse_unknown(sources, targets)
    limits = {label: rules.policy.of(label) for label in rules.classes}
    images: list[Image] = []
    accounts: dict[str, Account] = {}
    for name, result in sources.items():
        account = accounts[name] = Account(result.findings)
        for read in result.dataset:
            image = replace(read, path=f"{name}/{read.path}", source=name)
            boxes = _judged(image, targets[name], limits, account)
            if boxes is None:
                continue
            if not boxes and rules.empty_images == "drop":
                account.empty_dropped += 1
                continue
            account.keep(boxes)
            images.append(replace(image, boxes=boxes))
    _refuse_failures(accounts)
    _refuse_absent(sources, rules.classes, accounts)
    return Dataset(rules.classes, tuple(images)), accounts


def _judged(
    image: Image, targets: Mapping[str, str], limits: Mapping[str, Limits], account: Account
) -> tuple[Box, ...] | None:
    """The boxes by class names, with what does not count set to ignore; None = reject."""
    kept: list[Box] = []
    unwanted: list[str] = []
    violations: list[Violation] = []
    for number, box in enumerate(image.boxes, 1):
        target = box.label if box.label == DONT_CARE else _target(targets, box.label)
        if target == "drop":
            unwanted.append(box.label)
        elif target == "ignore":
            reason = box.ignore or f"policy: {box.label} is mapped to ignore"
            kept.append(replace(box, label=DONT_CARE, ignore=reason))
        elif target is not None:
            mine = box if box.label == target else replace(box, label=target)
            broken = None
            if target != DONT_CARE:
                account.annotators[box.annotator] += 1
                broken = judge(image.path, number, mine, image.size_wh, limits[target])
            if broken is not None:
                violations.append(broken)
            if broken is None or broken.action == "fail":
                kept.append(mine)
            elif broken.action == "ignore":
                kept.append(replace(mine, ignore=broken.reason))
    account.violations += violations
    rejecting = next((v for v in violations if v.action == "reject"), None)
    if rejecting is not None:
        account.rejected[rejecting.reason] += 1
        account.rejected_boxes += len(image.boxes)
        return None
    account.mapped_to_drop.update(unwanted)
    account.policy_dropped.update(v.reason for v in violations if v.action == "drop")
    return tuple(kept)


def unmapped(labels: Iterable[str], rules: Validate) -> list[str]:
    """Annotated names, sorted, that are neither classes nor mapped: `merge` refuses them."""
    targets = _targets(rules)
    return sorted(label for label in labels if _target(targets, label) is None)


def _targets(rules: Validate, source: str = "") -> dict[str, str]:
    """What becomes of a name: as the source's own mapping says, or else the common one."""
    own = rules.sources[source].mapping if source in rules.sources else {}
    pairs = (*((name, name) for name in rules.classes), *rules.mapping.items(), *own.items())
    return {name.casefold(): target for name, target in pairs}


def _target(targets: Mapping[str, str], label: str) -> str | None:
    """Class, "ignore" or "drop" of an annotated name; names compare without case."""
    return targets.get(label.casefold(), targets.get("*"))


def _refuse_unknown(
    sources: Mapping[str, ReadResult], targets: Mapping[str, Mapping[str, str]]
) -> None:
    count: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], str] = {}
    for name, result in sources.items():
        for image, file in zip(result.dataset, result.files, strict=True):
            for number, box in enumerate(image.boxes, 1):
                if box.label == DONT_CARE or _target(targets[name], box.label):
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


def _refuse_failures(accounts: Mapping[str, Account]) -> None:
    failed = [v for account in accounts.values() for v in account.violations if v.action == "fail"]
    if not failed:
        return
    lines = []
    for reason, count in Counter(v.reason for v in failed).items():
        first = next(v for v in failed if v.reason == reason)
        corners = ", ".join(f"{value:g}" for value in first.box.xyxy)
        where = f"{first.image}: box {first.number}, {first.box.label} ({corners})"
        lines.append(f"  {first.rule:<16} {count:>7}   first {where}: {first.found:.4g}")
    raise DatasetError(
        f"{len(failed)} boxes break a limit of validate.policy that says fail:\n"
        + "\n".join(lines)
        + "\nmend them, or let the limit say ignore, drop or reject"
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
