"""Stage split: named subsets that keep near-duplicates together, each with a content hash."""

import json
from pathlib import Path

from pocketdet import checks, duplicates, splitting
from pocketdet.config import Params
from pocketdet.dataset import Dataset, write_paths
from tasks.stage import say, stage


@stage(outs=("subsets",))
def split(params: Params, dataset: Path, subsets: Path) -> None:
    """Place every picture in train, val or test."""
    rules = params.split
    whole = Dataset.load(dataset / "dataset.json")
    contents, hashes = checks.hashes(whole, checks.load(dataset / "pictures.csv"))
    groups = duplicates.clusters(contents, hashes, rules.near_duplicate_bits)
    shares = {"train": rules.train, "val": rules.val, "test": rules.test}
    members = splitting.assign(whole, groups, contents, shares, params.seed, rules.official)

    subsets.mkdir()
    content_of = {image.path: content for image, content in zip(whole, contents, strict=True)}
    table = {}
    for name, paths in members.items():
        write_paths(paths, subsets / f"{name}.txt")
        images = whole.subset(paths).images
        table[name] = {"images": len(paths), "sha256": splitting.digest(images, content_of)}
        boxes = sum(not box.ignore for image in images for box in image.boxes)
        say(f"{name}: {len(paths)} pictures, {boxes} boxes, {table[name]['sha256'][:12]}")
    (subsets / "subsets.json").write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    together = len(whole) - len(groups)
    say(f"{together} pictures are copies or near-duplicates of others and stay with them")


if __name__ == "__main__":
    split()
