"""The flow against a real server: what runs, what is Cached, what is red, what is left behind."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, environment, git

from flows import dag
from flows.pipeline import main, pipeline
from pocketdet.errors import ParamsError

# Of DVC, about a package that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")

SOURCE = "data/raw/photos.dvc"
ALL = [SOURCE, "split", "analyse", "train", "evaluate", "package"]


def run(*arguments, **named):
    """(state, {stage: status}) of a run of the flow."""
    state = pipeline(*arguments, **named, return_state=True)
    account = state.result(raise_on_failure=False)
    if isinstance(account, Exception):
        return state, account
    return state, {outcome.stage: outcome.status for outcome in account.outcomes}


def only(statuses, *ran, status="Ran"):
    """Whether exactly these stages have a status and all others are Cached."""
    return statuses == {stage: status if stage in ran else "Cached" for stage in ALL}


def test_stages_are_those_of_dvc_yaml_in_an_order_in_which_they_can_run():
    real = {node.name.partition("@")[0] for node in dag.nodes(REPOSITORY)}
    assert set(dag.stages(REPOSITORY)) == {n for n in real if not n.endswith(".dvc")}
    place = {name: number for number, name in enumerate(dag.stages(REPOSITORY))}
    for node in dag.nodes(REPOSITORY):  # tasks.tags takes the order of lines for one of running
        after = [place[need.partition("@")[0]] for need in node.needs if not need.endswith(".dvc")]
        assert node.is_source or max(after, default=-1) < place[node.name.partition("@")[0]]
    form = pipeline.parameters.model_dump()["properties"]["stages"]
    assert form["items"]["enum"] == dag.stages(REPOSITORY)


def test_nothing_changed_is_cached_everywhere(in_toy, prefect_server):
    state, statuses = run()
    assert state.name == "Cached"
    assert only(statuses)
    tasks = prefect_server.call(
        "task_runs/filter",
        {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}},
    )
    assert sorted(task["name"] for task in tasks) == sorted(ALL)
    assert {task["state_name"] for task in tasks} == {"Cached"}
    assert in_toy.status() == ""


def test_edited_param_runs_its_stage_and_what_follows(in_toy):
    in_toy.params(evaluate__nms_iou=0.7)
    state, statuses = run()
    assert (state.type, state.name) == ("COMPLETED", "Completed")
    assert only(statuses, "evaluate", "package")


def test_edited_helper_stops_where_the_output_is_the_same(in_toy):
    in_toy.edit("toy/words.py", "def shout(text):\n    return str(text).upper()\n")
    assert only(run()[1], "split")


def test_edited_input_runs_what_reads_it_and_what_follows(in_toy):
    in_toy.edit("data/raw/photos/a.txt", "a dog")
    # Not evaluate: the weights do not depend on the photo in this project.
    assert only(run()[1], SOURCE, "split", "analyse", "train", "package")


def test_deleted_output_and_source_come_back_without_running(in_toy):
    shutil.rmtree("trained")
    shutil.rmtree("data/raw/photos")
    statuses = run()[1]
    assert only(statuses, SOURCE, "train", status="Restored")
    assert Path("trained/weights.safetensors").exists()
    assert Path("data/raw/photos/a.txt").exists()


def test_target_takes_what_it_needs_and_no_more(in_toy):
    in_toy.params(train__epochs=3, evaluate__nms_iou=0.7)
    statuses = run(stages=["train"])[1]
    assert statuses == {SOURCE: "Cached", "split": "Cached", "train": "Ran"}


def test_failed_stage_is_red_with_its_error_and_stops_only_what_follows(in_toy, prefect_server):
    in_toy.edit("toy/train.py", "import sys\nprint('so far')\nsys.exit('no such net: x')\n")
    in_toy.edit("toy/analyse.py", STAGE_THAT_CHANGES)
    state, statuses = run()
    assert state.is_failed()
    assert statuses == {
        SOURCE: "Cached", "split": "Cached", "analyse": "Ran",
        "train": "Failed", "evaluate": "Not run", "package": "Not run",
    }  # fmt: skip
    assert "so far\nno such net: x" in state.message
    tasks = prefect_server.call(
        "task_runs/filter",
        {"flow_runs": {"id": {"any_": [str(state.state_details.flow_run_id)]}}},
    )
    (train,) = [task for task in tasks if task["name"] == "train"]
    assert train["state_type"] == "FAILED"
    assert train["run_count"] == 1  # a stage that is wrong is not tried again
    assert "train failed with exit status 1:\nso far\nno such net: x" in train["state"]["message"]
    assert "package" not in [t["name"] for t in tasks if t["state_type"] == "COMPLETED"]


STAGE_THAT_CHANGES = "from pathlib import Path\n\nPath('analysis.txt').write_text('new')\n"
KILLED_ONCE = """\
    import os, signal
    from pathlib import Path

    mark = Path("killed-once")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    Path("analysis.txt").write_text("second attempt")
"""


def test_stage_that_was_killed_is_tried_again(in_toy):
    in_toy.edit("toy/analyse.py", KILLED_ONCE)
    assert only(run()[1], "analyse", "package")
    assert Path("analysis.txt").read_text() == "second attempt"


def test_overrides_run_in_a_clean_clone_and_come_back_as_a_branch(in_toy, capsys):
    in_toy.edit("toy/words.py", "uncommitted = nonsense")  # must not reach the run
    before = in_toy.status()
    assert main(["--set", "train.epochs=3", "--set", "evaluate.nms_iou=0.25"]) == 0
    out = capsys.readouterr().out
    (branch,) = in_toy.branches()
    assert f"git checkout {branch}" in out
    diff = git(in_toy.root, "diff", "--stat", "HEAD", branch)
    assert "params.yaml" in diff
    assert "dvc.lock" in diff
    assert "2 files" in diff
    shown = git(in_toy.root, "show", f"{branch}:params.yaml")
    assert "epochs: 3" in shown
    assert "nms_iou: 0.25" in shown
    assert in_toy.status() == before
    assert "epochs: 2" in Path("params.yaml").read_text()
    # Its results are in the shared cache: the branch needs no run.
    git(in_toy.root, "checkout", "--force", branch)
    assert only(run()[1], "train", "evaluate", "package", status="Restored")
    assert json.loads(Path("scores/metrics.json").read_text()) == {"test": {"AP": 0.25}}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epohs=3", "train.epohs: 3: unknown key; one of batch"),
        ("train.epochs=many", "train.epochs: 'many'"),
        ("trian.epochs=3", "expected KEY=VALUE, as train.epochs=3"),
    ],
)
def test_wrong_override_is_refused_before_anything_runs(in_toy, override, message):
    state, error = run([override])
    assert state.is_failed()
    assert isinstance(error, ParamsError)
    assert message in state.message
    assert in_toy.branches() == []


def test_params_of_a_stage_that_would_not_run_are_checked(in_toy):
    in_toy.params(train__batch=0)
    state, error = run()
    assert state.is_failed()
    assert isinstance(error, ParamsError)
    assert "train.batch" in state.message


def test_source_that_is_nowhere_is_named_with_the_remedy(in_toy):
    shutil.rmtree("data/raw/photos")
    shutil.rmtree(".dvc/cache")
    state, statuses = run()
    assert statuses[SOURCE] == "Failed"
    assert "dvc remote add --default" in state.message


def test_exit_status(in_toy, capsys):
    assert main(["--stage", "splitt"]) == 2
    assert main(["--set", "train.epohs=1"]) == 2
    assert "params.yaml, as committed: 1 wrong" in capsys.readouterr().err
    assert not (Path(".pocketdet/clones")).exists(), "refused before anything is cloned"
    in_toy.edit("toy/split.py", "raise SystemExit('broken')")
    assert main([]) == 1
    assert "broken" in capsys.readouterr().out


def test_artifact_has_states_seconds_and_places(in_toy, prefect_server):
    in_toy.params(evaluate__nms_iou=0.7)
    state, _ = run()
    (artifact,) = prefect_server.call(
        "artifacts/filter",
        {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}},
    )
    text = artifact["data"]
    assert artifact["type"] == "markdown"
    assert "| train | Cached | 0" in text
    assert "| evaluate | Ran |" in text
    assert (in_toy.root / "page/index.html").as_uri() in text
    assert str(in_toy.root / "bundle/toy.zip") in text


@pytest.mark.slow
def test_without_a_server_one_is_started_for_the_run(toy, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "flows.pipeline"],
        cwd=toy.root,
        env={**environment(), "PREFECT_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Cached") == len(ALL)
