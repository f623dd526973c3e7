import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from pocketdet.detector import net, teacher, weights
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import WeightsError

STUDENT = NetSpec(
    "mobilenet_v2", 0.35, "none", 8, 0, (32, 32), ("a", "b"), (Level(8, ()),), "anchor_free"
)  # fmt: skip
TEACHER = replace(STUDENT, width=0.5, neck_channels=16, head_blocks=1)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Weights of a larger net, and that net."""
    path, model = tmp_path_factory.mktemp("teacher") / "big.safetensors", net.build(TEACHER)
    weights.save(model, path, TEACHER)
    return path, model


def test_the_file_is_all_that_the_teacher_is_made_of(file):
    path, model = file
    loaded = teacher.load(path, STUDENT)
    assert loaded.trainable_variables == []
    picture = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    for name, value in model(picture).items():
        np.testing.assert_array_equal(value, loaded(picture)[name])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("b", "a")}, r"same classes: expected \('b', 'a'\), found \('a', 'b'\)"),
        ({"input_wh": (64, 32)}, "same input_wh"),
        ({"head": "ssdlite"}, "same head: expected ssdlite, found anchor_free"),
        ({"levels": (Level(16, ()),)}, "same levels"),
    ],
)
def test_a_teacher_of_other_places_or_classes_is_refused(file, changes, said):
    with pytest.raises(WeightsError, match=rf"big.safetensors: teacher and net .* {said}"):
        teacher.load(file[0], replace(STUDENT, **changes))


def test_files_that_do_not_say_of_which_net_they_are_are_refused(tmp_path):
    from safetensors.numpy import save_file

    path, arrays = tmp_path / "a.safetensors", {"x": np.zeros(1, np.float32)}
    with pytest.raises(WeightsError, match="not found"):
        teacher.load(path, STUDENT)
    save_file(arrays, path)
    with pytest.raises(WeightsError, match="must say which net it is of"):
        teacher.load(path, STUDENT)
    for changes, said in [
        ({"backbone": "../x"}, "must say which net it is of"),
        ({"neck_channels": "many"}, "describe no net of ours: neck_channels: "),
        ({"width": 0.35}, "weights of another net"),
    ]:
        text = json.dumps(asdict(TEACHER) | changes)
        save_file(arrays, path, {"net": text})
        with pytest.raises(WeightsError, match=said):
            teacher.load(path, STUDENT)
