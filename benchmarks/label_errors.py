"""Are planted label errors found? A quarter each missing, spurious, shifted and mislabelled.

    python benchmarks/label_errors.py [--share 0.02] [--draws 200] [--retrain]

In a project whose pipeline has run, errors are planted in 2 % of the pictures, one a picture, and
all pictures are ranked by `pocketdet.analysis.label_errors` from what the trained net finds. The
bar: at least 60 % of the planted pictures are among the worst-ranked 5 %. Without `--retrain` the
net has learnt from the clean labels, and many draws of errors are averaged. With it, one draw is
planted into a copy of the project, which learns from the planted labels: what happens in real life,
where nobody has clean labels. That takes as long as training does.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from pocketdet import inference
from pocketdet.analysis import label_errors
from pocketdet.boxes import ious
from pocketdet.dataset import Box, Dataset, Image, read_paths
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.preprocess import Preprocessing

KINDS = ("missing", "spurious", "shifted", "mislabelled")
WORST = 0.05  # share of the pictures that are looked at
SHIFT = (0.3, 0.6)  # of the box's sides, how far a shifted box is off
POINT = OperatingPoint(0.01, 0.6, 100)


def plant(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, dict[str, str]]:
    """The data set with errors, and the kind of error by image path."""
    rng = np.random.default_rng(seed)
    images = list(dataset.images)
    able = [i for i, image in enumerate(images) if any(not box.ignore for box in image.boxes)]
    count = max(len(KINDS), round(share * len(images)))
    planted = {}
    for n, i in enumerate(rng.permutation(able)[:count].tolist()):
        kind = KINDS[n % len(KINDS)]
        images[i] = _spoil(images[i], kind, dataset, rng)
        planted[images[i].path] = kind
    return replace(dataset, images=tuple(images)), planted


def _spoil(image: Image, kind: str, dataset: Dataset, rng: np.random.Generator) -> Image:
    boxes = list(image.boxes)
    at = int(rng.choice([i for i, box in enumerate(boxes) if not box.ignore]))
    box = boxes[at]
    x1, y1, x2, y2 = box.xyxy
    if kind == "missing":
        del boxes[at]
    elif kind == "mislabelled":
        others = [name for name in dataset.classes if name != box.label]
        boxes[at] = replace(box, label=str(rng.choice(others)))
    elif kind == "shifted":
        boxes[at] = replace(box, xyxy=_moved(box, image, rng))
    else:  # a box of the usual size where nothing is annotated
        size = (x2 - x1, y2 - y1)
        for _ in range(1000):
            x, y = rng.uniform(0, np.array(image.size_wh) - size)
            new = (float(x), float(y), float(x + size[0]), float(y + size[1]))
            every = np.array([b.xyxy for b in boxes])
            if ious(np.array([new]), every).max() < 0.1:
                boxes.append(Box(str(rng.choice(dataset.classes)), new))
                break
    return replace(image, boxes=tuple(boxes))


def _moved(box: Box, image: Image, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A box moved along both axes, by SHIFT of its sides together, inside the picture."""
    low, high = np.array(box.xyxy[:2]), np.array(box.xyxy[2:])
    for _ in range(1000):
        angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(*SHIFT)
        step = far * (high - low) * [np.cos(angle), np.sin(angle)]
        a = np.clip(low + step, 0, image.size_wh)
        b = np.clip(high + step, 0, image.size_wh)
        if (b - a > 0.7 * (high - low)).all():
            return float(a[0]), float(a[1]), float(b[0]), float(b[1])
    return box.xyxy


def measure(
    dataset: Dataset, planted: Mapping[str, str], found: Mapping[str, Detections]
) -> Counter[str]:
    """Planted pictures among the worst-ranked, by kind."""
    ranked = list(dict.fromkeys(s.image for s in label_errors.rank(dataset, found)))
    worst = set(ranked[: round(WORST * len(dataset))])
    return Counter(kind for path, kind in planted.items() if path in worst)


def detect(dataset: Dataset, raw: Path, models: Path) -> dict[str, Detections]:
    """What a trained net finds in all pictures."""
    from pocketdet.runtimes.keras import KerasRuntime

    runtime = KerasRuntime.load(models / "design", models / "trained")
    rule = Preprocessing.load(models / "design/preprocessing.json")
    every = inference.find_all(dataset, raw, runtime, rule, [POINT])
    return {path: found for path, (found,) in every}


def retrain(project: Path, dataset: Dataset, folder: Path) -> None:
    """Shards and weights from the planted labels, into `folder`/models."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(project / name, folder)
    (folder / "data").mkdir()
    for name in ("raw", "subsets"):
        (folder / "data" / name).symlink_to((project / "data" / name).resolve())
    (folder / "data/dataset").mkdir()
    dataset.save(folder / "data/dataset/dataset.json")
    for name in ("design", "start"):
        shutil.copytree(project / "models" / name, folder / "models" / name)
    common = ["--shards", "data/shards"]

    def run(*words: str) -> None:
        subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)

    run("tasks.augment", *common, "--raw", "data/raw", "--dataset", "data/dataset", "--subsets",
        "data/subsets", "--preprocessing", "models/design/preprocessing.json", "--report",
        "reports/augment")  # fmt: skip
    run("tasks.train", *common, "--start", "models/start", "--design", "models/design",
        "--trained", "models/trained", "--report", "reports/train")  # fmt: skip


def main() -> None:
    """Plant, rank, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.02, help="of the pictures, 0..1")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first draw")
    parser.add_argument("--retrain", action="store_true")
    given = parser.parse_args()
    project = Path()
    clean = Dataset.load(project / "data/dataset/dataset.json")
    if given.retrain:
        dataset, planted = plant(clean, given.share, given.seed)
        with tempfile.TemporaryDirectory() as folder:
            retrain(project, dataset, Path(folder))
            found = detect(dataset, project / "data/raw", Path(folder) / "models")
        report([(planted, measure(dataset, planted, found))])
        # The net has seen the errors of the training subset alone.
        seen = set(read_paths(project / "data/subsets/train.txt"))
        learnt = {path: kind for path, kind in planted.items() if path in seen}
        print(f"of {len(learnt)} in the training subset:", dict(measure(dataset, learnt, found)))
        return
    found = detect(clean, project / "data/raw", project / "models")
    draws = []
    for n in range(given.draws):
        dataset, planted = plant(clean, given.share, given.seed + n)
        draws.append((planted, measure(dataset, planted, found)))
    report(draws)


def report(draws: list[tuple[dict[str, str], Counter[str]]]) -> None:
    """Print the shares found, by kind and together."""
    shares = [sum(hits.values()) / len(planted) for planted, hits in draws]
    for kind in KINDS:
        total = sum(Counter(planted.values())[kind] for planted, _ in draws)
        print(f"{kind:<12} {sum(hits[kind] for _, hits in draws) / total:6.1%} of {total}")
    print(f"{'all':<12} {np.mean(shares):6.1%} of {sum(len(p) for p, _ in draws)}")
    bar = np.mean(np.array(shares) >= 0.6)
    print(f"{len(draws)} draws, at least 60 % found in {bar:.0%} of them")


if __name__ == "__main__":
    main()
