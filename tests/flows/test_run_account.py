"""What a run came to, in words, tables and links."""

from dataclasses import replace
from pathlib import Path

import pytest

from flows.run_account import PICTURE_BYTES, RunAccount
from flows.walk import Outcome
from pocketdet.files import sha256
from tasks import spool

PIPELINE = """\
stages:
  evaluate: {cmd: evaluate --report scores}
  train: {cmd: train --report curves}
  package: {cmd: package --bundle bundle --page page}
"""


@pytest.fixture
def account(tmp_path, monkeypatch) -> RunAccount:
    monkeypatch.delenv("POCKETDET_STATE", raising=False)
    for name, text in {
        "dvc.yaml": PIPELINE,
        "params.yaml": "",
        "bundle/street.zip": "zip",
        "page/index.html": "page",
        "curves/loss.png": "a png",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    outcomes = (Outcome("train", "Cached", 0.04), Outcome("package", "Ran", 12.34))
    return RunAccount(tmp_path, tmp_path, outcomes)


def test_table_and_summary(account):
    assert account.summary() == "1 cached, 1 ran"
    text = account.markdown()
    assert "| train | Cached | 0.0 |\n| package | Ran | 12.3 |" in text


def test_links_to_report_bundle_and_mlflow(account, tmp_path):
    digest = sha256(tmp_path / "page/index.html")
    link = spool.RunLink("http://tracker:5000/", "7", "abc", {"report/index.html": digest})
    path = tmp_path / ".pocketdet/runs/key.json"
    path.parent.mkdir(parents=True)
    spool.write_json(path, link.__dict__)
    text = replace(account, branch="runs/a").markdown()
    page, bundle = tmp_path / "page/index.html", tmp_path / "bundle/street.zip"
    assert f"- report: [{page}]({page.as_uri()})" in text
    assert f"- bundle: [{bundle}]({bundle.as_uri()})" in text
    address = "http://tracker:5000/#/experiments/7/runs/abc"
    assert f"- MLflow run: [{address}]({address})" in text
    assert "`runs/a  (git checkout runs/a && dvc checkout)`" in text


def test_picture_travels_inside_and_detections_come_before_curves(account, tmp_path):
    assert "![loss.png](data:image/png;base64,YSBwbmc=)" in account.markdown()
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores/sheet.jpg").write_bytes(b"a jpeg")
    assert "![sheet.jpg](data:image/jpeg;base64," in account.markdown()
    (tmp_path / "scores/sheet.jpg").write_bytes(b"x" * (PICTURE_BYTES + 1))
    assert account.picture == tmp_path / "curves/loss.png"


def test_error_of_a_failed_stage_is_shown(account):
    failed = replace(account, outcomes=(Outcome("train", "Failed", 1, "no such net: x"),))
    assert "```\nno such net: x\n```" in failed.markdown()
    assert [outcome.stage for outcome in failed.failed] == ["train"]


def test_news_is_not_unchanged(account):
    cached = replace(account, outcomes=(Outcome("train", "Cached"),))
    assert cached.unchanged
    assert not replace(cached, news=("registered",)).unchanged
    assert not account.unchanged


def test_project_without_results_has_no_links(account, tmp_path):
    Path(tmp_path / "bundle/street.zip").unlink()
    Path(tmp_path / "page/index.html").unlink()
    assert account.places() == []
