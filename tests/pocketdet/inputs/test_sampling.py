import numpy as np
import pytest

from pocketdet.inputs.sampling import order, weights

CLASSES = [{0}] * 90 + [{0, 1}] * 9 + [set()]
SOURCES = ["a"] * 80 + ["b"] * 20


def test_nothing_to_balance():
    assert weights(CLASSES, SOURCES, "none").tolist() == [1.0] * 100


def test_a_rare_class_comes_more_often_and_photos_without_objects_do_not():
    found = weights(CLASSES, SOURCES, "class")
    assert found.mean() == pytest.approx(1)
    assert found[95] / found[0] == pytest.approx((99 / 9) ** 0.5)
    assert found[99] == found[0]


@pytest.mark.parametrize("balance", ["source", "both"])
def test_every_source_has_the_same_share(balance):
    found = weights(CLASSES, SOURCES, balance)
    assert found[:80].sum() == pytest.approx(50)
    assert found[80:].sum() == pytest.approx(50)


def test_both_keeps_the_rare_class_in_front_within_a_source():
    found = weights(CLASSES, SOURCES, "both")
    assert found[95] / found[80] == pytest.approx((99 / 9) ** 0.5)


def test_without_weights_an_epoch_is_every_photo_once():
    assert sorted(order(None, 50, np.random.default_rng(1))) == list(range(50))
    # Equal weights are no weights, to the order itself.
    even = order(np.ones(50), 50, np.random.default_rng(1))
    assert even.tolist() == order(None, 50, np.random.default_rng(1)).tolist()


def test_a_photo_comes_as_often_as_its_weight_says():
    shares = weights(CLASSES, SOURCES, "both")
    epochs = [np.bincount(order(shares, 100, np.random.default_rng(n)), minlength=100)
              for n in range(400)]  # fmt: skip
    assert all(len(e) == 100 and e.sum() == 100 for e in epochs)
    assert all((e >= np.floor(shares)).all() and (e <= np.ceil(shares)).all() for e in epochs)
    assert np.mean(epochs, axis=0) == pytest.approx(shares, abs=0.12)
