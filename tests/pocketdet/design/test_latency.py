from pathlib import Path

import numpy as np
import pytest

from pocketdet.design import latency
from pocketdet.design.costs import LayerCost
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices import cards
from pocketdet.devices.cards import Card, Figure
from pocketdet.devices.measured import Measurement, Times

FACTS = Path(__file__).resolve().parents[3] / "../shared/facts"


def layer(kind: str = "Conv2D", macs: int = 10**9, values: int = 0, kernel: int = 1) -> LayerCost:
    return LayerCost("x", kind, (kernel, kernel), 1, (1, 1, 1), macs, 0, values, 0, 0)


def card(**changes: object) -> Card:
    one = Figure(value=1, source="made up")
    numbers = {
        "ram_mb": one,
        "gflops": Figure(value=10, source="made up"),
        "clock_mhz": Figure(value=1000, source="made up"),
        "bandwidth_gb_s": Figure(value=100, source="made up"),
        "int8_speedup": one,
    }
    return Card(title="made up", unit="cpu", **{**numbers, **changes})


def test_a_layer_that_computes_by_hand():
    unit = latency.MODELS["cpu"]
    seconds = latency.layer_seconds(layer(), card(), unit)
    assert seconds == pytest.approx(2e9 / (10e9 * unit.pointwise))


def test_a_layer_that_moves_by_hand():
    unit = latency.MODELS["cpu"]
    moving = layer("Add", macs=0, values=10**6)
    # 1 GHz times bytes a cycle is less than the memory gives.
    assert latency.layer_seconds(moving, card(), unit) == pytest.approx(
        4e6 / (unit.bytes_per_cycle * 1e9)
    )
    slow = card(bandwidth_gb_s=Figure(value=1, source="made up"))
    assert latency.layer_seconds(moving, slow, unit) == pytest.approx(4e6 / 1e9)


def test_depthwise_is_dearer_and_winograd_cheaper_for_the_same_macs():
    times = [
        latency.layer_seconds(row, card(), latency.MODELS["cpu"])
        for row in (layer(kernel=3), layer(), layer("DepthwiseConv2D", kernel=3))
    ]
    assert times == sorted(times)
    assert len(set(times)) == 3


def test_factors_of_the_card_and_the_band():
    plain = latency.estimate([layer()], card())
    assert plain.low_ms < plain.ms < plain.high_ms
    assert plain.layers_ms == (plain.ms,)
    faster = latency.estimate([layer()], card(int8_speedup=Figure(value=2, source="made up")))
    assert faster.ms == pytest.approx(plain.ms / 2)
    measured = latency.estimate([layer()], card(time_factor=Figure(value=1.5, source="made up")))
    assert measured.ms == pytest.approx(plain.ms * 1.5)
    assert measured.high_ms / measured.ms < plain.high_ms / plain.ms


NET = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person",), (Level(8, ()),), "anchor_free")


def timed(ms: float, variant: str = "int8", unit: str = "cpu") -> Measurement:
    times = Times("a phone", unit, ms, ms / 2, 2 * ms, 0.1, 50, None, None)
    return Measurement("card", variant, "ab", NET, times)


def test_a_card_is_corrected_by_what_its_unit_took_for_its_file() -> None:
    rows = [layer()]
    ms = latency.estimate(rows, card()).ms
    known = [(rows, timed(2 * ms)), (rows * 2, timed(16 * ms))]  # ratios 2 and 8
    others = [(rows, timed(9 * ms, "fp32")), (rows, timed(9 * ms, unit="all"))]
    for stated in (card(), card(time_factor=Figure(value=5, source="published"))):
        found = latency.corrected(stated, [*known, *others])
        assert found.time_factor
        assert found.time_factor.value == pytest.approx(4)
        assert latency.corrected(stated, others) == stated
    assert latency.estimate(rows, found).ms == pytest.approx(4 * ms)


def test_the_fastest_file_of_this_very_net_comes_before_an_estimate() -> None:
    rows = [layer()]
    known = [(rows, timed(30, "fp32")), (rows, timed(20, unit="all")), (rows * 2, timed(1))]
    found = latency.best_known(rows, card(), known)
    assert (found.ms, found.low_ms, found.high_ms) == (20, 10, 40)
    assert found.text == "measured (int8 on a phone, all, 50 runs), 10 to 40 ms"
    assert found.layers_ms == latency.estimate(rows, card()).layers_ms
    assert latency.best_known(rows * 3, card(), known) == latency.estimate(rows * 3, card())


@pytest.mark.skipif(not FACTS.exists(), reason="needs the published timings in ../shared/facts")
@pytest.mark.parametrize(
    ("name", "device"),
    [("redmi_note_7", "Snapdragon 660"), ("pixel_2", "Snapdragon 835"), ("raspberry_pi_4", "Pi 4")],
)
def test_nine_of_ten_published_timings_are_in_the_band(name: str, device: str):
    import pandas as pd

    layers = pd.read_csv(FACTS / "model_layers.csv")
    timings = pd.read_csv(FACTS / "device_timings.csv")
    timings = timings[timings.device.str.contains(device, regex=False) & (timings.unit == "cpu")]
    timings = timings[(timings.threads == 1)]
    phone = cards.load(name)
    inside = []
    for net in ("mobilenet", "mobilenet_v2", "mnasnet", "proxylessnasnet", "squeezenet",
                "shufflenet", "mobilenet_ssd", "mobilenet_yolo", "mobilenetv2_yolov3"):  # fmt: skip
        rows = [
            LayerCost(
                row.layer,
                "DepthwiseConv2D" if row.layer == "ConvolutionDepthWise" else "Conv2D",
                (int(np.nan_to_num(row.kernel)),) * 2,
                int(np.nan_to_num(row.stride)),
                (row.out_h, row.out_w, row.out_c),
                row.macs,
                row.weights,
                row.elements_read,
                row.elements_written,
                0,
            )
            for row in layers[layers.model == net].itertuples()
            if row.layer not in ("Input", "MemoryData", "Flatten", "Reshape", "Permute")
        ]
        guess = latency.estimate(rows, phone)
        ms = timings[timings.model == net].min_ms.median() / phone.int8_speedup.value
        inside.append(guess.low_ms <= ms <= guess.high_ms)
    assert np.mean(inside) >= 0.88, inside
