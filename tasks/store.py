"""The MLflow store: the only file that imports mlflow. What is written into it: `tasks.tracking`.

MLFLOW_TRACKING_URI says where it is; otherwise it is `mlflow.db` beside dvc.yaml. Runs are found by
content hashes in their tags, so no output of a stage holds an id.
"""

import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pocketdet.errors import PocketdetError
from tasks import spool
from tasks.stage import say
from tasks.tags import PARENT, RECORDED, RESULT, SOURCE, TRAINING, WEIGHTS

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

EXPERIMENT = "pocketdet"


class TrackingError(PocketdetError):
    """The tracking store cannot be reached or refuses to answer."""


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
        probe(uri)
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


def probe(uri: str) -> None:
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
