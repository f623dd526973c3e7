"""Write the trained net as the files that params name, and their contract."""

import random
import time
from pathlib import Path

from pocketdet.config import Params
from pocketdet.dataset import read_paths
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import variants
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.exporting.ledger import size_mb
from pocketdet.exporting.served import Trained
from pocketdet.preprocess import Preprocessing, load_rgb, to_input
from pocketdet.quiet import quiet
from tasks.stage import say, stage


@stage(outs=("converted",))
def convert(
    params: Params,
    raw: Path,
    subsets: Path,
    design: Path,
    trained: Path,
    point: Path,
    converted: Path,
) -> None:
    """Write a file for every variant, contract.json, and the names of the calibration pictures."""
    recipes = variants.chosen(params.convert.variants)
    with quiet():
        import tensorflow as tf

        from pocketdet.detector import net
    tf.get_logger().setLevel("ERROR")

    spec = NetSpec.load(design / "net.json")
    rule = Preprocessing.load(design / "preprocessing.json")
    operating_point = OperatingPoint.load(point)
    names = calibration(subsets / "train.txt", params.convert.calibration_images, params.seed)
    pictures = [to_input(load_rgb(raw / name), rule) for name in names]
    say(f"calibration: {len(pictures)} pictures of the training subset")
    model = net.load(design, trained, batch=1)
    lowest = params.evaluate.score_min
    source = Trained(model, spec, rule, operating_point, lowest, pictures, params.convert)
    converted.mkdir()
    (converted / "calibration.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    described = []
    for name, recipe in recipes.items():
        path = converted / recipe.file
        start = time.monotonic()
        with quiet():
            recipe.write(path, source)
        say(f"{path.name}: {size_mb(path):.2f} MB in {time.monotonic() - start:.1f} s")
        described.append(recipe.describe(name, path, source))
    Contract(spec, rule, operating_point, tuple(described), coding_of(spec)).save(
        converted / "contract.json"
    )


def calibration(subset: Path, count: int, seed: int) -> list[str]:
    """Image paths drawn from a subset's list, sorted; all of it if it has no more."""
    paths = sorted(read_paths(subset))
    return sorted(random.Random(seed).sample(paths, min(count, len(paths))))


if __name__ == "__main__":
    convert()
