from pathlib import Path

import numpy as np
import pytest

from pocketdet.design import costs
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.errors import PocketdetError
from pocketdet.preprocess import Preprocessing

keras = pytest.importorskip("keras")


def small() -> "keras.Model":
    """Stem, a residual block and two outputs, by hand: 8 x 8 x 3 pictures."""
    layers = keras.layers
    picture = keras.Input((8, 8, 3), name="picture")
    x = layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="stem")(picture)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(6.0, name="stem_relu6")(x)  # (4, 4, 4)
    y = layers.Conv2D(8, 1, use_bias=False, name="expand")(x)
    y = layers.ReLU(6.0, name="expand_relu6")(y)  # (4, 4, 8)
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(y)
    y = layers.Conv2D(4, 1, use_bias=False, name="project")(y)
    x = layers.Add(name="add")([x, y])  # (4, 4, 4)
    a = layers.Conv2D(2, 1, name="a")(x)
    b = layers.Conv2D(5, 1, name="b")(x)
    return keras.Model(picture, {"a": a, "b": b})


def test_by_hand():
    rows = {row.name: row for row in costs.count(small())}
    assert list(rows)[:5] == ["stem", "expand", "depthwise", "project", "add"]
    assert {name: row.macs for name, row in rows.items()} == {
        "stem": 4 * 4 * 4 * 27,
        "expand": 16 * 4 * 8,
        "depthwise": 16 * 8 * 9,
        "project": 16 * 8 * 4,
        "add": 0,
        "a": 16 * 4 * 2,
        "b": 16 * 4 * 5,
    }
    assert rows["stem"].weights == 27 * 4 + 4  # folded: kernel and bias
    assert rows["depthwise"].weights == 9 * 8 + 8
    assert (rows["stem"].kernel, rows["stem"].stride) == ((3, 3), 2)
    assert (rows["add"].read, rows["add"].written) == (2 * 64, 64)


def test_memory_counts_what_waits_for_the_skip():
    rows = {row.name: row for row in costs.count(small())}
    skip, wide = 64, 128
    assert rows["stem"].alive == 192 + skip
    assert rows["expand"].alive == skip + wide
    assert rows["depthwise"].alive == skip + wide + wide
    assert rows["project"].alive == skip + wide + 64
    first, second = list(rows)[-2:]
    assert rows[first].alive == 64 + rows[first].written
    assert rows[second].alive == 64 + 32 + 80  # the first output stays
    totals = costs.total(list(rows.values()))
    assert (totals.peak_mb, totals.peak_layer) == (320e-6, "depthwise")
    assert totals.weights == sum(row.weights for row in rows.values())


def test_an_activation_with_two_readers_is_not_folded_away():
    picture = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(2, 1, name="first")(picture)
    y = keras.layers.ReLU(name="relu")(x)
    model = keras.Model(picture, keras.layers.Add(name="sum")([x, y]))
    assert [row.name for row in costs.count(model)] == ["first", "relu", "sum"]


def test_a_layer_used_twice_counts_twice():
    shared = keras.layers.Conv2D(2, 1, name="shared")
    picture = keras.Input((4, 4, 2))
    model = keras.Model(picture, shared(shared(picture)))
    assert [row.macs for row in costs.count(model)] == [64, 64]


def test_an_unknown_layer_is_an_error_not_free():
    picture = keras.Input((4, 4, 2))
    model = keras.Model(picture, keras.layers.Dense(3, name="dense")(picture))
    with pytest.raises(PocketdetError, match="dense: the cost of a Dense is not known"):
        costs.count(model)


def test_agrees_with_the_converted_file(tmp_path: Path):
    from pocketdet.detector.net import build
    from pocketdet.exporting import flatbuffer, litert, quantise
    from pocketdet.exporting.served import serve, without_normalisation

    levels = tuple(Level(stride, ((20.0, 30.0),)) for stride in (8, 16, 32))
    spec = NetSpec("mobilenet_v2", 0.35, "none", 16, 1, (96, 64), ("person",), levels)
    model = build(spec, batch=1)
    rng = np.random.default_rng(0)
    for variable in model.weights:  # of constants that are equal, a file holds one
        variable.assign(rng.uniform(0.1, 1, variable.shape))
    rows = costs.count(model)
    path = tmp_path / "net.tflite"
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    core = serve(without_normalisation(model))
    content = litert.convert(core, "fp32")
    rule = Preprocessing(spec.input_wh, "stretch")
    path.write_bytes(quantise.quantise(content, rule, [noise]))

    graph = flatbuffer.read(path)
    convolutions = [op for op in graph.operations if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    macs = [
        int(np.prod(graph.tensors[op.outputs[0]].shape[1:3]))
        * int(np.prod(graph.tensors[op.inputs[1]].shape))
        for op in convolutions
    ]
    assert sum(row.macs for row in rows) == sum(macs)
    assert sum(row.macs > 0 for row in rows) == len(macs)

    last = {tensor: i for i, op in enumerate(graph.operations) for tensor in op.inputs}
    made = {tensor: i for i, op in enumerate(graph.operations) for tensor in op.outputs}
    made |= dict.fromkeys(graph.inputs.values(), -1)
    peak = max(
        sum(graph.tensors[t].bytes for t, at in made.items() if at <= i <= last.get(t, 1_000))
        for i in range(len(graph.operations))
    )
    totals = costs.total(rows)
    assert totals.peak_mb == pytest.approx(peak / 1e6)
    assert totals.model_mb == pytest.approx(path.stat().st_size / 1e6, rel=0.03)
