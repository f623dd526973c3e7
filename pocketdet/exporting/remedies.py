"""What is done when int8 loses too much: recipes of params.yaml, tried in turn on the val subset.

The test subset is not asked: a file that was chosen by it would look better there than it is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet import inference
from pocketdet.config import Remedy
from pocketdet.dataset import Dataset
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import calibration, flatbuffer, noise, quantise
from pocketdet.exporting.ledger import size_mb
from pocketdet.exporting.verify import average_precision, spread
from pocketdet.inference import Candidates
from pocketdet.preprocess import Preprocessing
from pocketdet.runtimes.litert import LiteRTRuntime

FILE = "remedies.json"  # beside the converted files
TRAINED = "trained"  # name of the try with a net that was trained rounded


@dataclass(frozen=True)
class Quantiser:
    """Makes an int8 file by any recipe.

    Attributes:
        core: Float file of the net without its normalisation.
        whole: Float file of the net.
        rule: From a photo to the input.
        paths: Image paths of the training subset.
        load: Image path -> picture at the input's size.
        seed: Of draws.
        trained: The int8 file of a net that was trained rounded, made by no recipe; or nothing.
    """

    core: bytes
    whole: bytes
    rule: Preprocessing
    paths: Sequence[str]
    load: Callable[[str], npt.NDArray[np.uint8]]
    seed: int
    trained: bytes = b""

    def make(self, recipe: Remedy, folder: Path) -> tuple[bytes, list[str]]:
        """The file's content, and the paths of its calibration pictures.

        Args:
            recipe: How.
            folder: Existing, for files in between.
        """
        names = calibration.choose(self.paths, recipe, self.seed, self.load)
        pictures = [self.load(name) for name in names]
        graph = flatbuffer.parse(self.core)
        kept = quantise.head(graph) if recipe.float_head else set()
        whole, first = folder / "float.tflite", folder / "first.tflite"
        whole.write_bytes(self.whole)
        ranges = quantise.quantiles(whole, pictures, recipe.clip) if recipe.clip else {}
        content = quantise.quantise(self.core, self.rule, pictures, ranges, kept)
        if recipe.float_noisiest:
            first.write_bytes(content)
            layers = noise.layers(whole, first, pictures[: noise.PICTURES])
            kept |= quantise.around(graph, noise.noisiest(layers, recipe.float_noisiest))
            content = quantise.quantise(self.core, self.rule, pictures, ranges, kept)
        return content, names


@dataclass(frozen=True)
class Val:
    """The pictures that tries are judged by.

    Attributes:
        dataset: The val subset, or a part of it.
        raw: Folder that the images' paths are below.
        rule: From a photo to the input.
        point: Of the detections that AP is computed from.
    """

    dataset: Dataset
    raw: Path
    rule: Preprocessing
    point: OperatingPoint

    def ap(self, runtime: Candidates) -> float | None:
        """AP of a runtime, points of 100; None if undefined."""
        found = inference.find_all(self.dataset, self.raw, runtime, self.rule, [self.point])
        return average_precision(self.dataset, {path: sets[0] for path, sets in found})


@dataclass(frozen=True)
class Try:
    """A way to quantise, and what came of it.

    Attributes:
        remedy: Its name.
        recipe: In words.
        calibration: How many pictures, and their list's hash; none where training gave the ranges.
        float_layers: How many of the file's layers compute in float.
        size_mb: Of the file, MB (10^6 bytes).
        partitions: Pieces of the graph that XNNPACK runs.
        ap_drop: AP points that it loses against the net on val; None if that has no AP there.
    """

    remedy: str
    recipe: str
    calibration: Mapping[str, Any]
    float_layers: int
    size_mb: float
    partitions: int
    ap_drop: float | None

    @property
    def text(self) -> str:
        """In a line."""
        lost = "no AP on val" if self.ap_drop is None else f"{self.ap_drop:.2f} AP points lost"
        return (
            f"int8, {self.remedy} ({self.recipe}): {lost}, {self.size_mb:.2f} MB, "
            f"{self.partitions} XNNPACK partitions"
        )


@dataclass(frozen=True)
class Outcome:
    """What trying gave.

    Attributes:
        tries: In order.
        shipped: The one that loses least: the last, if it met the goal.
        content: Its file.
        names: The paths of its calibration pictures.
        goal: AP points that a file may lose on val.
        images: How many pictures of val.
    """

    tries: tuple[Try, ...]
    shipped: Try
    content: bytes
    names: Sequence[str]
    goal: float
    images: int

    def save(self, converted: Path) -> None:
        """Write it beside the converted files, with the list of pictures."""
        calibration.save(converted, self.names)
        value = {
            "goal": self.goal,
            "images": self.images,
            "shipped": self.shipped.remedy,
            "tried": [asdict(each) for each in self.tries],
        }
        text = json.dumps(value, indent=1, ensure_ascii=False)
        (converted / FILE).write_text(text + "\n", encoding="utf-8")


def first_enough(
    quantiser: Quantiser,
    val: Val,
    net: NetSpec,
    recipes: Mapping[str, Remedy],
    goal: float,
    progress: Callable[[str], None],
) -> Outcome:
    """Try recipes until one loses no more than the goal.

    Args:
        quantiser: Makes the files.
        val: Judges them.
        net: Theirs.
        recipes: Name -> how, in the order of trying; after the file of a net trained rounded.
        goal: AP points.
        progress: Called with a line of text after every try.
    """
    made: list[tuple[Try, bytes, list[str]]] = []
    with TemporaryDirectory(prefix="pocketdet-") as name:
        folder = Path(name)
        path = folder / "tried.tflite"
        path.write_bytes(quantiser.whole)
        net_ap = val.ap(LiteRTRuntime(path, net))
        if quantiser.trained:
            recipes = {TRAINED: next(iter(recipes.values())), **recipes}
        for remedy, recipe in recipes.items():
            if remedy == TRAINED:
                # Calibrated by no picture; the list is of those that noise is measured on.
                content = quantiser.trained
                names = calibration.choose(quantiser.paths, recipe, quantiser.seed, quantiser.load)
            else:
                content, names = quantiser.make(recipe, folder)
            path.write_bytes(content)
            runtime = LiteRTRuntime(path, net)
            # With boxes that are no numbers there is no AP: all is lost.
            drop = None if net_ap is None else net_ap - (val.ap(runtime) or 0.0)
            kept = quantise.float_layers(flatbuffer.parse(content))
            by_training = remedy == TRAINED
            listed = calibration.digest([] if by_training else names)
            how = "ranges from training" if by_training else words(recipe)
            tried = Try(remedy, how, listed, kept, size_mb(path), runtime.partitions, drop)
            progress(tried.text)
            made.append((tried, content, names))
            if drop is None or drop <= goal:
                break
    tries = tuple(tried for tried, _, _ in made)
    shipped, content, names = min(made, key=lambda each: each[0].ap_drop or 0.0)
    return Outcome(tries, shipped, content, names, goal, len(val.dataset))


def val_part(dataset: Dataset, images: int) -> Dataset:
    """So many pictures of a subset, evenly over its list; 0 means all."""
    kept = spread(len(dataset), images)
    return dataset.subset([image.path for k, image in enumerate(dataset) if k in kept])


def words(recipe: Remedy) -> str:
    """A recipe in words."""
    parts = [f"{recipe.images} {recipe.selection} pictures", "a scale for each channel"]
    if recipe.clip:
        parts.append(f"ranges without {recipe.clip:g} of the values at either end")
    if recipe.float_head:
        parts.append("head in float")
    if recipe.float_noisiest:
        parts.append(f"{recipe.float_noisiest} noisiest layers in float")
    return ", ".join(parts)


def read(converted: Path) -> dict[str, Any]:
    """What `Outcome.save` wrote, for ledger and report."""
    value: dict[str, Any] = json.loads((converted / FILE).read_text(encoding="utf-8"))
    return value


def summary(value: Mapping[str, Any]) -> str:
    """That in a line: every remedy with the AP points that it loses."""
    return ", ".join(
        f"{each['remedy']} " + ("?" if each["ap_drop"] is None else f"{each['ap_drop']:.2f}")
        for each in value["tried"]
    )
