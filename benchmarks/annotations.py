"""Annotations at COCO's size: read, validate, split and analyse, without decoding a pixel.

    python benchmarks/annotations.py [--images 118000] [--boxes 860000] [--keep FOLDER]

Makes a COCO source of so many pictures (links to a few small JPEGs) and boxes, then runs what the
stages run, each size in a process of its own: 10,000 pictures and all of them. Beside it on the
same file: pycocotools' `COCO()`, and FiftyOne's import, whose processor time is Python's alone,
without its database's. Prints seconds, CPU time, peak memory.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

SIZES = ((64, 48), (48, 64), (80, 48))
CLASSES = 80
PARAMS = Path(__file__).parents[1] / "params.yaml"
SMALL = 10_000


def generate(folder: Path, images: int, boxes: int) -> None:
    """A COCO source: hard links to a few JPEGs, so that every header is read from a file."""
    rng = random.Random(0)
    (folder / "images").mkdir(parents=True)
    originals = []
    for n, size_wh in enumerate(SIZES):
        originals.append(folder / f"images/original_{n}.jpg")
        Image.new("RGB", size_wh).save(originals[-1])
    rows, annotations = [], []
    for n in range(images):
        w, h = SIZES[n % len(SIZES)]
        name = f"{n:012d}.jpg"
        link(originals[n % len(SIZES)], folder / "images" / name, n)
        rows.append({"id": n, "file_name": name, "width": w, "height": h})
    for n in range(boxes):
        image = n % images if n < images else rng.randrange(images)
        w, h = SIZES[image % len(SIZES)]
        bw, bh = rng.uniform(2, w), rng.uniform(2, h)
        x, y = rng.uniform(0, w - bw), rng.uniform(0, h - bh)
        annotations.append(
            {
                "id": n,
                "image_id": image,
                "category_id": min(int(rng.expovariate(0.1)), CLASSES - 1),
                "bbox": [round(value, 2) for value in (x, y, bw, bh)],
                "area": round(bw * bh, 2),
                "iscrowd": int(rng.random() < 0.01),
                "segmentation": [[round(rng.uniform(0, 48), 2) for _ in range(20)]],
            }
        )
    for original in originals:
        original.unlink()
    categories = [{"id": n, "name": f"class {n}"} for n in range(CLASSES)]
    text = json.dumps({"images": rows, "annotations": annotations, "categories": categories})
    (folder / "annotations.json").write_text(text)


def link(original: Path, target: Path, number: int) -> None:
    """A hard link; file systems allow some thousands to one file, then it is copied anew."""
    if number // len(SIZES) % 1000 == 0:
        data = original.read_bytes()
        original.unlink()
        original.write_bytes(data)
    target.hardlink_to(original)


def ours(folder: Path) -> Iterator[str]:
    """What the stages validate, split and analyse do, less decoding and drawing."""
    import yaml

    from pocketdet import formats
    from pocketdet.analysis import exploration
    from pocketdet.config import Design, Limits, Policy, Source, Validate
    from pocketdet.curation import account, duplicates, policy, splitting
    from pocketdet.design.specify import specify
    from pocketdet.preprocess import Preprocessing

    yield "import"
    rules = Validate(
        sources={"coco": Source(format="coco")},
        classes=tuple(f"class {n}" for n in range(CLASSES)),
        mapping={},
        policy=Policy(
            default=Limits(
                min_side_px=(2, "ignore"),
                min_area_share=(0, "ignore"),
                max_occlusion=(2, "ignore"),
                max_truncation=(0.8, "ignore"),
                crowds="ignore",
            ),
            classes={},
        ),
        max_dropped=0.0,
        empty_images="keep",
    )
    result = formats.read("coco", folder)
    yield "read"
    dataset, accounts = policy.merge({"coco": result}, rules)
    account.refuse_losses(accounts, rules.max_dropped)
    dataset.save(folder / "dataset.json")
    dataset = type(dataset).load(folder / "dataset.json")
    yield "validate"
    contents = [hashlib.sha256(image.path.encode()).hexdigest() for image in dataset]
    groups = duplicates.clusters(contents, contents, 16)
    shares = {"train": 0.7, "val": 0.15, "test": 0.15}
    members = splitting.assign(dataset, groups, contents, shares, 0, True)
    content_of = {image.path: c for image, c in zip(dataset, contents, strict=True)}
    for paths in members.values():
        splitting.digest(dataset.subset(paths).images, content_of)
    yield "split"
    design = Design.model_validate(yaml.safe_load(PARAMS.read_text())["design"])
    found = exploration.explore(
        dataset,
        members,
        groups,
        [],
        {"coco": None},
        Preprocessing(design.input_wh, design.resize),
        specify(design, dataset.subset(members["train"]), 0),
        24,
    )
    assert found.rows["counts"]
    yield "analyse"


def pycocotools(folder: Path) -> Iterator[str]:
    """The reference: it reads the file, and no picture's header."""
    from pycocotools.coco import COCO

    yield "import"
    with contextlib.redirect_stdout(io.StringIO()):
        COCO(str(folder / "annotations.json"))
    yield "pycocotools COCO()"


def fiftyone(folder: Path) -> Iterator[str]:
    """FiftyOne's import, which reads headers and fills its database, on a MongoDB of this run."""
    from pocketdet.analysis import mongo

    server = folder / "mongo"
    os.environ[mongo.VARIABLE] = mongo.start(server)
    try:
        import fiftyone

        yield "import"
        fiftyone.config.show_progress_bars = False
        fiftyone.Dataset.from_dir(
            dataset_type=fiftyone.types.COCODetectionDataset,
            data_path=str(folder / "images"),
            labels_path=str(folder / "annotations.json"),
            label_types="detections",
        )
        yield "FiftyOne from_dir"
    finally:
        mongo.stop(server)


def measure(what: str, folder: Path) -> None:
    """Print seconds of each step and the peak memory, as JSON."""
    steps = {"ours": ours, "pycocotools": pycocotools, "fiftyone": fiftyone}[what](folder)
    seconds: dict[str, float] = {}
    next(steps)  # imports
    last, cpu = time.perf_counter(), time.process_time()
    for name in steps:
        now = time.perf_counter()
        seconds[name] = now - last
        last = now
    cpu = time.process_time() - cpu
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_gb": peak_gb}))


def run(*arguments: str) -> str:
    """This script in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def main() -> None:
    """Generate, measure in processes of their own, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=118_000)
    parser.add_argument("--boxes", type=int, default=860_000)
    parser.add_argument("--keep", type=Path, help="folder of the data; found there, it is reused")
    parser.add_argument(
        "--fiftyone", type=int, default=SMALL, help="most pictures that FiftyOne has to import"
    )
    parser.add_argument("--generate", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.generate:
        folder, images, boxes = given.generate
        return generate(Path(folder), int(images), int(boxes))
    if given.measure:
        return measure(given.measure[0], Path(given.measure[1]))
    with tempfile.TemporaryDirectory() as temporary:
        root = given.keep or Path(temporary)
        per_picture = {}
        for images in (SMALL, given.images):
            folder = root / str(images)
            if not folder.exists():
                boxes = round(given.boxes / given.images * images)
                # Not here: a process inherits the peak memory of the one that starts it.
                run("--generate", str(folder), str(images), str(boxes))
            largest = images > given.fiftyone
            for what in ("ours", "pycocotools") if largest else ("ours", "pycocotools", "fiftyone"):
                said = run("--measure", what, str(folder)).splitlines()
                row = json.loads(next(line for line in said if line.startswith('{"seconds"')))
                seconds = sum(row["seconds"].values())
                steps = ", ".join(f"{name} {s:.1f}" for name, s in row["seconds"].items())
                print(
                    f"{images:>7} pictures, {what:<11} {seconds:6.1f} s, "
                    f"{row['cpu']:5.1f} s of CPU, {row['peak_gb']:.2f} GB, "
                    f"{1e6 * row['cpu'] / images:4.0f} us of CPU a picture: {steps}",
                    flush=True,
                )
                per_picture[what, images] = row["cpu"] / images
        ratio = per_picture["ours", given.images] / per_picture["ours", SMALL]
        print(f"a picture of {given.images} costs {ratio:.2f} of one of {SMALL}")


if __name__ == "__main__":
    main()
