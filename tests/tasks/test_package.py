import sys
from pathlib import Path

import pytest
import yaml
from stage_results import make

from pocketdet.delivery import bundle
from tasks import package as task

REPOSITORY = Path(__file__).resolve().parents[2]
OPTIONS = {"subsets": "subsets", "design": "models/design", "trained": "models/trained",
           "point": "models/point.json", "converted": "models/converted", "reports": "reports",
           "bundle": "models/bundle", "page": "reports/report"}  # fmt: skip


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What was handed to MLflow, with the artifacts that existed then."""
    calls = []

    def record_result(weights, params, **rest):
        rest["existing"] = {name for name, path in rest["artifacts"].items() if path.exists()}
        calls.append(rest)

    monkeypatch.setattr(task.tracking, "record_result", record_result)
    return calls


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = make(tmp_path / "project")
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    params["design"]["budget"] = {"model_mb": 4.0, "mmac": 300, "peak_mb": 2.0, "latency_ms": 100}
    params["package"] = {"name": "street", "min_ap50": 0.5}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(root)
    words = [word for name, path in OPTIONS.items() for word in (f"--{name}", path)]
    monkeypatch.setattr(sys, "argv", ["package", *words])
    return root


def test_last_lines_say_verdict_report_and_bundle(project, recorded, capsys) -> None:
    task.package()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "PASS: street keeps 7 of 7 promises",
        "report: reports/report/index.html",
        "bundle: models/bundle/street.zip",
    ]
    assert (project / "reports/report/index.html").is_file()
    assert bundle.open(project / "models/bundle/street.zip").name == "street"
    assert bundle.open(project / "models/bundle/street").json("stats.json")["verdict"]


def test_broken_promise_is_loud_and_still_packed(project, recorded, capsys) -> None:
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["package"]["min_ap50"] = 0.99
    path.write_text(yaml.safe_dump(params))
    task.package()
    said = capsys.readouterr().out
    assert "FAIL: street keeps 6 of 7 promises" in said
    assert "FAIL     AP50 of person" in said
    assert bundle.open(project / "models/bundle/street.zip")
    assert recorded[0]["tags"] == {"verdict": "FAIL"}


def test_result_is_recorded_with_numbers_and_files_that_exist(project, recorded) -> None:
    task.package()
    (call,) = recorded
    assert call["inputs"]["test"] == "test" * 12
    assert call["metrics"]["test/person_AP50"] == pytest.approx(0.5, abs=0.01)
    assert all(isinstance(value, float) for value in call["metrics"].values())
    assert "test/_b__Fähre_AP" not in call["metrics"], "undefined numbers are left out"
    assert call["metrics"]["threshold/_b__Fähre"] == 0.9, "MLflow takes no < > & in a name"
    assert call["metrics"]["device/redmi_note_7/int8 cpu ms"] == 55.0
    assert call["inputs"]["test.small"] != call["inputs"]["test.nowhere"]
    assert call["existing"] == set(call["artifacts"])
    assert {"report", "bundle/street.zip", "sheet.jpg", "worst"} <= set(call["artifacts"])


def test_twice_gives_the_same_bytes(project, recorded) -> None:
    def contents() -> dict[Path, bytes]:
        roots = (project / "models/bundle", project / "reports/report")
        return {p: p.read_bytes() for root in roots for p in root.rglob("*") if p.is_file()}

    task.package()
    first = contents()
    task.package()
    assert contents() == first
    assert len(first) > 10
