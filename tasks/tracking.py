"""MLflow: what a training and a result of the pipeline leave behind for people to compare.

Only two stages record, as importing MLflow takes seconds: `train`, live, and `package`, the result.

    with tracking.training_run(key, params, inputs={"shards": sha256, ...}) as run:
        run.epoch(1, {"loss": 3.2})
        run.weights(trained / "weights.safetensors")

    tracking.record_result(weights=sha256, params=params, inputs={"test": sha256, ...},
                           metrics={"test/AP50": 0.83}, artifacts={"report": folder, ...})

Everything is written to the spool (`tasks.spool`) first and uploaded to the store (`tasks.store`)
from there; what could not be uploaded waits for `python -m tasks.tracking sync`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pocketdet.config import Params
from pocketdet.errors import PocketdetError
from pocketdet.files import sha256
from tasks import spool
from tasks.params import flatten
from tasks.stage import say
from tasks.store import Store, TrackingError, answering
from tasks.tags import origin

if TYPE_CHECKING:
    from PIL.Image import Image


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
        self._weights = sha256(path)


@contextmanager
def training_run(
    key: str, params: Params, inputs: Mapping[str, str], tags: Mapping[str, str] | None = None
) -> Iterator[TrainingRun]:
    """Record a training while it runs.

    Args:
        key: Content hash of all that the training depends on. A training that is started again
            with the key of one that was killed carries on in the same MLflow run.
        params: All sections are recorded.
        inputs: Name of a data set or subset to its sha256.
        tags: More to search by, see `tasks.tags.of_training`.
    """
    told = {**origin(), **(tags or {})}
    record = spool.Record(
        "training", key, spool.now_ms(), flatten(params), dict(inputs), told
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
        SpoolError: A record is broken; nothing is uploaded.
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
    except PocketdetError as error:
        sys.stderr.write(f"MLflow: {error}\n")
        sys.exit(1)
