"""The scheduled job: what is registered, who is champion, and nothing new is Cached."""

from dataclasses import replace

import pytest
from conftest import git

from flows.retrain import retrain, verdict
from tasks import registry
from tasks.registry import Version
from tasks.store import Store

pytestmark = [
    # Of DVC, about a package that it uses.
    pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning"),
]

RECORDING_PACKAGE = """\
    from pathlib import Path
    from pocketdet.files import sha256
    from tasks import params, tracking

    for folder in ("bundle", "page"):
        Path(folder).mkdir()
    Path("bundle/toy.zip").write_text(Path("scores/metrics.json").read_text())
    Path("page/index.html").write_text("<p>" + Path("scores/metrics.json").read_text())
    tracking.record_result(
        sha256(Path("trained/weights.safetensors")), params.load(), {"test": "0" * 64},
        {"test/AP": 0.5}, {"bundle": Path("bundle"), "report": Path("page")},
    )
"""
CHAMPION = Version("run1", 0.5, "subset", "bundle", "1")


def test_first_version_is_champion():
    assert verdict(CHAMPION, None) == (True, "there was none")


@pytest.mark.parametrize(("ap", "promoted"), [(0.4999, False), (0.5, True), (0.6, True)])
def test_champion_changes_if_ap_is_not_lower(ap, promoted):
    assert verdict(replace(CHAMPION, ap=ap, number="2"), CHAMPION)[0] is promoted


def test_another_test_subset_never_makes_a_champion():
    promoted, why = verdict(replace(CHAMPION, ap=0.9, test="other"), CHAMPION)
    assert not promoted
    assert "cannot be compared" in why


def run():
    state = retrain(return_state=True)
    return state, state.result(raise_on_failure=False)


def champion_ap(toy) -> tuple[str, float]:
    version = registry.champion(Store.open(), "street")
    assert version
    return version.number, version.ap


def test_champion_over_several_commits(in_toy):
    in_toy.edit("toy/package.py", RECORDING_PACKAGE)
    in_toy.params(evaluate__nms_iou=0.5)  # which this project reports as its AP
    in_toy.commit()
    untouched = in_toy.status()

    state, account = run()
    assert (state.type, state.name) == ("COMPLETED", "Completed"), state.message
    assert champion_ap(in_toy) == ("1", 0.5)
    assert account.mlflow_run is not None
    # The clone's results were committed on a branch and its records are the project's.
    assert in_toy.branches() == [account.branch]
    assert in_toy.status() == untouched
    assert (in_toy.root / "mlflow.db").exists()

    git(in_toy.root, "merge", "--quiet", account.branch)
    assert run()[0].name == "Cached"

    in_toy.params(evaluate__nms_iou=0.4)
    in_toy.commit()
    state, account = run()
    assert state.is_completed()
    assert account.news[0] == "registered as street version 2, AP 0.400 on test"
    assert account.news[1] == "not champion: AP 0.4000 < 0.5000 of version 1"
    assert champion_ap(in_toy) == ("1", 0.5)


def test_result_that_was_never_recorded_fails_with_the_remedy(in_toy):
    state, error = run()
    assert state.is_failed()
    assert "dvc repro --force --single-item package" in str(error)


def test_unreachable_mlflow_is_red_and_says_so(in_toy, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    state, _ = run()
    assert state.is_failed()
    assert "http://127.0.0.1:9 is not reachable" in state.message
