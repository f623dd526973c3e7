"""`dvc repro` takes annotated photos in and gives a phone bundle out."""

import json
import shutil

from conftest import REPOSITORY, run


def test_bundle_and_report_are_there(finished):
    report = finished / "reports/report/index.html"
    assert "<html" in report.read_text()
    assert len(list((finished / "models/bundle").glob("*.zip"))) == 1


def test_metrics_are_numbers_that_dvc_reads(finished):
    shown = json.loads(run(finished, "dvc", "metrics", "show", "--json").stdout)
    metrics = next(iter(shown.values()))["data"]["reports/evaluate/metrics.json"]["data"]
    assert 0 <= metrics["test"]["AP50"] <= 1


def test_detect_needs_the_bundle_alone(finished, tmp_path):
    photo = sorted((finished / "data/raw/street_coco/images").iterdir())[0]
    bundle = next((finished / "models/bundle").glob("*.zip"))
    out = tmp_path / "found"
    done = run(
        tmp_path, "pocketdet", "detect", str(photo), "--bundle", str(bundle), "--out", str(out)
    )
    assert str(out) in done.stdout.replace("\n", "")
    assert (out / "detections.json").is_file()
    assert any(path.suffix in (".jpg", ".png") for path in out.iterdir())


def test_status_says_where_things_are(finished):
    shown = run(finished, "pocketdet", "status").stdout
    assert "up to date" in shown
    assert "index.html" in shown


def test_help_of_every_command():
    for command in ("run", "status", "import", "detect", "report", "track"):
        assert "Usage" in run(REPOSITORY, "pocketdet", command, "--help").stdout


def test_unknown_command_is_bad_usage():
    assert run(REPOSITORY, "pocketdet", "fly", ok=False).returncode == 2


def test_outside_a_project_the_command_says_so(tmp_path):
    done = run(tmp_path, "pocketdet", "status", ok=False)
    assert done.returncode == 1
    assert "no project here" in done.stderr


def test_own_data_with_other_names_is_explained(project):
    own = shutil.copytree(project / "data/raw/street_voc", project.parent / "photos")
    arguments = ["pocketdet", "import", str(own), "--format", "voc", "--name", "mine"]
    said = " ".join(run(project, *arguments, "--classes", "person").stdout.split())
    assert "what becomes of bicycle" in said
    assert "validate.mapping" in said
    assert "Next: dvc repro" in run(project, *arguments, "--others", "drop").stdout
    run(project, "dvc", "repro", "split")
    summary = json.loads((project / "data/subsets/subsets.json").read_text())
    assert set(summary) >= {"train", "val", "test"}
    assert "mine" in run(project, *arguments).stdout  # the same again changes nothing
    sorted((own / "Annotations").iterdir())[0].unlink()
    other = run(project, *arguments, ok=False)
    assert other.returncode == 1
    assert "another source of this name" in " ".join(other.stderr.split())
