"""The remedies on a net that needs them: one layer's channels differ a thousandfold in scale.

The net itself is the same function as before, as the next layer's weights make up for it. In int8
the layer has one scale for all channels, and the small ones vanish. Its own detections are the
ground truth, so that the float file has an AP of 100 and every loss is the quantisation's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from PIL import Image as PIL

from pocketdet import inference
from pocketdet.config import Params, Remedy
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting import flatbuffer, litert, quantise, remedies
from pocketdet.exporting.remedies import Outcome, Quantiser, Val
from pocketdet.exporting.served import serve, without_normalisation
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.runtimes.litert import LiteRTRuntime

REPOSITORY = Path(__file__).resolve().parents[3]
Pictures = list[npt.NDArray[np.uint8]]
LAYER, NEXT = "backbone_0_0_project", "backbone_1_0_expand"
POINT = OperatingPoint(0.02, 0.6, 50)


@dataclass(frozen=True)
class Uneven:
    """The net, what quantises it and what judges that."""

    spec: NetSpec
    quantiser: Quantiser
    val: Val

    def run(self, recipes: dict[str, Remedy], goal: float) -> Outcome:
        said: list[str] = []
        result = remedies.first_enough(
            self.quantiser, self.val, self.spec, recipes, goal, said.append
        )
        assert len(said) == len(result.tries)
        return result


@pytest.fixture(scope="module")
def uneven(
    tiny_trained: Path,
    tiny_spec: NetSpec,
    tiny_pictures: Pictures,
    tmp_path_factory: pytest.TempPathFactory,
) -> Uneven:
    with quiet():
        from pocketdet.detector import net

        model = net.load(tiny_trained / "design", tiny_trained / "trained", batch=1)
        bn, following = model.get_layer(f"{LAYER}_bn"), model.get_layer(NEXT)
        factors = np.geomspace(1, 1000, bn.gamma.shape[0]).astype(np.float32)
        bn.gamma.assign(bn.gamma * factors)
        bn.beta.assign(bn.beta * factors)
        following.kernel.assign(following.kernel / factors[:, None])
        core = litert.convert(serve(without_normalisation(model)), "fp32")
        whole = litert.convert(serve(model), "fp32")
    rule = Preprocessing(tiny_spec.input_wh, "stretch")
    raw = tmp_path_factory.mktemp("uneven")
    (raw / "whole.tflite").write_bytes(whole)
    names = [f"{k:02}.png" for k in range(len(tiny_pictures))]
    for name, picture in zip(names, tiny_pictures, strict=True):
        PIL.fromarray(picture).save(raw / name)
    images = Dataset(tiny_spec.classes, tuple(Image(name, tiny_spec.input_wh) for name in names))
    runtime = LiteRTRuntime(raw / "whole.tflite", tiny_spec)
    found = dict(inference.find_all(images, raw, runtime, rule, [POINT]))
    labelled = []
    for image in images:
        (d,) = found[image.path]
        boxes = (
            Box(tiny_spec.classes[label], tuple(box))
            for label, box in zip(d.labels.tolist(), d.boxes_xyxy.tolist(), strict=True)
        )
        labelled.append(Image(image.path, image.size_wh, tuple(boxes)))
    val = Val(Dataset(tiny_spec.classes, tuple(labelled)), raw, rule, POINT)
    by_name = dict(zip(names, tiny_pictures, strict=True))
    return Uneven(tiny_spec, Quantiser(core, whole, rule, names, by_name.__getitem__, 0), val)


@pytest.mark.slow
def test_a_net_that_plain_int8_ruins_is_saved_by_the_remedy_for_it(uneven: Uneven) -> None:
    plain = Remedy(images=4)
    recipes = {
        "none": plain,
        "clipped": plain.model_copy(update={"clip": 1e-4}),
        "head": plain.model_copy(update={"float_head": True}),
        "noisiest": plain.model_copy(update={"float_noisiest": 1}),
        "never": plain,
    }
    result = uneven.run(recipes, goal=10.0)
    assert [each.remedy for each in result.tries] == ["none", "clipped", "head", "noisiest"]
    assert all(each.ap_drop > 20 for each in result.tries[:3])
    assert result.shipped is result.tries[-1]
    # The noisy layer, the one before it and the one behind; all of it still one piece.
    assert (result.shipped.float_layers, result.shipped.partitions) == (3, 1)
    assert uneven.run(recipes, goal=10.0).content == result.content


@pytest.mark.slow
def test_clipping_spares_what_leaves_the_net(uneven: Uneven, tiny_pictures: Pictures) -> None:
    made = uneven.quantiser
    ranges = quantise.quantiles(uneven.val.raw / "whole.tflite", tiny_pictures[:4], 0.01)
    plain, clipped = (
        flatbuffer.parse(quantise.quantise(made.core, made.rule, tiny_pictures[:4], r))
        for r in ({}, ranges)
    )
    scales = {t.name: t.scale for t in plain.tensors if t.dtype == "int8"}
    narrower = {t.name for t in clipped.tensors if t.scale < scales.get(t.name, 0) * 0.999}
    assert len(narrower) > 20
    (output,) = (o for o in clipped.operations if clipped.outputs["scores_8"] in o.outputs)
    name = clipped.tensors[output.inputs[0]].name
    assert clipped.tensors[output.inputs[0]].scale == pytest.approx(scales[name], rel=0.2)
    assert name not in ranges


class Faked:
    """A quantiser whose files say how much they lose."""

    whole = b"0"
    paths, seed, load = ("pictures.png",), 0, None

    def __init__(self, trained: bytes) -> None:
        self.trained = trained

    def make(self, recipe: Remedy, folder: Path) -> tuple[bytes, list[str]]:
        return str(recipe.images).encode(), [f"{recipe.images}.png"]


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Outcome]:
    """Runs recipes, each with the AP points that it loses; the goal is 1."""

    class File:
        partitions = 1

        def __init__(self, path: Path, net: NetSpec) -> None:
            self.lost = int(path.read_bytes())

    class Judge:
        dataset = Dataset(("person",), (Image("a.png", (8, 8)),))

        def ap(self, runtime: File) -> float:
            return 50.0 - runtime.lost

    monkeypatch.setattr(remedies, "LiteRTRuntime", File)
    monkeypatch.setattr(remedies.flatbuffer, "parse", lambda content: None)
    monkeypatch.setattr(remedies.quantise, "float_layers", lambda graph: 0)

    def run(losses: dict[str, int], trained: bytes = b"") -> Outcome:
        recipes = {name: Remedy(images=lost) for name, lost in losses.items()}
        return remedies.first_enough(Faked(trained), Judge(), None, recipes, 1.0, lambda line: None)

    return run


def test_nothing_is_tried_where_int8_is_good_enough(
    faked: Callable[..., Outcome],
) -> None:
    result = faked({"none": 1, "better": 0})
    assert [each.remedy for each in result.tries] == ["none"]


def test_the_first_that_is_good_enough_ships_and_all_are_told(
    faked: Callable[..., Outcome], tmp_path: Path
) -> None:
    result = faked({"none": 9, "more": 7, "clipped": 1, "head": 0})
    assert (result.shipped.remedy, result.content, result.names) == ("clipped", b"1", ["1.png"])
    result.save(tmp_path)
    assert (tmp_path / "calibration.txt").read_text() == "1.png\n"
    told = remedies.read(tmp_path)
    assert (told["shipped"], told["goal"], told["images"]) == ("clipped", 1.0, 1)
    assert remedies.summary(told) == "none 9.00, more 7.00, clipped 1.00"


def test_the_file_of_a_net_that_was_trained_rounded_comes_first(
    faked: Callable[..., Outcome],
) -> None:
    result = faked({"none": 0}, trained=b"1")
    assert (result.shipped.remedy, result.content) == ("trained", b"1")
    assert result.shipped.calibration["images"] == 0, "no picture gave its ranges"
    assert result.shipped.recipe == "ranges from training"
    result = faked({"none": 1}, trained=b"4")
    assert [each.remedy for each in result.tries] == ["trained", "none"]
    assert result.shipped.remedy == "none"


def test_the_least_bad_ships_where_nothing_helps(
    faked: Callable[..., Outcome],
) -> None:
    result = faked({"none": 9, "more": 4, "clipped": 6})
    assert len(result.tries) == 3
    assert result.shipped.remedy == "more"


def test_a_remedy_says_only_what_it_changes() -> None:
    section = Params.model_validate(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))
    recipes = section.convert.recipes()
    assert next(iter(recipes)) == "none"
    assert recipes["head_in_float"].images == section.convert.calibration_images
    assert "head in float" in remedies.words(recipes["head_in_float"])
    assert recipes["more_pictures"].images > section.convert.calibration_images
