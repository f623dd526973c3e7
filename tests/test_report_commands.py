"""`pocketdet report` and `pocketdet compare` in a project that has run."""

from pathlib import Path

from conftest import git, run


def test_report_names_the_run_and_the_commit_and_links_them_in_a_copy(
    finished: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "report.html"
    said = run(finished, "pocketdet", "report", "--out", str(copy)).stdout
    assert str(copy) in said
    start = git(finished, "rev-list", "--max-parents=0", "HEAD").strip()
    assert f"commit: {start}" in said, "the commit that the run started from"
    assert "MLflow run: " in said
    text = copy.read_text()
    assert start in text
    page = (finished / "reports/report/index.html").read_text()
    assert start not in page, "what differs from run to run is in no output of a stage"


def test_revision_is_compared_with_a_folder(finished: Path, tmp_path: Path) -> None:
    page = tmp_path / "comparison.html"
    words = ("compare", "HEAD", str(finished), "--out", str(page), "--resamples", "20")
    said = run(finished, "pocketdet", *words).stdout
    assert "UNDECIDED: AP differs by +0.00 points" in said.replace("\n", " ")
    assert "params.yaml is the same in both" in page.read_text()
    wrong = run(finished, "pocketdet", "compare", "nowhere", "HEAD", ok=False)
    assert wrong.returncode == 1
    assert "nowhere: neither a folder nor a revision" in wrong.stderr
