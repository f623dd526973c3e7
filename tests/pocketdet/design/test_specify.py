from pathlib import Path

import numpy as np
import pytest
import yaml

from pocketdet.config import Design
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.design.specify import sizes_at_input, specify
from pocketdet.errors import DatasetError
from pocketdet.preprocess import Preprocessing

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
DESIGN = Design.model_validate(yaml.safe_load(PARAMS.read_text())["design"])


RULE = Preprocessing((224, 160), "stretch")


def data(*boxes: Box, size_wh: tuple[int, int] = (448, 160)) -> Dataset:
    return Dataset(("person", "bicycle"), (Image("a.jpg", size_wh, boxes),))


def test_sizes_are_those_after_the_stretch_without_ignored_boxes():
    some = data(
        Box("person", (0.0, 0.0, 100.0, 50.0)),
        Box("person", (0.0, 0.0, 10.0, 10.0), ignore="iscrowd"),
    )
    assert sizes_at_input(some, RULE).tolist() == [[50, 50]]
    assert sizes_at_input(data(), RULE).shape == (0, 2)


@pytest.mark.parametrize(("head", "shapes"), [("ssdlite", 3), ("anchor_free", 0)])
def test_net_follows_params_and_data(head, shapes):
    changes = {"head": head, "anchors_per_level": 3, "truncate_after": "backbone_5_0"}
    design = DESIGN.model_copy(update=changes)
    rng = np.random.default_rng(0)
    some = data(*(Box("person", (0.0, 0.0, *rng.uniform(5, 160, 2).tolist())) for _ in range(60)))
    spec = specify(design, some, 0)
    assert spec.classes == ("person", "bicycle")
    assert spec.input_wh == DESIGN.input_wh
    assert tuple(level.stride for level in spec.levels) == DESIGN.strides
    assert all(len(level.anchors_wh) == shapes for level in spec.levels)
    assert (spec.head, spec.truncate_after) == (head, "backbone_5_0")
    assert spec == specify(design, some, 0)


@pytest.mark.parametrize("head", ["ssdlite", "anchor_free"])
def test_no_object_that_counts_is_an_error(head):
    crowd = data(Box("person", (0.0, 0.0, 10.0, 10.0), ignore="iscrowd"))
    with pytest.raises(DatasetError, match="object that counts"):
        specify(DESIGN.model_copy(update={"head": head}), crowd, 0)
