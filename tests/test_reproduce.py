"""The same inputs, params and code give the same bytes, from `dvc repro` and from Prefect alike."""

import hashlib
from pathlib import Path

import pytest
from conftest import TINY, copy_of_repository, run, set_params

# reports/profile holds measured times, and the bundle and the report quote them.
COMPARED = ("data", "models/design", "models/trained", "models/converted", "reports/evaluate")


def digests(project: Path) -> dict[str, str]:
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in COMPARED
        for path in sorted((project / folder).rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
def test_prefect_and_dvc_give_the_same_bytes(finished, tmp_path):
    other = copy_of_repository(tmp_path / "other")
    set_params(other, TINY)
    run(other, "flows.pipeline")
    expected = digests(finished)
    assert len(expected) > 100
    assert digests(other) == expected
