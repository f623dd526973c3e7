from pathlib import Path

import pytest
import yaml

from pocketdet.config import Train
from pocketdet.errors import TrainingError
from pocketdet.training.schedule import Schedule, settings_for

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"


def phases(frozen=2, quantised=0):
    backbone = {"factors": {"backbone": 0.25}}
    first = {
        "name": "frozen",
        "epochs": frozen,
        "frozen": ["backbone"],
        "rate": 1.0,
        "quantise": False,
        **backbone,
    }
    main = {**first, "name": "unfrozen", "epochs": "rest", "frozen": ["backbone_stem"]}
    last = {**main, "name": "quantised", "epochs": quantised, "rate": 0.1, "quantise": True}
    return [first, main, last]


def schedule(epochs=10, **changes):
    fields = yaml.safe_load(PARAMS.read_text())["train"]
    fields |= {"epochs": epochs, "warmup_steps": 4, "learning_rate": 1.0, "ema": 0.9}
    return Schedule(Train(**{**fields, "phases": phases(**changes)}), 10)


def test_phases():
    s = schedule()
    assert (s.steps, s.float_steps) == (100, 100)
    assert [(p.phase.name, p.start, p.stop) for p in s.parts] == [
        ("frozen", 0, 20), ("unfrozen", 20, 100),
    ]  # fmt: skip
    names = [s.part(step).phase.name for step in (0, 19, 20, 99)]
    assert names == ["frozen"] * 2 + ["unfrozen"] * 2
    assert [p.phase.name for p in schedule(frozen=10).parts] == ["frozen"]


def test_what_learns_is_found_by_the_beginning_of_its_name():
    s = schedule()
    assert s.factors("neck_lateral_8/kernel") == (1.0, 1.0)
    assert s.factors("backbone_3_0_expand/kernel") == (0.0, 0.25)
    assert s.factors("backbone_stem/kernel") == (0.0, 0.0)


def test_a_phase_that_does_not_fit_the_net_is_refused():
    with pytest.raises(TrainingError, match=r"phases, frozen: no weight's name begins with 'backb"):
        schedule().check(["neck/kernel", "head/bias"])
    with pytest.raises(TrainingError, match=r"phases, frozen: nothing learns"):
        schedule().check(["backbone_stem/kernel"])


def test_the_rate_warms_up_and_falls_to_almost_nothing():
    rates = [schedule().learning_rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[4] > 0.99
    assert rates[50] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001


def test_rounding_comes_last_with_a_small_cosine_of_its_own():
    plain, s = schedule(), schedule(epochs=13, quantised=3)
    assert (s.float_steps, s.steps) == (100, 130)
    names = [s.part(step).phase.name for step in (99, 100, 129)]
    assert names == ["unfrozen", "quantised", "quantised"]
    assert [s.learning_rate(i) for i in range(100)] == [plain.learning_rate(i) for i in range(100)]
    assert s.learning_rate(100) == pytest.approx(0.1)
    assert s.learning_rate(115) == pytest.approx(0.05)
    assert s.rate(100, (0.0, 0.25, 0.25)) == pytest.approx(0.025)
    assert 0 < s.learning_rate(129) < 0.001


def test_the_backbone_waits_and_then_warms_up_to_its_share():
    s, backbone = schedule(), (0.0, 0.25)
    assert {s.rate(step, backbone) for step in range(20)} == {0.0}
    assert s.rate(20, backbone) == pytest.approx(0.25 * s.learning_rate(20) / 5)
    assert s.rate(24, backbone) == pytest.approx(0.25 * s.learning_rate(24))
    assert s.rate(80, backbone) == pytest.approx(0.25 * s.learning_rate(80))
    assert [s.age(step, backbone) for step in (0, 20, 25)] == [0, 0, 5]
    assert s.age(25, (1.0, 1.0)) == 25


def test_the_average_forgets_quickly_at_first():
    s = schedule()
    decays = [s.ema_decay(step) for step in range(100)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[99] == 0.9
    rounded = schedule(epochs=13, quantised=3)
    assert [rounded.ema_decay(step) for step in range(130)] == decays + decays[:30]


def test_a_backbone_from_scratch_is_never_frozen():
    settings = schedule(quantised=1).settings
    assert settings_for(settings, "imagenet") == settings
    thawed = Schedule(settings_for(settings, "none"), 10)
    assert [part.phase.name for part in thawed.parts] == ["unfrozen", "quantised"]
    assert thawed.factors("backbone_stem/kernel") == (0.25, 0.25)
    assert thawed.steps == 100
