"""Time scoring on generated detections of the size of COCO's val2017.

    python benchmarks/scoring.py [--images 5000] [--resamples 1000] [--turns 3]

Compares everything that evaluation makes of detections (twelve numbers overall and per class,
calibration, precision-recall curves, operating point per class with its limit of detections, five
slices of sizes and pictures with AP, AP50 and AP75 overall and per class, error anatomy, confusion
matrix, ranking of the pictures, the worst single errors) with pycocotools alone for its twelve
numbers, in processor time and by the clock; then times the bootstrap. Bars: 1.5 times
pycocotools; 30 s. Both are run in turns, several times, and the median ratio is printed.
"""

import argparse
import contextlib
import importlib
import io
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from pocketdet import slices
from pocketdet.config import Operating
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.scoring import bootstrap, cases, coco, operating_point, results, table

OBJECTS_AN_IMAGE = 36_781 / 5_000  # of val2017
CLASSES = tuple(f"class {k:02d}" for k in range(80))
SIZE_WH = (640, 480)
LIMIT = 100
SCORING = OperatingPoint(0.01, 0.6, LIMIT)
OPERATING = Operating(
    rule="precision",
    target=0.9,
    thresholds="per_class",
    nms_iou=(SCORING.nms_iou,),
    max_detections=(20, 50, 100),
)
SLICES = {
    "small": "area <= 1024",
    "medium": "1024 <= area <= 9216",
    "large": "area >= 9216",
    "dark": "brightness < 0.3",
    "crowded": "objects > 10",
}


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    dataset, found = generate(arguments.images, seed=0)
    objects = sum(len(image.boxes) for image in dataset)
    print(
        f"{len(dataset)} images, {objects} boxes, {sum(len(d.scores) for d in found.values())} "
        f"detections, {len(CLASSES)} classes"
    )

    truth, rows = coco.ground_truth(dataset), coco.results(dataset, found)
    ratios: list[tuple[float, float]] = []
    for turn in range(arguments.turns):
        expected, alone = timed("pycocotools, 12 numbers", lambda: reference(truth, rows))
        matched, ours = timed(
            "pocketdet, all but the bootstrap", lambda: everything(dataset, found)
        )
        ratios.append((ours[0] / alone[0], ours[1] / alone[1]))
        print(f"turn {turn + 1}: ratio {ratios[-1][0]:.2f} in processor time")
    by_processor, by_clock = (sorted(each)[len(ratios) // 2] for each in zip(*ratios, strict=True))
    print(f"median ratio: {by_processor:.2f} in processor time, {by_clock:.2f} by the clock")
    scores, matched_table = matched
    worst = max(abs(scores.overall[name] - value) for name, value in expected.items())
    print(f"largest difference of the 12 numbers: {worst:.1e}")
    faster(truth, rows, expected)

    plan = bootstrap.Plan(arguments.resamples, 0.95, seed=0)
    found_intervals, _ = timed(
        f"bootstrap, {plan.resamples} resamples", lambda: bootstrap.intervals(matched_table, plan)
    )
    interval = found_intervals.overall["AP"]
    print(f"AP {interval.value:.4f}, 95 % from {interval.low:.4f} to {interval.high:.4f}")


def timed(what: str, work: Callable[[], Any]) -> tuple[Any, tuple[float, float]]:
    """The result of `work`, its processor seconds and seconds by the clock."""
    start = time.process_time(), time.perf_counter()
    result = work()
    took = time.process_time() - start[0], time.perf_counter() - start[1]
    print(f"{what}: {took[0]:.1f} s of processor time, {took[1]:.1f} s by the clock", flush=True)
    return result, took


def reference(truth: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, float]:
    """What pycocotools needs as it is used: index, evaluate, accumulate, summarize."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        index = COCO()
        index.dataset = truth
        index.createIndex()
        run = COCOeval(index, index.loadRes([dict(row) for row in rows]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return dict(zip(coco.NUMBERS, run.stats.tolist(), strict=True))


def everything(dataset: Dataset, found: dict[str, Detections]) -> tuple[coco.Scores, table.Table]:
    """All that evaluation makes of the detections but the bootstrap, and its text files."""
    sets = {SCORING.nms_iou: found}
    tables = results.matched(dataset, sets, LIMIT)
    choice = operating_point.choose(tables, OPERATING, SCORING.score_min)
    result = results.evaluate(dataset, sets, tables, SCORING, choice.point)
    light = np.linspace(0, 1, len(dataset))
    plan = bootstrap.Plan(0, bootstrap.LEVEL, seed=0)
    assessed = results.assess(result, plan, None, slices.parse(SLICES), light)
    results.judge(result)
    cases.worst(result, assessed, 12)
    return result.scores, result.table


def faster(truth: dict[str, Any], rows: list[dict[str, Any]], expected: dict[str, float]) -> None:
    """The same twelve numbers by faster-coco-eval, where it is installed."""
    try:
        package = importlib.import_module("faster_coco_eval")
    except ImportError:
        print("faster-coco-eval: not run, it is not installed")
        return

    def work() -> dict[str, float]:
        with contextlib.redirect_stdout(io.StringIO()):
            index = package.COCO(json.loads(json.dumps(truth)))
            run = package.COCOeval_faster(index, index.loadRes([dict(row) for row in rows]), "bbox")
            run.evaluate()
            run.accumulate()
            run.summarize()
        return dict(zip(coco.NUMBERS, run.stats[:12], strict=True))

    numbers, _ = timed(f"faster-coco-eval {package.__version__}, 12 numbers", work)
    worst = max(abs(numbers[name] - value) for name, value in expected.items())
    print(f"largest difference of its 12 numbers: {worst:.1e}")


def generate(images: int, seed: int) -> tuple[Dataset, dict[str, Detections]]:
    """Crowded and empty pictures, frequent and rare classes; 100 detections a picture.

    The detections are good and poor finds of 85 % of the objects, some of a wrong class, some
    double, and for the rest false alarms of low score.
    """
    rng = np.random.default_rng(seed)
    crowding = rng.gamma(1.2, size=images)
    numbers = rng.multinomial(round(images * OBJECTS_AN_IMAGE), crowding / crowding.sum())
    frequency = np.arange(1, len(CLASSES) + 1) ** -0.9
    frequency /= frequency.sum()
    pictures, found = [], {}
    for number, n in enumerate(numbers.tolist()):
        here = rng.choice(len(CLASSES), 4, p=frequency)  # a picture shows few classes
        boxes, labels = _boxes(rng, n), rng.choice(here, n)
        crowd = rng.random(n) < 0.01
        path = f"{number:06d}.jpg"
        pictures.append(
            Image(
                path,
                SIZE_WH,
                tuple(
                    Box(CLASSES[label], tuple(box), "iscrowd" if ignored else "")
                    for box, label, ignored in zip(boxes.tolist(), labels, crowd, strict=True)
                ),
            )
        )
        seen = rng.permutation(n)[: round(0.85 * min(n, 50))]
        parts = []
        for share, noise, beta in ((1.0, 0.04, (2, 3)), (0.5, 0.1, (1, 5)), (0.3, 0.2, (1, 8))):
            some = seen[rng.random(len(seen)) < share]
            sides = np.tile(boxes[some, 2:] - boxes[some, :2], 2)
            off = boxes[some] + rng.normal(0, noise, (len(some), 4)) * sides
            mistaken = rng.random(len(some)) < 0.1
            label = np.where(mistaken, rng.choice(here, len(some)), labels[some])
            parts.append((off, label, rng.beta(*beta, len(some))))
        rest = max(LIMIT - sum(len(part[1]) for part in parts), 0)
        anywhere = rng.choice(len(CLASSES), rest, p=frequency)
        label = np.where(rng.random(rest) < 0.6, rng.choice(here, rest), anywhere)
        parts.append((_boxes(rng, rest), label, rng.beta(1, 12, rest)))
        corners, label, score = (np.concatenate(column) for column in zip(*parts, strict=True))
        corners = np.concatenate(
            [
                np.minimum(corners[:, :2], corners[:, 2:]),
                np.maximum(corners[:, :2], corners[:, 2:]),
            ],
            axis=1,
        )
        best = np.argsort(-score, kind="stable")[:LIMIT]
        found[path] = Detections(
            corners[best].astype(np.float32), score[best].astype(np.float32), label[best]
        )
    return Dataset(CLASSES, tuple(pictures)), found


def _boxes(rng: np.random.Generator, n: int) -> Any:
    """Boxes of COCO's sizes (the root of the area is about 55 px in the middle), (n, 4)."""
    sides = np.exp(rng.normal(4, 0.9, (n, 1)) + rng.normal(0, 0.3, (n, 2)))
    sides = np.clip(sides, 4, np.asarray(SIZE_WH) - 4)
    corner = rng.random((n, 2)) * (SIZE_WH - sides)
    return np.round(np.concatenate([corner, corner + sides], axis=1), 2)


if __name__ == "__main__":
    main()
