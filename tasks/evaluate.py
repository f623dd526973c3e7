"""Score the trained net on validation and test, and choose the operating point on validation."""

from collections.abc import Callable
from pathlib import Path

from pocketdet import label_errors, slices
from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector.decode import OperatingPoint
from pocketdet.evaluation import brightness, find, groups
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.report import gallery, plots
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.scoring import cases, operating_point, outputs, results
from pocketdet.scoring.bootstrap import LEVEL, Plan
from tasks.stage import say, stage, write_table


@stage(outs=("point", "report"))
def evaluate(
    params: Params,
    raw: Path,
    dataset: Path,
    subsets: Path,
    design: Path,
    trained: Path,
    point: Path,
    report: Path,
) -> None:
    """Score val and test, choose the operating point, draw errors, rank suspect annotations."""
    section = params.evaluate
    everything = Dataset.load(dataset / "dataset.json")
    sources = slices.by_source([image.source for image in everything])
    expressions = [*slices.parse(section.slices), *sources]
    rule = Preprocessing.load(design / "preprocessing.json")
    scoring = OperatingPoint(section.score_min, section.nms_iou, section.max_detections)
    say("building the trained net")
    with quiet():
        runtime = KerasRuntime.load(design, trained)

    def progress(subset: str) -> Callable[[str], None]:
        return lambda text: say(f"{subset}: {text}")

    parts = {
        name: everything.subset(read_paths(subsets / f"{name}.txt")) for name in ("val", "test")
    }
    nms_ious = {section.nms_iou, *section.operating_point.nms_iou}
    found = {"val": find(parts["val"], raw, runtime, rule, scoring, nms_ious, progress("val"))}
    tables = {"val": results.matched(parts["val"], found["val"], section.max_detections)}
    choice = operating_point.choose(tables["val"], section.operating_point, section.score_min)
    choice.point.save(point)
    kept = {section.nms_iou, choice.point.nms_iou}
    found["test"] = find(parts["test"], raw, runtime, rule, scoring, kept, progress("test"))
    tables["test"] = results.matched(parts["test"], found["test"], section.max_detections)

    scored, assessed = {}, {}
    plan = Plan(section.resamples, LEVEL, params.seed)
    for name, part in parts.items():
        scored[name] = results.evaluate(part, found[name], tables[name], scoring, choice.point)
        wanted = expressions if name == "test" else []
        light = brightness(part, raw) if any("brightness" in e.names for e in wanted) else None
        grouped = groups(subsets / "groups.csv", part)
        assessed[name] = results.assess(scored[name], plan, grouped, wanted, light)

    test, judged = scored["test"], results.judge(scored["test"])
    worst = cases.worst(test, assessed["test"], section.pictures)
    (report / "slices").mkdir(parents=True)
    for name, text in outputs.files(scored, assessed, choice, worst).items():
        (report / name).write_text(text, encoding="utf-8")
    plots.precision_recall(scored, report / "precision_recall.png")
    gallery.album(gallery.worst(test, judged, raw, section.pictures), report / "pictures")
    gallery.album(gallery.samples(test, judged, raw), report / "samples")
    sheets = {f"errors_{kind}.jpg": gallery.errors(test, some, raw) for kind, some in worst.items()}
    for name, sheet in {"sheet.jpg": gallery.sheet(test, judged, raw), **sheets}.items():
        sheet.save(report / name, quality=gallery.QUALITY, optimize=True)

    learnt = everything.subset(read_paths(subsets / "train.txt"))
    nms_iou = section.nms_iou
    seen = find(learnt, raw, runtime, rule, scoring, {nms_iou}, progress("train"))[nms_iou]
    seen |= found["val"][nms_iou] | found["test"][nms_iou]
    suspects = label_errors.rank(everything, seen)
    write_table(label_errors.rows(suspects), report / "suspects.csv")

    for name, why in choice.reasons.items():
        say(f"operating point of {name}: {why}")
    for line in outputs.text(scored, assessed):
        say(line)


if __name__ == "__main__":
    evaluate()
