from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pocketdet.config import Budget
from pocketdet.design import budget
from pocketdet.design.costs import Totals
from pocketdet.design.latency import Latency
from pocketdet.devices import cards

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
BUDGET = Budget.model_validate(yaml.safe_load(PARAMS.read_text())["design"]["budget"])
FITS = Totals(BUDGET.mmac, 10, BUDGET.model_mb, BUDGET.peak_mb, "stem")
TIME = Latency(BUDGET.latency_ms, 1, 1000, ())
PHONE = cards.load("talk_phone")


def test_exactly_the_limit_is_within():
    lines = budget.check(FITS, TIME, BUDGET, PHONE)
    assert all(line.within for line in lines)
    assert budget.verdict(lines) == budget.WITHIN


@pytest.mark.parametrize("name", ["mmac", "model_mb", "peak_mb"])
def test_any_line_over_is_over(name: str):
    larger = replace(FITS, **{name: getattr(BUDGET, name) * 1.001})
    lines = budget.check(larger, TIME, BUDGET, PHONE)
    assert [line.name for line in lines if not line.within] == [name]
    assert budget.verdict(lines) == budget.OVER


def test_too_slow_is_over():
    slow = Latency(BUDGET.latency_ms + 0.1, 1, 1000, ())
    assert budget.verdict(budget.check(FITS, slow, BUDGET, PHONE)) == budget.OVER


def test_the_devices_memory_is_a_limit_too():
    huge = Totals(1, 10, 900, 200, "stem")
    generous = BUDGET.model_copy(update={"model_mb": 1e6, "peak_mb": 1e6})
    lines = budget.check(huge, TIME, generous, PHONE)
    assert [line.name for line in lines if not line.within] == ["ram_mb"]
