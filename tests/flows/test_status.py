import sys
from contextlib import nullcontext

import pytest
from conftest import REPOSITORY
from dvc.repo import Repo

from flows import dag, pipeline, status
from pocketdet.analysis import mongo

# Of DVC, about a package that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


@pytest.mark.parametrize("command", [status.main, lambda: pipeline.main([])])
@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed: 0", "seed: [", "not YAML"),
        ("batch:", "bacth:", "bacth"),
        ("device: talk_phone", "device: nokia", "'nokia' is none of"),
    ],
)
def test_wrong_params_are_said_before_anything_else(
    tmp_path, monkeypatch, capsys, command, old, new, says
):
    text = (REPOSITORY / "params.yaml").read_text()
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new))
    monkeypatch.chdir(tmp_path)
    assert command() == 2
    assert "params.yaml" in (said := capsys.readouterr().err)
    assert says in said


def test_stages_come_in_the_pipelines_order(monkeypatch):
    with Repo(str(REPOSITORY)) as repo:
        monkeypatch.setattr(repo, "status", dict)
        names = [name for name, _ in status.stages(repo)]
    assert names == [node.name for node in dag.nodes(REPOSITORY)]


def test_it_says_whether_fiftyone_has_a_database_and_goes_on_without(monkeypatch, capsys):
    for name in ("Repo", "lock_repo"):
        monkeypatch.setattr(status, name, lambda *args, **options: nullcontext())
    monkeypatch.setattr(status, "stages", lambda repo: [])
    monkeypatch.setattr(mongo, "_bundled", lambda: None)
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv(mongo.VARIABLE, "mongodb://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "fiftyone", None)  # an import would fail
    assert status.main() == 0
    said = capsys.readouterr().out
    assert "FiftyOne: not run: no MongoDB answers at 127.0.0.1:1; make mongo" in said
    monkeypatch.setattr(mongo, "refuse_unreachable", lambda uri: None)
    assert status.main() == 0
    assert "FiftyOne: pocketdet explore" in capsys.readouterr().out
