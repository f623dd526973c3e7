import pytest
from typer.testing import CliRunner

from pocketdet import project
from pocketdet.cli import app
from pocketdet.config import Evaluate
from pocketdet.errors import ParamsError


@pytest.fixture
def broken(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("seed: [")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_section_of_a_broken_file(broken):
    with pytest.raises(ParamsError, match=r"params\.yaml: not YAML"):
        project.section(broken, "evaluate", Evaluate)


def test_import_into_a_broken_project_copies_nothing(broken):
    done = CliRunner().invoke(app, ["import", "photos", "--name", "mine", "--format", "coco"])
    assert isinstance(done.exception, ParamsError)
    assert sorted(path.name for path in broken.iterdir()) == ["dvc.yaml", "params.yaml"]


def test_a_module_that_fails_says_why_on_either_stream(tmp_path):
    (tmp_path / "talker.py").write_text("print('no disk')\nraise SystemExit(3)\n")
    with pytest.raises(project.ProjectError, match="talker now: no disk"):
        project.output(tmp_path, "talker", "now")


@pytest.mark.parametrize("text", ["stages: [", "3", "vars: 3", "stages: {evaluate: 3}", "a: \xff"])
def test_a_broken_dvc_yaml_is_named_with_the_remedy(tmp_path, text):
    (tmp_path / "dvc.yaml").write_bytes(text.encode("latin-1"))
    with pytest.raises(project.ProjectError, match=r"(?s)dvc\.yaml: .* git checkout dvc"):
        project.option(tmp_path, "evaluate", "raw")
