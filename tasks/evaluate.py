"""Score the trained net on validation and test, and choose the operating point on validation."""

import json
from pathlib import Path

from pocketdet import inference
from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.report import gallery, plots
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.scoring import operating_point, results
from pocketdet.scoring.operating_point import ALL
from tasks.stage import say, stage

PROGRESS_EVERY = 50  # pictures


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
    """Score val and test, choose the score threshold on val, draw the worst pictures of test."""
    section = params.evaluate
    everything = Dataset.load(dataset / "dataset.json")
    lowest = OperatingPoint(section.score_min, section.nms_iou, section.max_detections)
    say("building the trained net")
    with quiet():
        runtime = KerasRuntime.load(design, trained)
    scored = {}
    for subset in ("val", "test"):
        part = everything.subset(read_paths(subsets / f"{subset}.txt"))
        found = find(part, raw, runtime, design, lowest, subset)
        scored[subset] = results.evaluate(part, found, section.score_min)
    choice = operating_point.choose(scored["val"].curves[ALL], section.target_precision)
    OperatingPoint(choice.threshold, section.nms_iou, section.max_detections).save(point)

    report.mkdir()
    for name, text in results.files(scored, choice).items():
        (report / name).write_text(text, encoding="utf-8")
    curves = {subset: result.curves for subset, result in scored.items()}
    plots.precision_recall(curves, choice, report / "precision_recall.png")
    judged = results.judge(scored["test"], choice.threshold)
    (report / "pictures").mkdir()
    captions = {}
    for name, picture, caption in gallery.worst(scored["test"], judged, raw, section.pictures):
        picture.save(report / "pictures" / name, quality=88, optimize=True)
        captions[name] = caption
    (report / "pictures" / "captions.json").write_text(json.dumps(captions, indent=1) + "\n")
    gallery.sheet(scored["test"], judged, raw).save(report / "sheet.jpg", quality=88, optimize=True)

    say(f"operating point: score >= {choice.threshold:g} ({choice.reason})")
    for line in results.text(scored, choice.threshold):
        say(line)


def find(
    part: Dataset, raw: Path, runtime: Runtime, design: Path, point: OperatingPoint, subset: str
) -> dict[str, Detections]:
    """The detections in every picture of a subset, with a progress line now and then."""
    rule = Preprocessing.load(design / "preprocessing.json")
    found: dict[str, Detections] = {}
    for path, detections in inference.find_all(part, raw, runtime, rule, point):
        found[path] = detections
        if len(found) % PROGRESS_EVERY == 0 or len(found) == len(part):
            say(f"{subset}: {len(found)} of {len(part)} pictures")
    return found


if __name__ == "__main__":
    evaluate()
