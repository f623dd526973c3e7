import keras
import numpy as np
import pytest

from pocketdet.detector import weights
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import WeightsError

SPEC = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("a", "é"), (Level(8, ((12.5, 9.0),)),))


def tiny(units=3, name="dense"):
    given = keras.Input((2,))
    return keras.Model(given, keras.layers.Dense(units, name=name)(given))


def test_round_trip_is_exact_and_the_bytes_are_the_same(tmp_path):
    model, other = tiny(), tiny()
    weights.save(model, tmp_path / "a", SPEC)
    weights.load(other, tmp_path / "a")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    weights.save(other, tmp_path / "b", SPEC)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert weights.net_of(tmp_path / "a") == SPEC


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (tiny(units=4), r"dense/bias: expected shape \(4,\), found \(3,\)"),
        (tiny(name="another"), "another/bias: missing"),
    ],
)
def test_weights_of_another_net_are_refused_and_nothing_changes(tmp_path, other, message):
    weights.save(tiny(), tmp_path / "file", SPEC)
    before = other.get_weights()
    with pytest.raises(WeightsError, match=message):
        weights.load(other, tmp_path / "file")
    for a, b in zip(before, other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_missing_or_cut_file_says_so(tmp_path):
    with pytest.raises(WeightsError, match="not found"):
        weights.read(tmp_path / "none")
    weights.save(tiny(), tmp_path / "file", SPEC)
    (tmp_path / "cut").write_bytes((tmp_path / "file").read_bytes()[:-5])
    with pytest.raises(WeightsError, match="no whole safetensors file"):
        weights.read(tmp_path / "cut")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, value):
    model = tiny()
    model.layers[1].bias.assign([0.0, value, 0.0])
    weights.save(model, tmp_path / "file", SPEC)
    with pytest.raises(WeightsError, match="file: dense/bias: holds NaN or infinity"):
        weights.load(tiny(), tmp_path / "file")
