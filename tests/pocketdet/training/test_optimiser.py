import keras
import numpy as np
import pytest

from pocketdet.training.optimiser import AdamW, Average, Flat


def variables(seed=0):
    rng = np.random.default_rng(seed)
    return [
        keras.Variable(rng.normal(size=shape), dtype="float32")
        for shape in ((3, 4), (4,), (2, 2, 1, 3))
    ]


def test_flat_reads_writes_and_masks():
    flat = Flat(variables())
    vector = np.asarray(flat.read())
    assert len(flat) == len(vector) == 12 + 4 + 12
    flat.write(vector * 2)
    np.testing.assert_allclose(flat.read(), vector * 2)
    np.testing.assert_allclose(flat.variables[1].numpy(), vector[12:16] * 2)
    assert flat.mask([False, True, False]).tolist() == [0] * 12 + [1] * 4 + [0] * 12


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_steps_are_those_of_keras_adamw(decay):
    ours, theirs = variables(), variables()
    group = AdamW("group", ours, decay)
    oracle = keras.optimizers.AdamW(weight_decay=decay, epsilon=1e-8)
    oracle.exclude_from_weight_decay(var_list=[theirs[1]])  # the one with a single axis
    rng = np.random.default_rng(1)
    for age in range(6):
        rate = 0.01 * (age + 1)
        gradients = [rng.normal(size=v.shape).astype(np.float32) for v in ours]
        oracle.learning_rate = rate
        oracle.apply(gradients, theirs)
        group.update(group.flat.join(gradients), rate, float(age))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=1e-5)


def test_the_average_and_its_swap():
    watched = variables()
    start = [v.numpy() for v in watched]
    average = Average(watched)
    for v in watched:
        v.assign(v + 1)
    average.update(0.75)
    average.swap_in()
    for v, before in zip(watched, start, strict=True):
        np.testing.assert_allclose(v.numpy(), before + 0.25, atol=1e-6)
    average.swap_out()
    for v, before in zip(watched, start, strict=True):
        np.testing.assert_allclose(v.numpy(), before + 1, atol=1e-6)


def test_what_was_kept_comes_back_into_net_and_average():
    watched = variables()
    start = [v.numpy() for v in watched]
    average = Average(watched)
    average.keep()
    for v in watched:
        v.assign(v + 1)
    average.update(0.5)
    average.restore()
    for v, before in zip(watched, start, strict=True):
        np.testing.assert_array_equal(v.numpy(), before)
    average.swap_in()
    for v, before in zip(watched, start, strict=True):
        np.testing.assert_array_equal(v.numpy(), before)
