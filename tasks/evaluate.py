"""Score the trained net on validation and test, and choose the operating point on validation."""

from pathlib import Path

from pocketdet.analysis import label_errors
from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.evaluation import Evaluator, expressions
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.report import gallery, plots
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.scoring import cases, operating_point, outputs, results
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
    parts = {
        name: everything.subset(read_paths(subsets / f"{name}.txt")) for name in ("val", "test")
    }
    slices = {"val": [], "test": expressions(section, everything)}
    say("building the trained net")
    with quiet():
        runtime = KerasRuntime.load(design, trained)
    rule = Preprocessing.load(design / "preprocessing.json")
    net = Evaluator(runtime, rule, raw, subsets / "groups.csv", section, params.seed, say)

    val = net.detect("val", parts["val"], section.operating_point.nms_iou)
    choice = operating_point.choose(val.tables, section.operating_point, section.score_min)
    choice.point.save(point)
    found = {"val": val, "test": net.detect("test", parts["test"], [choice.point.nms_iou])}
    scored, assessed = {}, {}
    for name, detected in found.items():
        scored[name], assessed[name] = net.score(detected, choice.point, slices[name])

    learnt = everything.subset(read_paths(subsets / "train.txt"))
    found["train"] = net.detect("train", learnt, [])
    seen = {path: d for each in found.values() for path, d in each.found[section.nms_iou].items()}
    suspects = label_errors.rank(everything, seen)

    test, judged = scored["test"], results.judge(scored["test"])
    worst = cases.worst(test, assessed["test"], section.pictures)
    for folder in ("slices", "errors"):
        (report / folder).mkdir(parents=True)
    for name, text in outputs.files(scored, assessed, choice, worst).items():
        (report / name).write_text(text, encoding="utf-8")
    write_table(label_errors.rows(suspects), report / "suspects.csv")
    plots.precision_recall(scored, report / "precision_recall.png")
    gallery.album(gallery.worst(test, judged, raw, section.pictures), report / "pictures")
    gallery.album(gallery.samples(test, judged, raw), report / "samples")
    sheets = {f"errors/{kind}": gallery.errors(test, some, raw) for kind, some in worst.items()}
    sheets["sheet"] = gallery.sheet(test, judged, raw)
    if shown := suspects[: section.pictures]:
        sheets["errors/suspects"] = gallery.suspects(everything, shown, raw)
    for name, sheet in sheets.items():
        sheet.save(report / f"{name}.jpg", quality=gallery.QUALITY, optimize=True)

    for name, why in choice.reasons.items():
        say(f"operating point of {name}: {why}")
    for line in outputs.text(scored, assessed):
        say(line)


if __name__ == "__main__":
    evaluate()
