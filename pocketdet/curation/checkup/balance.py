"""Classes and subsets: what is rare, missing or unlike."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from pocketdet.curation.checkup.symptom import Severity, Symptom, Thresholds
from pocketdet.dataset import DONT_CARE, Dataset, Image


def check(dataset: Dataset, limits: Thresholds) -> Iterator[Symptom]:
    """Absent and rare classes, imbalance, subsets that lack or shift a class, empty pictures."""
    if not len(dataset):
        return
    subsets: dict[str, list[Image]] = {}
    for image in dataset:
        subsets.setdefault(image.subset, []).append(image)
    objects = {name: _objects(images) for name, images in subsets.items()}
    learnt = objects.get("train", _objects(dataset.images))
    pictures = Counter(
        label
        for image in subsets.get("train", dataset.images)
        for label in {box.label for box in image.boxes if not box.ignore}
    )
    absent = [label for label in dataset.classes if not learnt[label]]
    if absent:
        what = "no object to learn from"
        yield Symptom("balance.absent_class", "warning", len(absent), what, tuple(absent))
    rare = [c for c in dataset.classes if 0 < min(learnt[c], pictures[c]) < limits.few]
    if rare:
        what = f"{rare[0]}: {learnt[rare[0]]} objects in {pictures[rare[0]]} pictures"
        yield Symptom("balance.rare_class", "warning", len(rare), what, tuple(rare))
    present = [learnt[label] for label in dataset.classes if learnt[label]]
    ratio = max(present) / min(present) if present else 1
    if ratio >= 1.5:
        severity: Severity = "warning" if ratio > limits.imbalance else "note"
        what = f"{ratio:.3g} objects of the most frequent class for one of the rarest"
        yield Symptom("balance.imbalance", severity, 1, what)
    yield from _subsets(dataset, objects, limits)
    empty = [image.path for image in dataset if not image.boxes]
    if empty:
        share = len(empty) / len(dataset)
        severity = "warning" if share > limits.empty else "note"
        what = f"{share:.1%} of the pictures have no box"
        yield Symptom("balance.empty_pictures", severity, len(empty), what, tuple(empty))


def _subsets(
    dataset: Dataset, objects: dict[str, Counter[str]], limits: Thresholds
) -> Iterator[Symptom]:
    named = sorted(name for name in objects if name)
    uncovered, skewed = [], []
    for a, b in combinations(named, 2):
        for label in dataset.classes:
            if bool(objects[a][label]) != bool(objects[b][label]):
                uncovered.append(f"{label}: in {a if objects[a][label] else b} alone")
                continue
            share = [objects[s][label] / max(1, objects[s].total()) for s in (a, b)]
            if abs(share[0] - share[1]) > limits.skew:
                skewed.append(f"{label}: {share[0]:.1%} of {a}, {share[1]:.1%} of {b}")
    if uncovered:
        yield Symptom(
            "balance.subset_coverage", "warning", len(uncovered), uncovered[0], tuple(uncovered)
        )
    if skewed:
        yield Symptom("balance.subset_skew", "note", len(skewed), skewed[0], tuple(skewed))


def _objects(images: list[Image] | tuple[Image, ...]) -> Counter[str]:
    """Objects that count, by class."""
    return Counter(
        box.label
        for image in images
        for box in image.boxes
        if not box.ignore and box.label != DONT_CARE
    )
