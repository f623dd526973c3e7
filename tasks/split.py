"""Stage split: named subsets that keep groups together, each with a content hash."""

import functools
import json
from pathlib import Path

import numpy as np

from pocketdet.config import Params
from pocketdet.curation import checks, duplicates, splitting, strata
from pocketdet.dataset import Dataset, write_paths
from tasks.stage import say, stage, write_table

SALTS = 64  # that are compared, where chance does not balance by itself
MANY = 20_000  # pictures from which on it does


@stage(outs=("subsets",))
def split(params: Params, dataset: Path, subsets: Path) -> None:
    """Place every picture in train, val or test."""
    rules = params.split
    whole = Dataset.load(dataset / "dataset.json")
    contents, hashes = checks.hashes(whole, checks.load(dataset / "pictures.csv"))
    names = [image.group for image in whole]
    groups = duplicates.clusters(contents, hashes, rules.near_duplicate_bits, names)
    shares = {"train": rules.train, "val": rules.val, "test": rules.test}
    place = functools.partial(
        splitting.assign, whole, groups, contents, shares, params.seed, rules.official
    )
    members = place(rules.salt)
    subset_of = {path: name for name, paths in members.items() for path in paths}
    if rules.leakage == "fail":
        splitting.refuse_leaks(splitting.leaks(whole, groups, subset_of), subset_of)

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
    write_table([("image", "group"), *splitting.group_rows(whole, groups)], subsets / "groups.csv")
    together = len(whole) - len(groups)
    say(f"{together} pictures are of a group or near-duplicates of others and stay with them")
    lacking = strata.absent(whole, members)
    for name, label in lacking:
        say(f"{name} has no {label}")
    if len(whole) <= MANY:
        index = {image.path: i for i, image in enumerate(whole)}
        now = [np.array([index[p] for p in paths], np.intp) for paths in members.values()]
        off = strata.imbalance(strata.count(whole)[1], now)
        salt, best = strata.best_salt(whole, place, SALTS)
        say(f"classes and sizes are {off:.0%} off their shares of the pictures (root mean square)")
        then = strata.absent(whole, place(salt))
        if best < off or len(then) < len(lacking):
            left = f", and {len(then)} classes missing instead of {len(lacking)}" if lacking else ""
            say(f"split.salt: {salt} has {best:.0%}{left}")


if __name__ == "__main__":
    split()
