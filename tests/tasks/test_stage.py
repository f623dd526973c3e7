import os
import sys
from pathlib import Path

import pytest

from pocketdet.errors import DatasetError
from tasks.stage import stage


@pytest.fixture(autouse=True)
def in_a_project(tmp_path, monkeypatch):
    repository = Path(__file__).resolve().parents[2]
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stage", "--given", "in", "--made", "deep/out"])


def test_outputs_appear_whole_and_replace_old_ones():
    old = Path("deep/out")
    old.mkdir(parents=True)
    (old / "stale").touch()

    @stage(outs=("made",))
    def work(params, given, made):
        assert given == Path("in")
        made.mkdir()
        (made / "fresh").write_text(str(params.seed))

    work()
    assert [p.name for p in old.iterdir()] == ["fresh"]
    assert [p.name for p in old.parent.iterdir()] == ["out"]


def test_a_failure_leaves_the_old_output_and_no_litter(capsys):
    Path("deep").mkdir()
    Path("deep/out").write_text("old")

    @stage(outs=("made",))
    def work(params, given, made):
        made.write_text("half")
        raise DatasetError("a.xml: object 3: what to do")

    with pytest.raises(SystemExit) as stop:
        work()
    assert stop.value.code == 1
    assert "work: a.xml: object 3: what to do" in capsys.readouterr().err
    assert Path("deep/out").read_text() == "old"
    assert [p.name for p in Path("deep").iterdir()] == ["out"]


def test_wrong_params_exit_with_2_before_any_work(capsys):
    Path("params.yaml").write_text("seed: -1")

    @stage(outs=("made",))
    def work(params, given, made):
        made.write_text("never")

    with pytest.raises(SystemExit) as stop:
        work()
    assert stop.value.code == 2
    assert "seed: -1" in capsys.readouterr().err
    assert not Path("deep/out").exists()


def test_a_bug_keeps_its_traceback():
    @stage(outs=("made",))
    def work(params, given, made):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()


@pytest.mark.parametrize("any_backend", [True, False])
def test_keras_backend_counts_only_where_any_will_do(monkeypatch, any_backend):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    found = []

    @stage(outs=("made",), any_backend=any_backend)
    def work(params, given, made):
        found.append(os.environ["KERAS_BACKEND"])
        made.mkdir()

    work()
    assert found == ["jax" if any_backend else "tensorflow"]
