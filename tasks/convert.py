"""Write the trained net as the files that params name, and their contract."""

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import litert, remedies, variants
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
    dataset: Path,
    subsets: Path,
    design: Path,
    trained: Path,
    point: Path,
    converted: Path,
) -> None:
    """Write a file for every variant, contract.json, and how int8 was quantised."""
    section = params.convert
    recipes = variants.chosen(section.variants)
    with quiet():
        import tensorflow as tf

        from pocketdet.detector import net, quantised
    tf.get_logger().setLevel("ERROR")

    spec = NetSpec.load(design / "net.json")
    rule = Preprocessing.load(design / "preprocessing.json")
    operating_point = OperatingPoint.load(point)
    model = net.load(design, trained, batch=1)
    lowest = params.evaluate.score_min
    ranges = quantised.load(trained)
    source = Trained(model, spec, rule, operating_point, lowest, section, ranges)

    @lru_cache(maxsize=1024)  # several remedies look at the same pictures
    def load(name: str) -> npt.NDArray[np.uint8]:
        return to_input(load_rgb(raw / name), rule)

    with quiet():
        core, whole = litert.convert(source.core, "fp32"), litert.made(source, "fp32")
        rounded = litert.quantise_trained(source.rounded) if ranges else b""
    train, val = (read_paths(subsets / f"{name}.txt") for name in ("train", "val"))
    pictures = Dataset.load(dataset / "dataset.json").subset(val)
    outcome = remedies.first_enough(
        remedies.Quantiser(core, whole, rule, train, load, params.seed, rounded),
        remedies.Val(
            remedies.val_part(pictures, section.trial_images),
            raw,
            rule,
            replace(operating_point, score_min=lowest, class_score_min=()),
        ),
        spec,
        section.recipes(),
        section.max_trial_drop,
        say,
    )
    source.made["int8"] = outcome.content
    converted.mkdir()
    outcome.save(converted)
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


if __name__ == "__main__":
    convert()
