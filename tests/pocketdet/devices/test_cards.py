from pathlib import Path

import pytest

from pocketdet.devices import cards
from pocketdet.errors import ParamsError


@pytest.mark.parametrize("name", cards.names())
def test_every_card_is_whole(name: str):
    card = cards.load(name)
    assert card.title
    assert 256 <= card.ram_mb.value <= 65536
    assert 1 <= card.int8_speedup.value <= 8


def test_the_talks_devices():
    phone, desktop = cards.load("talk_phone"), cards.load("talk_desktop")
    assert (phone.ram_mb.value, phone.gflops.value, phone.clock_mhz.value) == (1024, 150, 600)
    assert (desktop.ram_mb.value, desktop.gflops.value, desktop.clock_mhz.value) == (
        32768,
        4000,
        1500,
    )


def test_unknown_device_lists_those_there_are():
    with pytest.raises(ParamsError, match=r"'nokia' is none of .*talk_phone.* design\.device"):
        cards.load("nokia")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title: [", "bad.yaml"),
        ("title: A", "ram_mb"),
        ("title: A\nunit: abacus", "unit"),
        ("title: A\ngflops: {value: 5}", "source"),
        ("title: A\ngflops: {value: -5, source: x}", "greater than 0"),
    ],
)
def test_a_broken_card_is_named(tmp_path: Path, monkeypatch, text: str, complaint: str):
    (tmp_path / "bad.yaml").write_text(text)
    monkeypatch.setattr(cards, "FOLDER", tmp_path)
    with pytest.raises(ParamsError, match=complaint):
        cards.load("bad")
