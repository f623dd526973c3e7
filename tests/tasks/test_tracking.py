"""What MLflow holds after trainings and results, with the store there, away and back again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, environment
from PIL import Image as PIL
from servers import background, free_port, wait_for

from pocketdet.files import sha256
from tasks import params as params_file
from tasks import spool, tags, tracking
from tasks.store import Store, TrackingError, probe, tracking_uri

KEY = "a" * 64
PARAMS = params_file.load(REPOSITORY / "params.yaml")
INPUTS = {"shards": "5" * 64, "test": "7" * 64}


@pytest.fixture(scope="module")
def new_database(tmp_path_factory) -> Path:
    """An MLflow database without an experiment; making one takes seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def empty_project(tmp_path, monkeypatch) -> Path:
    """A project's folder to be in, with no settings of the user's."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "DVC_", "PREFECT_", "POCKETDET_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page").mkdir()
    (tmp_path / "page/index.html").write_text("<p>report</p>")
    (tmp_path / "weights").write_bytes(b"weights")
    return tmp_path


@pytest.fixture
def project(empty_project, new_database) -> Path:
    """The same, with a database that is set up."""
    shutil.copyfile(new_database, empty_project / "mlflow.db")
    return empty_project


def train(key=KEY, weights="weights", epochs=(1, 2, 3)):
    with tracking.training_run(key, PARAMS, INPUTS) as run:
        for epoch in epochs:
            run.epoch(epoch, {"loss": 1 / epoch, "val/AP50": epoch / 10})
        run.picture("predictions/last.jpg", PIL.new("RGB", (8, 8)))
        run.weights(Path(weights))


def result(ap=0.5, params=PARAMS, **tags):
    tracking.record_result(
        sha256(Path("weights")),
        params,
        INPUTS,
        {"test/AP": ap},
        {"report": Path("page")},
        tags,
    )


def runs():
    store = Store.open()
    return list(store.client.search_runs([store.experiment], order_by=["start_time ASC"]))


def history(run, name):
    points = Store.open().client.get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in points]


def test_training_and_result_share_a_run(project):
    train()
    result(budget="pass")
    (run,) = runs()
    assert run.info.status == "FINISHED"
    assert history(run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert run.data.metrics["test/AP"] == 0.5
    assert run.data.params["train.epochs"] == str(PARAMS.train.epochs)
    assert run.data.params["design.budget.mmac"] == str(PARAMS.design.budget.mmac)
    assert run.data.tags["budget"] == "pass"
    digests = {i.dataset.name: i.dataset for i in run.inputs.dataset_inputs}
    assert set(digests) == set(INPUTS)
    assert json.loads(digests["test"].source) == {"sha256": INPUTS["test"]}
    page = project / "mlartifacts" / run.info.run_id / "artifacts/report/index.html"
    assert page.read_text() == "<p>report</p>"
    assert (page.parents[1] / "predictions/last.jpg").stat().st_size > 100
    assert (project / "mlflow.db").exists()
    assert spool.waiting() == []


def test_every_key_of_params_is_recorded():
    flat = params_file.flatten(PARAMS)
    raw = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    assert {key.partition(".")[0] for key in flat} == set(raw)
    assert flat["validate.sources.street_coco.format"] == "coco"


def test_same_result_again_is_recorded_once(project):
    train()
    result()
    result()
    (run,) = runs()
    assert len(history(run, "test/AP")) == 1


def test_another_result_of_the_same_weights_is_a_new_run_and_overwrites_nothing(project):
    train()
    result(0.5)
    result(0.6)
    first, second = runs()
    assert (first.data.metrics["test/AP"], second.data.metrics["test/AP"]) == (0.5, 0.6)
    assert second.data.tags["pocketdet.training_run"] == first.info.run_id
    assert second.data.tags["mlflow.parentRunId"] == first.info.run_id
    assert "loss" not in second.data.metrics


def test_result_with_edited_params_does_not_pose_as_the_trainings(project):
    train()
    edited = PARAMS.evaluate.model_copy(update={"nms_iou": 0.123})
    result(params=PARAMS.model_copy(update={"evaluate": edited}))
    first, second = runs()
    assert first.data.params["evaluate.nms_iou"] == str(PARAMS.evaluate.nms_iou)
    assert second.data.params["evaluate.nms_iou"] == "0.123"
    assert second.data.tags["pocketdet.training_run"] == first.info.run_id


def test_result_of_unknown_weights_stands_alone(project):
    result()
    (run,) = runs()
    assert "pocketdet.training_run" not in run.data.tags


def test_same_training_again_is_recorded_once(project):
    train()
    train()
    (run,) = runs()
    assert history(run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]


def test_same_training_with_other_weights_is_told_apart(project):
    train()
    Path("other").write_bytes(b"other")
    train(weights="other")
    assert len(runs()) == 2


def test_training_that_broke_off_carries_on_in_its_run(project):
    def broken_training() -> None:
        with tracking.training_run(KEY, PARAMS, INPUTS) as run:
            run.epoch(1, {"loss": 1.0})
            run.epoch(2, {"loss": 0.5})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_training()
    (broken,) = runs()
    assert broken.info.status == "FAILED"
    train(epochs=(2, 3))  # from a checkpoint after epoch 1
    (whole,) = runs()
    assert whole.info.run_id == broken.info.run_id
    assert whole.info.status == "FINISHED"
    assert [step for step, _ in history(whole, "loss")] == [1, 2, 3]


def test_training_is_live(project):
    with tracking.training_run(KEY, PARAMS, INPUTS) as run:
        run.epoch(1, {"loss": 1.0})
        (seen,) = runs()
        assert seen.info.status == "RUNNING"
        assert seen.data.metrics == {"loss": 1.0}
        run.weights(Path("weights"))


def test_run_of_a_file_is_known_without_mlflow(project):
    train()
    assert spool.run_of(Path("page/index.html")) is None
    result()
    link = spool.run_of(Path("page/index.html"))
    assert link.run == runs()[0].info.run_id
    Path("page/index.html").write_text("another")
    assert spool.run_of(Path("page/index.html")) is None


def test_commit_lock_and_flow_run_are_tags(project, monkeypatch):
    for command in ("init -q", "add dvc.yaml", "commit -q -m x"):
        (project / "dvc.yaml").write_text(
            "stages: {split: {cmd: a}, train: {cmd: b}, late: {cmd: c}}"
        )
        who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", *who, *command.split()], check=True)
    lock = {"stages": {"split@one": {"outs": 1}, "train": {"outs": 2}, "late": {"outs": 3}}}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    monkeypatch.setenv("DVC_STAGE", "train")
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "the-flow-run")
    found = tags.origin()
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert found["mlflow.source.git.commit"] == head.stdout.strip()
    assert found["git.dirty"] == "false"
    assert found["prefect.flow_run_id"] == "the-flow-run"
    # What comes later in dvc.yaml, and the running stage itself, are of an earlier run.
    assert [tag for tag in found if tag.startswith("dvc.lock.")] == ["dvc.lock.split.one"]


def test_experiment_that_dvc_runs_in_a_copy_records_in_the_original(project, monkeypatch):
    copy = project / ".dvc/tmp/exps/standalone/tmp1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert tracking_uri() == f"sqlite:///{project}/mlflow.db"
    assert spool.state() == project / ".pocketdet"


def test_unreachable_server_is_said_once_and_the_record_kept(project, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    train()
    said = capsys.readouterr().out
    assert said.count("is not reachable") == 2  # at the start and at the end
    assert "`pocketdet track sync` uploads it later" in said
    result()
    assert [record.kind for record in spool.waiting()] == ["training", "result"]
    Path("page/index.html").write_text("changed since")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    tracking.sync()
    tracking.sync()
    (run,) = runs()
    assert history(run, "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    page = project / "mlartifacts" / run.info.run_id / "artifacts/report/index.html"
    assert page.read_text() == "<p>report</p>"
    assert spool.waiting() == []


def test_sync_repeats_an_upload_that_broke_off(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    train()
    result()
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    store = Store.open()

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for method in ("log_inputs", "log_artifacts"):
        with monkeypatch.context() as patch:
            patch.setattr(type(store.client), method, broken)
            with pytest.raises(TrackingError, match="No space left"):
                tracking.sync()
    tracking.sync()
    (run,) = runs()
    assert run.data.tags["pocketdet.recorded"] == "true"
    assert len(history(run, "test/AP")) == 1
    assert len(history(run, "loss")) == 3


def test_sync_keeps_a_training_that_has_not_finished(project, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with tracking.training_run(KEY, PARAMS, INPUTS) as run:
        run.epoch(1, {"loss": 1.0})
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        tracking.sync()
        assert "1 training(s) not finished yet" in capsys.readouterr().out
        assert len(spool.waiting()) == 1
        run.weights(Path("weights"))


def test_sync_without_a_store_fails_in_one_line(project, monkeypatch):
    env = {**environment(), "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    env["PYTHONPATH"] = str(REPOSITORY)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", env["MLFLOW_TRACKING_URI"])
    result()
    done = subprocess.run(
        [sys.executable, "-m", "tasks.tracking", "sync"],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "is not reachable" in done.stderr
    assert "Traceback" not in done.stderr


def test_line_cut_by_a_kill_is_dropped(project):
    record = spool.Record("training", KEY, 1, {}, {}, {}).save()
    record.add_epoch(1, {"loss": 1.0})
    with (record.folder / "epochs.jsonl").open("a") as file:
        file.write('{"epoch": 2, "ms": 5, "met')
    assert [epoch for epoch, _, _ in record.epochs()] == [1]
    record.add_epoch(2, {"loss": 0.5})
    assert [epoch for epoch, _, _ in record.epochs()] == [1, 2]


COLD_START = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tasks import params, tracking
loaded = params.load(Path(sys.argv[1]) / "params.yaml")
Path(sys.argv[2]).write_text(sys.argv[2])
with tracking.training_run(sys.argv[2] * 64, loaded, {}) as run:
    run.epoch(1, {"loss": 1.0})
    run.weights(Path(sys.argv[2]))
"""


def test_two_processes_on_a_new_database_both_record(empty_project):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COLD_START, str(REPOSITORY), name],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    said = [process.communicate()[0] for process in processes]
    assert all("MLflow: training in run" in text for text in said), said
    assert len(runs()) == 2


def test_server_that_dies_during_training_and_comes_back(project, monkeypatch, capsys):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    store = project / "server"
    store.mkdir()
    shutil.copyfile(project / "mlflow.db", store / "mlflow.db")
    command = (
        "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{store / 'mlflow.db'}",
        "--artifacts-destination", str(store / "artifacts"),
    )  # fmt: skip
    env = {
        **environment(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # three processes less
    }
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)

    def up() -> bool:
        try:
            probe(uri)
        except TrackingError:
            return False
        return True

    def explain() -> str:
        return (store / "log").read_text()[-2000:]

    with background(*command, cwd=store, env=env, log=store / "log") as server:
        wait_for(up, 90, explain)
        with tracking.training_run(KEY, PARAMS, INPUTS) as run:
            run.epoch(1, {"loss": 1.0})
            assert len(runs()) == 1
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            capsys.readouterr()
            run.epoch(2, {"loss": 0.5})
            run.epoch(3, {"loss": 0.25})
            assert capsys.readouterr().out.count("the record is kept") == 1
            run.weights(Path("weights"))
        result()
    with background(*command, cwd=store, env=env, log=store / "log"):
        wait_for(up, 90, explain)
        tracking.sync()
        (whole,) = runs()
        assert whole.info.status == "FINISHED"
        assert history(whole, "loss") == [(1, 1.0), (2, 0.5), (3, 0.25)]
        assert spool.run_of(Path("page/index.html")).url.startswith(f"{uri}/#/experiments/")
        artifacts = Store.open().client.list_artifacts(whole.info.run_id, "report")
        assert [file.path for file in artifacts] == ["report/index.html"]


def test_fiftyone_imports_after_mlflow():
    """Without the bound on importlib-metadata it raises KeyError: 'author'."""
    code = textwrap.dedent("""
        import importlib.metadata, mlflow
        from fiftyone import constants
        print(constants.AUTHOR)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(), "FIFTYONE_DO_NOT_TRACK": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
