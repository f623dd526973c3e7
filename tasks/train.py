"""train: the net learns from the shards; the result is the average of its weights."""

import hashlib
import json
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import yaml

from pocketdet.config import Params
from pocketdet.detector.spec import NetSpec
from pocketdet.files import sha256
from pocketdet.inputs.batches import Batches
from pocketdet.quiet import quiet
from pocketdet.training import backends
from pocketdet.training.checkpoint import Checkpoint
from pocketdet.training.schedule import Schedule, settings_for
from tasks import spool, tags, tracking
from tasks.stage import say, stage

LINE_EVERY_S = 15.0  # of progress inside an epoch
LIBRARIES = ("keras", "numpy", "opencv-python-headless", "pillow")


@stage(outs=("trained", "report"), any_backend=True)
def train(
    params: Params, shards: Path, start: Path, design: Path, trained: Path, report: Path
) -> None:
    """Train from the pretrained backbone, or carry on from the checkpoint of a killed run."""
    backends.check()
    with quiet():
        import keras

        backends.current().prepare()

    from pocketdet.detector import losses, net, pretrained, quantised, weights
    from pocketdet.detector import teacher as teachers
    from pocketdet.training import history
    from pocketdet.training.epochs import Epoch, kept
    from pocketdet.training.learner import Learner
    from pocketdet.training.loop import fit
    from pocketdet.training.watch import Watch

    keras.utils.set_random_seed(params.seed)

    spec = NetSpec.load(design / "net.json")
    section = settings_for(params.train, spec.weights)
    if section != params.train:
        say("design.weights is none: the backbone starts at random, so nothing is frozen")
    manifest = json.loads((shards / "manifest.json").read_text())
    backend = keras.backend.backend()
    key = training_key(params, spec, start, manifest["sha256"], backend)
    checkpoint = Checkpoint(spool.state() / "checkpoints" / key)
    learning = Batches(shards, "train", params.augment, section.batch, params.seed, section.balance)
    watching = Batches(shards, "val", None, section.batch, params.seed)
    schedule = Schedule(section, learning.steps)

    model = net.build(spec)
    filled = pretrained.initialise(model, spec, start)
    say(
        f"{spec.backbone}: {model.count_params():,} weights, {filled} of {len(model.weights)} "
        f"arrays from {spec.weights!r}; {len(learning)} photos, {schedule.steps} steps"
    )
    objects = [learning.objects[number] for number in range(len(spec.classes))]
    weighing = losses.class_weights(section.class_weights, spec.classes, objects)
    if weighing:
        pairs = zip(spec.classes, weighing, strict=True)
        say("class weights: " + ", ".join(f"{name} {weight:.3g}" for name, weight in pairs))
    distill, teacher, lesson = section.distill, None, {}
    if distill.teacher != "none":
        teacher = teachers.load(start / distill.teacher, spec)
        lesson = {"teacher": distill.teacher, "teacher_sha256": sha256(start / distill.teacher)}
        say(f"teacher: {distill.teacher}, {teacher.count_params():,} weights")
    learner = Learner(model, spec, schedule, weighing, teacher)
    watch = Watch(spec, watching, section.validate_images)
    inputs = {"shards": manifest["sha256"]} | {
        name: subset["sha256"] for name, subset in manifest["subsets"].items()
    }
    epochs: list[Epoch] = []
    with tracking.training_run(key, params, inputs, tags.of_training(backend)) as live:
        ticker = _Ticker(schedule)
        arguments = (learner, schedule, learning, watching, watch, checkpoint, ticker.step)
        for epoch, pace in fit(*arguments):
            epochs.append(epoch)
            speed = {} if pace is None else {"images_per_s": pace.images_per_s}
            numbers = {k: v for k, v in asdict(epoch).items() if isinstance(v, float)}
            best = kept(epochs, schedule)
            live.epoch(epoch.epoch, numbers | speed | {"kept_epoch": best.epoch})
            say(history.line(epoch, section.epochs, pace))
            if pace is not None and epoch.val_AP is not None:
                live.picture(f"predictions/epoch_{epoch.epoch:03}.jpg", watch.sheet())
            ticker.rest()
        trained.mkdir()
        weights.save(model, trained / "weights.safetensors", spec)
        if learner.ranges:
            quantised.save(learner.ranges, trained)
        live.weights(trained / "weights.safetensors")
    say(history.result(epochs, best, section.epochs))
    report.mkdir()
    (report / "history.csv").write_text(history.to_csv(epochs, best))
    history.draw(epochs, best, report / "curves.png")
    (report / "summary.json").write_text(
        json.dumps(
            {
                "weights_sha256": sha256(trained / "weights.safetensors"),
                **lesson,
                "steps": len(epochs) * learning.steps,
                **{f"kept_{k}": v for k, v in asdict(best).items()},
            },
            indent=1,
            sort_keys=True,
        )
        + "\n"
    )
    checkpoint.remove()


def training_key(
    params: Params, spec: NetSpec, start: Path, shards_sha256: str, backend: str
) -> str:
    """Hash of everything that the weights depend on; also finds the training in MLflow."""
    root = Path(__file__).resolve().parents[1]
    dag = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    sources = [root / dep for dep in dag["stages"]["train"]["deps"] if dep.endswith(".py")]
    files = (start / spec.weights, start / params.train.distill.teacher)
    given = {
        "params": params.model_dump(mode="json", include={"seed", "augment", "train"}),
        "net": asdict(spec),
        "start": [sha256(file) if file.is_file() else "" for file in files],
        "shards": shards_sha256,
        "code": [sha256(source) for source in sources],
        "libraries": {name: version(name) for name in (*LIBRARIES, backend)},
    }
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


class _Ticker:
    """A line now and then while an epoch is long."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule, self._last = schedule, time.monotonic()

    def step(self, done: int) -> None:
        if done == 1:
            say("first step done; compiling it was the slow part")
        if time.monotonic() - self._last > LINE_EVERY_S:
            say(f"  step {done} of {self._schedule.steps}")
            self.rest()

    def rest(self) -> None:
        self._last = time.monotonic()


if __name__ == "__main__":
    train()
