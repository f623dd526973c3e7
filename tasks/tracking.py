"""MLflow: what a training and a result of the pipeline leave behind for people to compare.

Only two stages record, as importing MLflow takes seconds: `train`, live, and `package`, the result.

    with tracking.training_run(key, params, inputs={"shards": sha256, ...}) as run:
        run.epoch(1, {"loss": 3.2})
        run.weights(trained / "weights.safetensors")

    tracking.record_result(weights=sha256, params=params, inputs={"test": sha256, ...},
                           metrics={"test/AP50": 0.83}, artifacts={"report": folder, ...})

Runs are found by content hashes in their tags, so no output of a stage holds an id. Everything is
written to the spool (`tasks.spool`) first and uploaded from there; what could not be uploaded waits
for `python -m tasks.tracking sync`. MLFLOW_TRACKING_URI says where; otherwise it is `mlflow.db`
beside dvc.yaml.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pocketdet.config import Params
from pocketdet.errors import PocketdetError
from tasks import spool
from tasks.params import flatten
from tasks.stage import say
from tasks.tags import PARENT, RECORDED, RESULT, SOURCE, TRAINING, WEIGHTS, origin

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from PIL.Image import Image

EXPERIMENT = "pocketdet"


class TrackingError(PocketdetError):
    """The tracking store cannot be reached or refuses to answer."""


class TrainingRun:
    """A training that is being recorded."""

    def __init__(self, record: spool.Record, live: "tuple[Store, str] | None") -> None:
        """Made by `training_run`."""
        self._record = record
        self._live = live
        self._weights = ""

    def epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Record an epoch's metrics; they are on disk, and if possible in MLflow, on return."""
        time_ms = self._record.add_epoch(epoch, metrics)
        if time_ms is not None:
            self._send(lambda store, run: store.metrics(run, [(epoch, time_ms, dict(metrics))]))

    def picture(self, name: str, picture: "Image") -> None:
        """Keep an artifact of this name; it is uploaded now if possible, else at the end."""
        path = self._record.folder / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, quality=88)
        place = name.rpartition("/")[0]
        self._send(lambda store, run: store.client.log_artifact(run, str(path), place))

    def _send(self, action: "Callable[[Store, str], None]") -> None:
        if self._live:
            try:
                with answering():
                    action(*self._live)
            except TrackingError as error:
                _say_waiting(error)
                self._live = None

    def weights(self, path: Path) -> None:
        """Name the file of the trained weights; by its content the result finds this run."""
        self._weights = spool.sha256(path)


@contextmanager
def training_run(key: str, params: Params, inputs: Mapping[str, str]) -> Iterator[TrainingRun]:
    """Record a training while it runs.

    Args:
        key: Content hash of all that the training depends on. A training that is started again
            with the key of one that was killed carries on in the same MLflow run.
        params: All sections are recorded.
        inputs: Name of a data set or subset to its sha256.
    """
    record = spool.Record(
        "training", key, spool.now_ms(), flatten(params), dict(inputs), origin()
    ).save()
    store = _open_or_say()
    live = None
    if store:
        try:
            run_id = store.start_training(record)
            live = (store, run_id) if run_id else None
        except TrackingError as error:
            _say_waiting(error)
    run = TrainingRun(record, live)
    try:
        yield run
    except BaseException:
        run._send(lambda store, run_id: store.client.set_terminated(run_id, "FAILED"))
        raise
    if not run._weights:
        raise RuntimeError("training_run: call weights() before it ends")
    record.end(run._weights)
    _upload_or_say(record)


def record_result(
    weights: str,
    params: Params,
    inputs: Mapping[str, str],
    metrics: Mapping[str, float],
    artifacts: Mapping[str, Path],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Record a result of the whole pipeline.

    It goes to the run of the training that made these weights; if that has another result already,
    to a new run that refers to it. The same result again is recorded once.

    Args:
        weights: sha256 of the weights file.
        params: All sections are recorded.
        inputs: Name of a data set or subset to its sha256.
        metrics: Name to number; "/" groups them in MLflow.
        artifacts: Name in MLflow to a file or folder, such as {"report": folder}. The files must
            exist when this is called, and may change afterwards.
        tags: More to search by, see `tasks.tags.of_result`.
    """
    files = spool.hash_files(artifacts)
    flat = flatten(params)
    record = spool.Record(
        "result",
        spool.key_of(weights, flat, dict(metrics), files),
        spool.now_ms(),
        flat,
        dict(inputs),
        {**origin(), **(tags or {})},
        dict(metrics),
        weights,
        files,
    ).save(artifacts)
    _upload_or_say(record)


def sync() -> None:
    """Upload what waits in the spool, each record once.

    Raises:
        TrackingError: The store is not reachable; what is not uploaded stays.
    """
    records = spool.waiting()
    done = [record for record in records if record.kind == "result" or record.ended()]
    if len(done) < len(records):
        say(f"MLflow: {len(records) - len(done)} training(s) not finished yet, kept in the spool")
    if not done:
        say("MLflow: nothing waits for upload")
        return
    store = Store.open()
    for record in done:
        store.upload(record)


class Store:
    """An MLflow tracking and registry store that answers."""

    def __init__(self, client: "MlflowClient", experiment: str, uri: str) -> None:
        """Made by `open`."""
        self.client, self.experiment, self.uri = client, experiment, uri

    @classmethod
    def open(cls) -> "Store":
        """Connect, and make the database and the experiment if they are new.

        Raises:
            TrackingError: It does not answer.
        """
        uri = tracking_uri()
        _probe(uri)
        # Without these a server that went away stalls a stage for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        database = _database(uri)
        location = (database.parent / "mlartifacts").as_uri() if database else None
        # Two processes on a new database race its migration, and one dies.
        with answering(), spool.lock("mlflow"):
            client = MlflowClient(uri, uri)
            found = client.get_experiment_by_name(EXPERIMENT)
            experiment = found.experiment_id if found else None
            if experiment is None:
                experiment = client.create_experiment(EXPERIMENT, artifact_location=location)
        return cls(client, experiment, uri)

    def start_training(self, record: spool.Record) -> str | None:
        """The run to record into live; None if this very training has a finished run."""
        with answering(), spool.lock("mlflow"):
            runs = self.runs_with(TRAINING, record.key)
            unfinished = [r for r in runs if WEIGHTS not in r.data.tags]
            if runs and not unfinished:
                return None
            run_id = unfinished[0].info.run_id if unfinished else self._create(record)
            self.client.update_run(run_id, status="RUNNING")
            self._describe(run_id, record)
            self.metrics(run_id, record.epochs())
            return run_id

    def metrics(self, run_id: str, rows: Iterable[spool.Epoch]) -> None:
        """Log (step, milliseconds, metrics); the same row again changes nothing."""
        from mlflow.entities import Metric

        points = [
            Metric(name, float(value), time_ms, step)
            for step, time_ms, values in rows
            for name, value in values.items()
        ]
        with answering():
            for start in range(0, len(points), 900):
                self.client.log_batch(run_id, metrics=points[start : start + 900])

    def upload(self, record: spool.Record) -> None:
        """Bring a record into its run and forget it; safe to repeat after a break anywhere."""
        with answering(), spool.lock("mlflow"):
            if record.kind == "training":
                run_id = self._upload_training(record)
            else:
                run_id = self._upload_result(record)
        if record.files:
            spool.RunLink(self.uri, self.experiment, run_id, record.files).save(record.key)
        record.remove()
        say(f"MLflow: {record.kind} in run {run_id} of {self.uri}")

    def last_result(self, weights: str) -> str | None:
        """The id of the newest run with a result of these weights (sha256)."""
        with answering():
            runs = [r for r in self.runs_with(WEIGHTS, weights) if RECORDED in r.data.tags]
        return str(runs[-1].info.run_id) if runs else None

    def tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run."""
        with answering():
            return dict(self.client.get_run(run_id).data.tags)

    def _upload_training(self, record: spool.Record) -> str:
        weights, ended_ms = record.ended() or ("", record.created_ms)
        runs = self.runs_with(TRAINING, record.key)
        if same := [r for r in runs if r.data.tags.get(WEIGHTS) == weights]:
            return str(same[0].info.run_id)
        unfinished = [r for r in runs if WEIGHTS not in r.data.tags]
        run_id = unfinished[0].info.run_id if unfinished else self._create(record)
        self._describe(run_id, record)
        self.metrics(run_id, record.epochs())
        self._artifacts(run_id, record)
        self.client.set_terminated(run_id, "FINISHED", ended_ms)
        self.client.set_tag(run_id, WEIGHTS, weights)  # last: it means complete
        return str(run_id)

    def _upload_result(self, record: spool.Record) -> str:
        if (runs := self.runs_with(RESULT, record.key)) and RECORDED in runs[0].data.tags:
            return str(runs[0].info.run_id)
        if runs:
            run_id = runs[0].info.run_id
        else:
            trainings = [
                r for r in self.runs_with(WEIGHTS, record.weights) if TRAINING in r.data.tags
            ]
            # MLflow never changes a parameter, so one that was edited since needs its own run.
            free = [
                r
                for r in trainings
                if RESULT not in r.data.tags and r.data.params == _stored(record.params)
            ]
            parent = trainings[0].info.run_id if trainings else None
            run_id = free[0].info.run_id if free else self._create(record, parent)
            self.client.set_tag(run_id, RESULT, record.key)
        self._describe(run_id, record)
        self.metrics(run_id, [(0, record.created_ms, record.metrics)])
        self._artifacts(run_id, record)
        self.client.set_terminated(run_id, "FINISHED")
        self.client.set_tag(run_id, RECORDED, "true")  # last: it means complete
        return str(run_id)

    def _create(self, record: spool.Record, parent: str | None = None) -> str:
        tags = dict(SOURCE)
        if record.kind == "training":
            tags[TRAINING] = record.key
        else:
            tags |= {RESULT: record.key, WEIGHTS: record.weights}
        if parent:
            tags |= {PARENT: parent, "mlflow.parentRunId": parent}
        run = self.client.create_run(
            self.experiment, record.created_ms, tags, f"{record.kind}-{record.key[:8]}"
        )
        return str(run.info.run_id)

    def _artifacts(self, run_id: str, record: spool.Record) -> None:
        if (folder := record.folder / "artifacts").is_dir():
            self.client.log_artifacts(run_id, str(folder))

    def _describe(self, run_id: str, record: spool.Record) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag

        known = self.client.get_run(run_id).data.params  # MLflow never changes a parameter
        new = [Param(k, v) for k, v in _stored(record.params).items() if k not in known]
        for start in range(0, len(new), 100):
            self.client.log_batch(run_id, params=new[start : start + 100])
        self.client.log_batch(run_id, tags=[RunTag(k, v[:5000]) for k, v in record.tags.items()])
        self.client.log_inputs(
            run_id,
            [
                DatasetInput(
                    # MLflow's digests hold 36 characters; the whole one is in the source.
                    Dataset(name, digest[:36], "dvc", json.dumps({"sha256": digest})),
                    [InputTag("mlflow.data.context", record.kind)],
                )
                for name, digest in record.inputs.items()
            ],
        )

    def runs_with(self, tag: str, value: str) -> "list[Run]":
        """Runs with this tag, the oldest first."""
        return list(
            self.client.search_runs(
                [self.experiment], f"tags.`{tag}` = '{value}'", order_by=["start_time ASC"]
            )
        )


def tracking_uri(project: Path | None = None) -> str:
    """MLFLOW_TRACKING_URI, or the database in the project's folder."""
    default = f"sqlite:///{(project or spool.root()) / 'mlflow.db'}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def _database(uri: str) -> Path | None:
    """The file of an SQLite store."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def _probe(uri: str) -> None:
    """Refuse at once a server that does not even accept a connection."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=1.5):
            pass
    except OSError as error:
        raise TrackingError(f"{uri} is not reachable ({error})") from error


@contextmanager
def answering() -> Iterator[None]:
    """Turn what MLflow raises when its store is away, full or broken into a TrackingError."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:  # requests' errors are OSErrors
        reason = str(error).splitlines()[0][:200]
        raise TrackingError(f"{tracking_uri()}: {reason}") from error


def _stored(params: Mapping[str, str]) -> dict[str, str]:
    """Parameters as MLflow keeps them."""
    return {key: value[:6000] for key, value in params.items()}


def _open_or_say() -> "Store | None":
    try:
        return Store.open()
    except TrackingError as error:
        _say_waiting(error)
        return None


def _upload_or_say(record: spool.Record) -> None:
    try:
        Store.open().upload(record)
    except TrackingError as error:
        _say_waiting(error)


def _say_waiting(error: TrackingError) -> None:
    say(f"MLflow: {error}; the record is kept, `pocketdet track sync` uploads it later")


if __name__ == "__main__":
    if sys.argv[1:] != ["sync"]:
        sys.stderr.write("usage: python -m tasks.tracking sync\n")
        sys.exit(2)
    try:
        sync()
    except TrackingError as error:
        sys.stderr.write(f"MLflow: {error}\n")
        sys.exit(1)
