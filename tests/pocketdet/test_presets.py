import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pocketdet import presets
from pocketdet.cli import app
from pocketdet.config import Params
from pocketdet.errors import ParamsError

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(PARAMS, tmp_path / "params.yaml"))


@pytest.mark.parametrize("name", presets.presets())
def test_every_preset_changes_its_keys_and_nothing_else(path, name):
    text = path.read_text()
    expected = yaml.safe_load(text)
    for key, value in presets.presets()[name].items():
        section, last = key.split(".")
        assert last in expected[section]
        expected[section][last] = value
    assert len(presets.apply(path, name)) >= 3
    assert yaml.safe_load(path.read_text()) == expected
    assert comments(path.read_text()) == comments(text)
    Params.model_validate(expected)
    assert presets.apply(path, name) == []


def comments(text):
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]


def test_an_unknown_preset_lists_the_known_and_changes_nothing(path):
    with pytest.raises(ParamsError, match="no preset 'fast'; there are quick, thorough"):
        presets.apply(path, "fast")
    assert path.read_bytes() == PARAMS.read_bytes()


def test_what_would_be_wrong_is_not_written(path, monkeypatch):
    monkeypatch.setattr(presets, "presets", lambda: {"bad": {"train.epochs": 0}})
    with pytest.raises(ParamsError, match="not changed; with preset 'bad'"):
        presets.apply(path, "bad")
    assert path.read_bytes() == PARAMS.read_bytes()


def test_the_command_says_what_it_changed(path, monkeypatch):
    (path.parent / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(path.parent)
    said = CliRunner().invoke(app, ["preset", "quick"])
    assert said.exit_code == 0, said.output
    assert "train.epochs: 16 -> 5" in said.output
    assert said.output.splitlines()[-1] == "Next: dvc repro"
