from pathlib import Path

import pytest
import yaml

from pocketdet.config import Train
from pocketdet.training.schedule import Schedule, settings_for

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"


def schedule(**changes):
    fields = yaml.safe_load(PARAMS.read_text())["train"]
    fields |= {"epochs": 10, "frozen_epochs": 2, "warmup_steps": 4, "learning_rate": 1.0}
    return Schedule(Train(**{**fields, "backbone_factor": 0.25, "ema": 0.9, **changes}), 10)


def test_phases():
    s = schedule()
    assert (s.steps, s.frozen_steps) == (100, 20)
    assert [s.phase(step) for step in (0, 19, 20, 99)] == ["frozen"] * 2 + ["unfrozen"] * 2
    assert schedule(frozen_epochs=10).frozen_steps == 100


def test_the_rate_warms_up_and_falls_to_almost_nothing():
    rates = [schedule().learning_rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[:5] == sorted(rates[:5])
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[4] > 0.99
    assert rates[50] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001


def test_the_backbone_waits_and_then_warms_up_to_its_share():
    s = schedule()
    assert {s.backbone_rate(step) for step in range(20)} == {0.0}
    assert s.backbone_rate(20) == pytest.approx(0.25 * s.learning_rate(20) / 5)
    assert s.backbone_rate(24) == pytest.approx(0.25 * s.learning_rate(24))
    assert s.backbone_rate(80) == pytest.approx(0.25 * s.learning_rate(80))


def test_the_average_forgets_quickly_at_first():
    s = schedule()
    decays = [s.ema_decay(step) for step in range(100)]
    assert decays[0] == pytest.approx(0.1)
    assert decays == sorted(decays)
    assert decays[99] == 0.9


def test_a_backbone_from_scratch_is_never_frozen():
    settings = schedule().settings
    thawed = settings_for(settings, "none")
    assert (thawed.frozen_epochs, thawed.frozen_stages) == (0, 0)
    assert settings_for(settings, "imagenet") == settings
