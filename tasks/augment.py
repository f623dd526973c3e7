"""augment: training pictures at the net's size, with random views, and a sheet to look at them."""

import json
import os
from importlib.metadata import version
from pathlib import Path

from PIL import features

from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.inputs import shards as shard_files
from pocketdet.inputs.batches import Batches
from pocketdet.preprocess import Preprocessing
from pocketdet.report.augmented import sheet
from tasks.stage import say, stage

PREVIEWS = 24
PROGRESS = 20  # lines a subset, about
LIBRARIES = ("albumentations", "numpy", "opencv-python-headless", "pillow")  # that draw


@stage(outs=("shards", "report"))
def augment(
    params: Params,
    raw: Path,
    dataset: Path,
    subsets: Path,
    preprocessing: Path,
    shards: Path,
    report: Path,
) -> None:
    """Write the shards of train (with random views) and val (plain)."""
    data = Dataset.load(dataset / "dataset.json")
    rule = Preprocessing.load(preprocessing)
    shards.mkdir()
    report.mkdir()
    for name, copies in (("train", params.augment.copies), ("val", 0)):
        paths = read_paths(subsets / f"{name}.txt")
        photos = data.subset(paths)
        every = max(len(photos) // PROGRESS, 50)
        for n in shard_files.write(
            shards / name,
            raw,
            photos,
            rule,
            params.augment,
            params.seed,
            copies,
            workers=os.cpu_count() or 1,
        ):
            if n % every == 0 or n == len(photos):
                say(f"{name}: {n} of {len(photos)} photos, {1 + copies} pictures each")

    recipe = {
        "recipe": params.augment.model_dump(mode="json"),
        "seed": params.seed,
        "preprocessing": json.loads(preprocessing.read_text()),
        "libraries": {
            **{name: version(name) for name in LIBRARIES},
            "libjpeg-turbo": features.version("libjpeg_turbo"),
        },
    }
    sha256 = shard_files.digest(recipe)
    (report / "recipe.json").write_text(
        json.dumps({**recipe, "sha256": sha256}, indent=1, sort_keys=True) + "\n"
    )
    manifest = shard_files.write_manifest(shards, sha256)
    batches = Batches(shards, "train", params.augment, PREVIEWS, params.seed)
    sheet(batches.pairs(0, 0), data.classes).save(report / "preview.jpg", quality=85)
    say(f"shards {manifest['sha256'][:12]} by recipe {sha256[:12]}")
    say(f"preview.jpg in the report's folder shows {PREVIEWS} pictures as training sees them")


if __name__ == "__main__":
    augment()
