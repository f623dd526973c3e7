import keras
import numpy as np
import pytest

from pocketdet.detector import anchor_free, decode, net, weights
from pocketdet.detector.spec import BINS, Level, NetSpec
from pocketdet.detector.ssdlite import PRIOR


def spec_of(strides=(8, 16, 32), backbone="mobilenet_v2", width=0.35, **changes):
    levels = tuple(Level(s, ((2.0 * s, 2.0 * s), (2.0 * s, 4.0 * s))) for s in strides)
    fields = {
        "backbone": backbone, "width": width, "weights": "none", "neck_channels": 16,
        "head_blocks": 1, "input_wh": (96, 64), "classes": ("a", "b", "c"), "levels": levels,
    }  # fmt: skip
    return NetSpec(**{**fields, **changes})


def test_outputs_are_named_shaped_and_ordered_as_the_spec_says():
    model = net.build(spec_of(), batch=2)
    assert {name: tuple(t.shape) for name, t in model.output.items()} == {
        "scores_8": (2, 8, 12, 6), "scores_16": (2, 4, 6, 6), "scores_32": (2, 2, 3, 6),
        "boxes_8": (2, 8, 12, 8), "boxes_16": (2, 4, 6, 8), "boxes_32": (2, 2, 3, 8),
    }  # fmt: skip
    assert tuple(model.input.shape) == (2, 64, 96, 3)


def test_a_fresh_net_says_the_prior_everywhere():
    outputs = net.build(spec_of())(np.full((1, 64, 96, 3), 127, np.float32))
    for name, value in outputs.items():
        expected = PRIOR if name.startswith("scores") else 0.5
        np.testing.assert_allclose(keras.ops.sigmoid(value), expected, rtol=0.1)


def free_spec(**changes):
    return spec_of(levels=tuple(Level(s, ()) for s in (8, 16, 32)), head="anchor_free", **changes)


def test_an_anchor_free_head_predicts_once_a_cell():
    model = net.build(free_spec(), batch=2)
    assert {name: tuple(t.shape) for name, t in model.output.items()} == {
        "scores_8": (2, 8, 12, 3), "scores_16": (2, 4, 6, 3), "scores_32": (2, 2, 3, 3),
        "boxes_8": (2, 8, 12, 4 * BINS), "boxes_16": (2, 4, 6, 4 * BINS),
        "boxes_32": (2, 2, 3, 4 * BINS),
    }  # fmt: skip


def test_its_levels_share_every_kernel_and_no_statistics():
    paths = [v.path for v in net.build(free_spec()).weights if v.path.startswith("head_")]
    kernels = [path for path in paths if path.endswith("kernel")]
    assert len(kernels) == 2 * (2 + 1 + 1)  # two branches: a block's two, the last, the predictor
    means = {path for path in paths if path.endswith("moving_mean")}
    assert len(means) == 2 * 3 * 3
    assert {path.split("/")[0].split("_")[-2] for path in means} == {"8", "16", "32"}


def test_a_fresh_anchor_free_net_says_the_prior_and_boxes_of_some_cells():
    spec = free_spec()
    outputs = net.build(spec)(np.full((1, 64, 96, 3), 127, np.float32))
    boxes, scores = decode.candidates({n: np.asarray(v) for n, v in outputs.items()}, spec)
    np.testing.assert_allclose(scores, anchor_free.PRIOR, rtol=0.1)
    strides = decode.anchors(spec)[:, 2:]
    sizes = (boxes[:, 2:] - boxes[:, :2]) / strides
    assert ((sizes > 3) & (sizes < 6)).all()


def test_what_lies_behind_the_last_level_is_left_out():
    whole, cut = net.build(spec_of()), net.build(spec_of(strides=(8, 16)))
    assert any(layer.name.startswith("backbone_5_") for layer in whole.layers)
    assert not any(layer.name.startswith("backbone_5_") for layer in cut.layers)


def test_the_backbone_ends_where_it_is_cut():
    cut = net.build(spec_of(truncate_after="backbone_5_0"))
    names = {layer.name for layer in cut.layers}
    assert "backbone_5_0_project" in names
    assert not any(name.startswith("backbone_5_1") for name in names)
    assert {v.path for v in cut.weights} < {v.path for v in net.build(spec_of()).weights}
    assert list(cut.output) == list(net.build(spec_of()).output)


@pytest.mark.parametrize("strides", [(16,), (8, 16), (8, 32)])
def test_any_choice_of_strides_builds(strides):
    outputs = net.build(spec_of(strides)).output
    assert list(outputs) == [f"{kind}_{s}" for kind in ("scores", "boxes") for s in strides]


def test_the_names_of_weights_do_not_depend_on_nets_built_before():
    first, second = net.build(spec_of()), net.build(spec_of())
    assert [v.path for v in first.weights] == [v.path for v in second.weights]
    assert len({v.path for v in first.weights}) == len(first.weights)


def test_a_pretrained_backbone_keeps_its_statistics_while_one_from_scratch_learns_them():
    picture = np.random.default_rng(0).uniform(0, 255, (4, 64, 96, 3)).astype(np.float32)
    for choice, moves in (("imagenet", False), ("none", True)):
        model = net.build(spec_of(weights=choice))
        statistics = {v.path: v for v in model.non_trainable_variables}
        before = {path: v.numpy() for path, v in statistics.items()}
        model(picture, training=True)
        moved = {p for p, v in statistics.items() if not np.array_equal(before[p], v.numpy())}
        assert any(path.startswith("backbone") for path in moved) is moves
        assert any(path.startswith("neck") for path in moved)


def test_load_builds_the_net_of_the_design_with_the_trained_weights(tmp_path):
    spec = spec_of()
    spec.save(tmp_path / "net.json")
    trained = net.build(spec)
    weights.save(trained, tmp_path / "weights.safetensors", spec)
    loaded = net.load(tmp_path, tmp_path, batch=1)
    assert loaded.input.shape[0] == 1
    picture = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype(np.float32)
    for name, value in trained(picture).items():
        np.testing.assert_array_equal(value, loaded(picture)[name])
