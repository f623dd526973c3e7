import pytest
from conftest import REPOSITORY
from dvc.repo import Repo

from flows import dag, pipeline, status

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
