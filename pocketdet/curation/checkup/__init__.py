"""What is wrong, or merely odd, with an annotated folder: everything at once, nothing changed.

Three kinds of symptoms. An "error" is a row or picture that reading drops, or one in two subsets;
a "warning" is kept but likely to hurt; a "note" is worth knowing. Each has a check's name, a count
and examples.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pocketdet import formats
from pocketdet.config import FormatName
from pocketdet.curation.checkup import balance, labels, layout, pictures
from pocketdet.curation.checkup.symptom import Severity, Symptom, Thresholds
from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats import Finding, ReadResult, ReadRules

__all__ = ["Checkup", "Symptom", "Thresholds", "examine"]

QUIET = ("picture without annotation", "polygon")  # what the loaders of the format take in stride
ORDER: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found.

    Attributes:
        images: Pictures that can be used.
        boxes: Their boxes.
        ignored: Those of them that neither count for nor against a detector.
        symptoms: By severity, then name.
        unread: What the annotations hold besides boxes, which is not read: kind -> number.
    """

    images: int
    boxes: int
    ignored: int
    symptoms: tuple[Symptom, ...]
    unread: dict[str, int]

    @property
    def errors(self) -> int:
        """Rows and pictures that would be dropped, or are in two subsets."""
        return sum(symptom.count for symptom in self.symptoms if symptom.severity == "error")

    def data(self) -> dict[str, Any]:
        """As data for JSON."""
        return asdict(self)


def examine(
    format_name: FormatName,
    source: Path,
    rules: ReadRules,
    thresholds: Thresholds,
    workers: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Checkup:
    """Read a folder leniently, decode every picture, and say what is wrong.

    Args:
        format_name: How it is annotated.
        source: The folder, or one COCO file.
        rules: How to read; lenient in any case.
        thresholds: From where on something is odd.
        workers: Threads that decode; 0 leaves the pixels alone.
        progress: Called with the number of pictures done, after each.
    """
    folder = source if source.is_dir() else source.parent
    root = rules.images or folder
    result = ReadResult(Dataset(()), (), ())
    symptoms: list[Symptom] = []
    try:
        result = formats.read_all(format_name, source, replace(rules, lenient=True))
        symptoms += layout.check(folder, root, result)
    except DatasetError as error:
        symptoms.append(Symptom("reading.failed", "error", 1, str(error)))
    if format_name == "yolo" and folder.is_dir():
        symptoms += layout.yolo_config(folder)
    symptoms += _of_findings(result.findings)
    symptoms += labels.check(result, folder, thresholds)
    symptoms += balance.check(result.dataset, thresholds)
    if workers:
        symptoms += pictures.check(result.dataset, root, thresholds, workers, progress)
    found = [box for image in result.dataset for box in image.boxes]
    return Checkup(
        len(result.dataset),
        len(found),
        sum(bool(box.ignore) for box in found),
        tuple(sorted(symptoms, key=lambda s: (ORDER.index(s.severity), s.check))),
        dict(result.unread),
    )


def _of_findings(findings: Sequence[Finding]) -> Iterator[Symptom]:
    """One symptom for each reason, dropped and changed apart."""
    counts = Counter((finding.reason, finding.dropped) for finding in findings)
    for (reason, dropped), count in counts.items():
        mine = [f for f in findings if (f.reason, f.dropped) == (reason, dropped)]
        boxes = sum(f.boxes for f in mine)
        what = mine[0].detail
        where = tuple(f"{f.file}: {f.record}" for f in mine)
        severity: Severity = "error" if dropped else "note" if reason in QUIET else "warning"
        name = f"reading.{reason.replace(' ', '_')}"
        yield Symptom(name, severity, count, what, where, boxes)
