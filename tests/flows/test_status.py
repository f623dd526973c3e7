import pytest
from conftest import REPOSITORY

from flows import pipeline, status

# Of DVC, about a package that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


@pytest.mark.parametrize("command", [status.main, lambda: pipeline.main([])])
@pytest.mark.parametrize(
    ("old", "new", "says"), [("seed: 0", "seed: [", "not YAML"), ("batch:", "bacth:", "bacth")]
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
