import shutil
import sys
from pathlib import Path

import pytest
import yaml

from pocketdet import formats
from tasks import sample

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the smallest sample in its params."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    set_sample(tmp_path, images=12, size_wh=[120, 96])
    return tmp_path


def set_sample(project: Path, **values: object) -> None:
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["sample"] |= values
    path.write_text(yaml.safe_dump(params))


def run(monkeypatch: pytest.MonkeyPatch, source: str, out: str) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", "--source", source, "--out", out])
    sample.sample()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_writes_a_source_that_reads_back_the_same_twice(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    run(monkeypatch, "street_voc", "raw/street_voc")
    first = contents(project / "raw/street_voc")
    run(monkeypatch, "street_voc", "raw/street_voc")
    assert contents(project / "raw/street_voc") == first
    assert sorted(first) == sorted(
        f"{folder}/{number:06d}.{suffix}"
        for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml"))
        for number in range(1, 5)
    )
    assert len(formats.read("voc", project / "raw/street_voc").dataset) == 4
    assert "street_voc: 4 of 4 pictures" in capsys.readouterr().out
    assert [path.name for path in (project / "raw").iterdir()] == ["street_voc"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sources": ["street_coco"]}, "expected one of sample.sources"),
        ({"sources": ["street_pascal"]}, "sample.sources.0"),
        ({"sources": ["a_voc", "a_voc"]}, "each name once"),
        ({"images": 3}, "sample.images"),
    ],
)
def test_wrong_params_are_refused_and_nothing_is_written(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, object],
    message: str,
):
    set_sample(project, **values)
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, "street_voc", "raw/street_voc")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert not list((project / "raw").iterdir())
