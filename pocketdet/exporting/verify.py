"""Runs every converted file beside the trained net, on the same pictures, and fills the ledger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from pocketdet.dataset import Dataset
from pocketdet.detector.decode import Detections, OperatingPoint, detections
from pocketdet.exporting import delegates, flatbuffer
from pocketdet.exporting.contract import Contract, Variant
from pocketdet.exporting.ledger import Row, size_mb
from pocketdet.exporting.parity import Comparison
from pocketdet.preprocess import load_rgb, to_input
from pocketdet.runtimes import Runtime, RuntimeMissingError
from pocketdet.runtimes.opening import open_runtime
from pocketdet.scoring import bootstrap, coco
from pocketdet.scoring.bootstrap import Interval, Plan
from pocketdet.scoring.columns import found_of, objects_of
from pocketdet.scoring.table import Table, match

PROGRESS_EVERY = 25  # pictures


@dataclass(frozen=True)
class Effort:
    """How many pictures of the test subset; 0 means all.

    Attributes:
        images: For differences of tensors and boxes. AP always takes all.
        emulated_images: For all of it, where the runtime is emulated.
    """

    images: int
    emulated_images: int


@dataclass
class Subject:
    """A file under examination."""

    variant: Variant
    path: Path
    runtime: Runtime | None
    status: str
    run_on: frozenset[int]
    compare_on: frozenset[int]
    comparison: Comparison
    found: dict[str, Detections] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What running all files gave.

    Attributes:
        rows: The ledger, in the contract's order.
        net_ap: The net's AP, points of 100, or None if undefined.
        expected: Image path -> the net's detections.
        found: Variant -> likewise, for the pictures that it was run on.
        runtimes: Variant -> its file, ready to run.
    """

    rows: list[Row]
    net_ap: float | None
    expected: dict[str, Detections]
    found: dict[str, dict[str, Detections]]
    runtimes: dict[str, Runtime]


def verify(
    dataset: Dataset,
    root: Path,
    contract: Contract,
    converted: Path,
    net: Runtime,
    score_min: float,
    effort: Effort,
    limits: Mapping[str, float],
    plan: Plan,
    progress: Callable[[str], None],
) -> Outcome:
    """Compare all files of a contract with the net.

    Args:
        dataset: The test subset.
        root: Folder that the images' paths are below.
        contract: Of the files.
        converted: Their folder.
        net: The trained net.
        score_min: Of the detections that AP is computed from; suppression and their number are
            the operating point's, which some files have built in.
        effort: How many pictures.
        limits: Variant -> AP points that it may lose, written into the ledger.
        plan: Of the interval of the difference in AP.
        progress: Called with a line of text now and then.

    Raises:
        ExportError: A file is missing, broken or of another net.
        DatasetError: A picture is missing or broken, or there is none.
    """
    scoring = replace(contract.operating_point, score_min=score_min, class_score_min=())
    count = len(dataset)
    subjects = [_open(v, contract, converted, effort, count) for v in contract.variants]
    expected: dict[str, Detections] = {}
    for k, image in enumerate(dataset):
        rgb = to_input(load_rgb(root / image.path), contract.preprocessing)
        detect = partial(
            detections, rule=contract.preprocessing, image_wh=image.size_wh, point=scoring
        )
        raw = net.raw(rgb)
        boxes, scores = net.candidates(raw)
        expected[image.path] = detect(boxes, scores)
        for subject in subjects:
            if subject.runtime is None or k not in subject.run_on:
                continue
            outputs = subject.runtime.raw(rgb)
            found = detect(*subject.runtime.candidates(outputs))
            subject.found[image.path] = found
            if k in subject.compare_on:
                same = subject.runtime.reference(raw, boxes, scores)
                subject.comparison.add(same, outputs, expected[image.path], found)
        if (k + 1) % PROGRESS_EVERY == 0 or k + 1 == count:
            progress(f"{k + 1} of {count} pictures")
    net_ap = average_precision(dataset, expected)
    reference = _table(dataset, expected, scoring)
    rows = []
    for subject in subjects:
        interval = _interval(subject, reference, dataset, scoring, plan)
        rows.append(_row(subject, dataset, net_ap, limits, interval))
    return Outcome(
        rows,
        net_ap,
        expected,
        found={subject.variant.name: subject.found for subject in subjects if subject.runtime},
        runtimes={s.variant.name: s.runtime for s in subjects if s.runtime},
    )


def spread(count: int, wanted: int) -> frozenset[int]:
    """Indices of `wanted` of `count` pictures, evenly over the list; all if 0 or too many.

    The list is sorted by source, so its beginning would be one source only.
    """
    if not 0 < wanted < count:
        return frozenset(range(count))
    return frozenset(np.linspace(0, count - 1, wanted).round().astype(int).tolist())


def _open(
    variant: Variant, contract: Contract, folder: Path, effort: Effort, count: int
) -> Subject:
    path = folder / variant.file
    runtime, status = None, "ok"
    try:
        runtime = open_runtime(path, contract.net)
    except RuntimeMissingError as error:
        status = f"not run: {error}"
    run_on, compare_on = frozenset(range(count)), spread(count, effort.images)
    if runtime is not None and runtime.emulated:
        status = "emulated"
        run_on = compare_on = spread(count, effort.emulated_images)
    comparison = Comparison(contract.operating_point.score_min)
    return Subject(variant, path, runtime, status, run_on, compare_on, comparison)


def _table(dataset: Dataset, found: Mapping[str, Detections], scoring: OperatingPoint) -> Table:
    return match(objects_of(dataset), found_of(dataset, found), scoring.max_detections)


def _interval(
    subject: Subject, reference: Table, dataset: Dataset, scoring: OperatingPoint, plan: Plan
) -> Interval | None:
    """How much AP the file loses on other pictures of the kind, or None if not run on all."""
    complete = subject.runtime is not None and len(subject.found) == len(dataset)
    if not complete or average_precision(dataset, subject.found) is None:
        return None
    own = _table(dataset, subject.found, scoring)
    return bootstrap.compare(own, reference, plan).overall["AP"]


def _row(
    subject: Subject,
    dataset: Dataset,
    net_ap: float | None,
    limits: Mapping[str, float],
    interval: Interval | None,
) -> Row:
    complete = subject.runtime is not None and len(subject.found) == len(dataset)
    ap = average_precision(dataset, subject.found) if complete else None
    litert = subject.variant.runtime == "LiteRT"
    return Row(
        variant=subject.variant.name,
        file=subject.variant.file,
        runtime=subject.runtime.name if subject.runtime else subject.variant.runtime,
        status=subject.status,
        size_mb=size_mb(subject.path),
        agreement=subject.comparison.agreement() if subject.runtime else None,
        ap=ap,
        ap_drop=None if ap is None or net_ap is None else net_ap - ap,
        ap_drop_max=limits.get(subject.variant.name),
        partitions=subject.runtime.partitions if subject.runtime else None,
        ap_drop_low=None if interval is None or interval.low is None else 100 * interval.low,
        ap_drop_high=None if interval is None or interval.high is None else 100 * interval.high,
        outside=delegates.outside(flatbuffer.read(subject.path)) if litert else None,
    )


def average_precision(dataset: Dataset, found: Mapping[str, Detections]) -> float | None:
    """AP in points of 100; None without an object to find, or with a box that is no number."""
    if not all(np.isfinite(d.boxes_xyxy).all() for d in found.values()):
        return None
    value = coco.score(dataset, found).overall["AP"]
    return None if value is None else 100 * value
