"""One way of scoring for the trained net and every file made of it."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PIL
from typer.testing import CliRunner

from pocketdet import cli
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import ParamsError, WeightsError

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def project(tiny_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose net is the tiny one; its test subset has four of the pictures."""
    (tmp_path / "dvc.yaml").write_text((REPOSITORY / "dvc.yaml").read_text())
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["evaluate"] |= {"resamples": 20, "slices": {"left": "x < 0.5"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "models").mkdir()
    for name in ("design", "trained"):
        (tmp_path / "models" / name).symlink_to(tiny_trained / name)
    (tmp_path / "data/dataset").mkdir(parents=True)
    (tmp_path / "data/subsets").mkdir()
    (tmp_path / "data/raw").symlink_to(tiny_trained / "raw")
    images = []
    for path in sorted((tiny_trained / "raw").iterdir())[:4]:
        with PIL.open(path) as picture:
            w, h = picture.size
        boxes = (Box("person", (0, 0, w / 2, h)), Box("bicycle", (w / 2, h / 2, w, h)))
        images.append(Image(path.name, (w, h), boxes))
    Dataset(("person", "bicycle"), tuple(images)).save(tmp_path / "data/dataset/dataset.json")
    names = "".join(f"{image.path}\n" for image in images)
    (tmp_path / "data/subsets/test.txt").write_text(names)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluate(*arguments: str) -> dict[str, dict]:
    """Rows of the classes, by name, as the command's JSON has them."""
    words = ["evaluate", "--subset", "test", "--json", "out.json", *arguments]
    done = CliRunner().invoke(cli.app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "All numbers are in out.json" in done.output
    found = json.loads(Path("out.json").read_text())
    assert [row["slice"] for row in found["slices"]] == ["test", "left"]
    return {row["class"]: row for row in found["per_class"]}


def test_net_and_files_are_scored_alike(project, tiny_converted: Path) -> None:
    net = evaluate()
    assert net["person"]["objects"] == 4
    for name in ("fp32.tflite", "detector.onnx"):
        other = evaluate("--file", str(tiny_converted / name))
        assert other["(all)"]["AP"] == pytest.approx(net["(all)"]["AP"], abs=0.01), name
    weights = project / "models/trained/weights.safetensors"
    assert evaluate("--weights", str(weights)) == net


def test_point_of_the_contract_beside_a_file_is_used(project, tiny_converted: Path) -> None:
    contract = json.loads((tiny_converted / "contract.json").read_text())
    threshold = contract["operating_point"]["score_min"]
    rows = evaluate("--file", str(tiny_converted / "int8.tflite"))
    assert rows["(all)"]["threshold"] == threshold


def test_wrong_weights_are_named_by_their_own_path(project, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, other)
    words = ["evaluate", "--subset", "test", "--weights", str(other)]
    done = CliRunner().invoke(cli.app, words)
    assert isinstance(done.exception, WeightsError)
    assert str(done.exception).startswith(f"{other}: weights of another net")


def test_params_are_read_before_the_subset_is_looked_for(project) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("resamples:", "resample:"))
    done = CliRunner().invoke(cli.app, ["evaluate", "--subset", "night"])
    assert isinstance(done.exception, ParamsError)


def test_other_classes_and_an_unknown_subset_are_refused(project, tiny_converted: Path) -> None:
    words = ["evaluate", "--file", str(tiny_converted / "fp32.tflite")]
    done = CliRunner().invoke(cli.app, [*words, "--subset", "night"])
    assert done.exit_code == 2
    assert "test" in done.output
    path = project / "data/dataset/dataset.json"
    Dataset(("cat",), Dataset.load(path).images[:0]).save(path)
    (project / "data/subsets/test.txt").write_text("")
    done = CliRunner().invoke(cli.app, [*words, "--subset", "test"])
    assert "the data set is about cat" in str(done.exception)
