from pathlib import Path

import pytest
import yaml

from pocketdet.config import Design
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.design import costs, latency, ranking
from pocketdet.design.costs import LayerCost
from pocketdet.detector import net
from pocketdet.detector.spec import NetSpec
from pocketdet.devices import cards
from pocketdet.devices.measured import Measurement, Times

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
BESIDE = {"inputs_wh": [[64, 64], [192, 128]], "backbones": [["mobilenet_v2", 0.5, "none"]]}
CHANGED = {
    "input_wh": [96, 64], "backbone": "mobilenet_v2", "width": 0.35, "candidates": BESIDE,
    "device": "redmi_note_7",
}  # fmt: skip
DESIGN = Design.model_validate(yaml.safe_load(PARAMS.read_text())["design"] | CHANGED)
CARD = cards.load(DESIGN.device)
LIMIT = DESIGN.budget.mmac

# At 64 x 64 px 10, 6 and 20 px, at 96 x 64 px 15, 9 and 20.
SIDES = (20, 12, 40)
BOXES = tuple(Box("person", (0.0, 0.0, float(side), 40.0)) for side in SIDES)
TRAINING = Dataset(("person",), (Image("a.jpg", (128, 128), BOXES),))
NETS = ranking.nets(DESIGN, TRAINING, 0)


def rows(mmac: float, kind: str = "Conv2D") -> list[LayerCost]:
    return [LayerCost("stem", kind, (1, 1), 1, (1, 1, 1), int(mmac * 1e6), 1, 0, 0, 0)]


def timed(spec: NetSpec, ms: float, unit: str = "all") -> Measurement:
    times = Times("a phone", unit, ms, ms / 2, 2 * ms, 0.1, 50, None, None)
    return Measurement(DESIGN.device, "int8", "ab", spec, times)


def order(counted: dict[NetSpec, list[LayerCost]], timed: latency.Timed = ()) -> list[NetSpec]:
    return [one.net for one in ranking.rank(counted, TRAINING, DESIGN, CARD, timed)]


def test_every_input_with_every_backbone_and_the_configured_net_first():
    assert [(spec.input_wh, spec.width) for spec in NETS] == [
        (wh, width) for wh in ((96, 64), (64, 64), (192, 128)) for width in (0.35, 0.5)
    ]
    none = DESIGN.candidates.model_copy(update={"inputs_wh": (), "backbones": ()})
    alone = DESIGN.model_copy(update={"candidates": none})
    assert ranking.nets(alone, TRAINING, 0) == NETS[:1]
    named = none.model_copy(
        update={"inputs_wh": ((96, 64),), "backbones": (("mobilenet_v2", 0.5, "none"),)}
    )
    twice = DESIGN.model_copy(update={"candidates": named})
    assert ranking.nets(twice, TRAINING, 0) == NETS[:2], "the configured input once"


def test_within_budget_then_objects_then_macs():
    small, small_too, narrow, _, large, over = NETS
    counted = {
        small: rows(10),
        narrow: rows(LIMIT),
        small_too: rows(20),
        over: rows(LIMIT + 1),
        large: rows(5),
    }
    ranked = ranking.rank(counted, TRAINING, DESIGN, CARD, ())
    assert [one.net for one in ranked] == [small_too, small, large, narrow, over]
    assert [one.resolved for one in ranked] == [1, 1, 1, pytest.approx(2 / 3), 1]
    assert [one.configured for one in ranked] == [False, True, False, False, False]
    assert ranked[-1].over == ("mmac",)


def test_a_point_of_objects_less_is_worth_more_macs_but_two_are_not(monkeypatch):
    wide, _, narrow, *_ = NETS
    counted = {wide: rows(10), narrow: rows(20)}
    for share, first in ((0.9951, narrow), (0.985, wide)):
        shares = {wide.input_wh: 1.0, narrow.input_wh: share}
        monkeypatch.setattr(ranking, "_resolved", lambda _, rule, __, s=shares: s[rule.input_wh])
        assert order(counted)[0] == first


def test_a_measured_time_changes_the_place_of_its_net():
    mine, other, *_ = NETS
    counted = {mine: rows(10), other: rows(20)}
    assert order(counted) == [other, mine]
    slow = [(counted[other], timed(other, 2 * DESIGN.budget.latency_ms))]
    ranked = ranking.rank(counted, TRAINING, DESIGN, CARD, slow)
    assert [one.net for one in ranked] == [mine, other]
    assert ranked[1].over == ("latency_ms",)
    assert ranked[1].latency.basis == "measured (int8 on a phone, all, 50 runs)"
    assert ranked[0].latency == latency.estimate(counted[mine], CARD)


def test_table_says_what_delegates_leave_out():
    mine, other, *_ = NETS
    counted = {mine: [*rows(1), *rows(0, "UpSampling2D"), *rows(1)], other: rows(100 * LIMIT)}
    header, first, second = ranking.table(ranking.rank(counted, TRAINING, DESIGN, CARD, ()))
    best, last = (dict(zip(header, row, strict=True)) for row in (first, second))
    assert list(best.values())[:7] == [1, "yes", "mobilenet_v2", 0.35, "none", "96x64", ""]
    assert (best["XNNPACK"], best["NNAPI int8"]) == (2, 1)
    assert "upsample bilinearly" in best["outside"]
    assert (last["rank"], last["configured"], last["outside"]) == (2, "", "")
    assert last["over"] == "mmac latency_ms"


def test_a_cut_backbone_is_a_candidate_and_costs_less():
    cut = DESIGN.candidates.model_copy(
        update={"inputs_wh": (), "backbones": (("mobilenet_v2", 0.35, "backbone_5_0"),)}
    )
    whole, short = ranking.nets(DESIGN.model_copy(update={"candidates": cut}), TRAINING, 0)
    counted = ranking.count([whole, short])
    left_out = {row.name for row in counted[whole]} - {row.name for row in counted[short]}
    assert {"_".join(name.split("_")[:3]) for name in left_out} == {"backbone_5_1", "backbone_5_2"}
    ranked = ranking.rank(counted, TRAINING, DESIGN, CARD, ())
    assert ranked[0].totals.mmac > ranked[1].totals.mmac
    assert ranked[1].text == "mobilenet_v2 cut after backbone_5_0, width 0.35, at 96 x 64 px"


def test_a_net_without_values_counts_as_one_with(tiny_spec):
    assert ranking.count([tiny_spec]) == {tiny_spec: costs.count(net.build(tiny_spec, batch=1))}
