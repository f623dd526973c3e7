"""A project as all stages but `package` leave it, made up with the stages' own writers."""

import json
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet import slices
from pocketdet.config import Operating
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.design import costs, ranking
from pocketdet.design.budget import Line
from pocketdet.design.costs import LayerCost
from pocketdet.design.latency import Latency as DeviceLatency
from pocketdet.design.ops import Gate
from pocketdet.detector.decode import Detections, OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices.measured import Times
from pocketdet.exporting import ledger
from pocketdet.exporting.contract import Contract, Tensor, Variant, coding_of
from pocketdet.exporting.ledger import Row
from pocketdet.exporting.parity import Agreement
from pocketdet.preprocess import Preprocessing
from pocketdet.profiling.host import FileProfile, Latency
from pocketdet.report import gallery
from pocketdet.scoring import cases, operating_point, outputs, results
from pocketdet.scoring.bootstrap import LEVEL, Plan
from tasks.stage import write_table

SPEC = NetSpec(
    "efficientnet_lite0",
    1.0,
    "imagenet",
    64,
    1,
    (96, 64),
    ("person", "<b>&Fähre"),
    (Level(8, ((9.5, 20.0),)),),
)
POINT = OperatingPoint(0.6, 0.6, 100)
SCORING, PLAN = OperatingPoint(0.01, 0.6, 100), Plan(20, LEVEL, 0)
OPERATING = Operating(
    rule="precision", target=0.9, thresholds="per_class", nms_iou=(0.6,), max_detections=(100,)
)
OBJECT, AWAY = (10.0, 10.0, 50.0, 90.0), (100.0, 10.0, 140.0, 90.0)
LOST = {"none": 2.5, "more_pictures": 0.25}
QUANTISED = {
    "goal": 0.5, "images": 2, "shipped": "more_pictures",
    "tried": [
        {"remedy": name, "recipe": f"{name} in words", "calibration": {}, "float_layers": 0,
         "size_mb": 3.0, "partitions": 1, "ap_drop": lost}
        for name, lost in LOST.items()
    ],
}  # fmt: skip
FILES = {"fp32": 9.7, "int8": 3.1}


def make(root: Path) -> Path:
    """Fill a folder with data, models and reports; it is returned."""
    for folder in ("subsets", "raw", "models/design", "models/trained", "models/converted"):
        (root / folder).mkdir(parents=True)
    for stage in ("validate", "design", "train", "evaluate", "verify", "profile"):
        (root / "reports" / stage).mkdir(parents=True)
    for name in ("one", "two"):
        PIL.new("RGB", (200, 100), "grey").save(root / f"raw/{name}.png")
    SPEC.save(root / "models/design/net.json")
    POINT.save(root / "models/point.json")
    (root / "models/trained/weights.safetensors").write_bytes(b"weights")
    subsets = {name: {"images": 2, "sha256": name * 12} for name in ("train", "val", "test")}
    _json(root / "subsets/subsets.json", subsets)
    source = {
        "pictures": 6,
        "boxes": 12,
        "classes": {"person": 10},
        "ignored": {"iscrowd": 1},
        "dropped": {"outside the picture": 1},
        "changed": {},
        "mapped_to_drop": {},
    }
    _json(root / "reports/validate/summary.json", {"sources": {"street_coco": source}})
    _train(root / "reports/train")
    _design(root / "reports/design")
    _evaluate(root / "reports/evaluate", root / "raw")
    _convert(root / "models/converted", root / "reports")
    return root


def _evaluate(report: Path, raw: Path) -> None:
    box = Box("person", OBJECT)
    images = tuple(Image(f"{name}.png", (200, 100), (box,)) for name in ("one", "two"))
    right = Detections(
        np.asarray([OBJECT], np.float32), np.asarray([0.9], np.float32), np.zeros(1, np.int64)
    )
    wrong = Detections(
        np.asarray([AWAY], np.float32), np.asarray([0.3], np.float32), np.zeros(1, np.int64)
    )
    found = {0.6: {"one.png": right, "two.png": wrong}}
    dataset = Dataset(SPEC.classes, images)
    tables = results.matched(dataset, found, 100)
    choice = operating_point.choose(tables, OPERATING, 0.01)
    result = results.evaluate(dataset, found, tables, SCORING, choice.point)
    scored = dict.fromkeys(("val", "test"), result)
    small = slices.parse({"small": "side < 80", "nowhere": "source == 'x'"})
    assessed = dict.fromkeys(
        scored, results.assess(result, PLAN, None, small, None, defaultdict(str))
    )
    worst = cases.worst(result, assessed["test"], 12)
    for folder in ("slices", "errors"):
        (report / folder).mkdir()
    for name, text in outputs.files(scored, assessed, choice, worst).items():
        (report / name).write_text(text, encoding="utf-8")
    judged = results.judge(result)
    gallery.album(gallery.worst(result, judged, raw, 12), report / "pictures")
    gallery.album(gallery.samples(result, judged, raw), report / "samples")
    gallery.sheet(result, judged, raw).save(report / "sheet.jpg")
    for kind, some in worst.items():
        gallery.errors(result, some, raw).save(report / f"errors/{kind}.jpg")


def _train(report: Path) -> None:
    # Not by pocketdet.training.history: importing it imports Keras.
    names = "epoch step phase learning_rate loss class_loss box_loss grad_norm"
    ends = "val_loss val_class_loss val_box_loss val_AP val_AP50 kept"
    header = [*names.split(), *ends.split()]
    phases = enumerate(("frozen", "unfrozen", "unfrozen"), start=1)
    aps = (("", "", 0), (0.5, 0.75, 1), (0.25, 0.5, 0))
    rows = [
        (n, 10 * n, phase, 0.01, 3 / n, 2 / n, 1 / n, 1, 4, 3, 1, *aps[n - 1])
        for n, phase in phases
    ]
    text = "\n".join(",".join(map(str, row)) for row in (header, *rows))
    (report / "history.csv").write_text(text + "\n")
    _json(report / "summary.json", {"weights_sha256": "ab" * 32})


def _design(report: Path) -> None:
    layer = LayerCost(
        "stem", "Conv2D", (3, 3), 2, (32, 48, 8), 331_776, 224, 18_432, 12_288, 30_720
    )
    line = Line("model_mb", 2.9, 4.0, "MB", "estimated")
    time = DeviceLatency(40.0, 20.0, 80.0, (0.5,))
    gates = (Gate("XNNPACK", 1, ()), Gate("GPU", 2, (("PAD", "pad", "pad with zeros"),)))
    totals = costs.Totals(1.5, 224, 2.9, 0.03, "stem")
    candidate = ranking.Candidate(SPEC, True, totals, time, gates, (line,), 0.9)
    larger = replace(candidate, configured=False, lines=(replace(line, found=5.0),))
    write_table(costs.table([layer], time.layers_ms), report / "costs.csv")
    write_table(ranking.table([candidate, larger]), report / "candidates.csv")
    design = {
        "anchors": {"boxes": 10, "recall_by_iou": {"0.5": 0.9}},
        "budget": [{**asdict(line), "within": line.within}],
        "card": {"title": "A phone"},
        "latency": {"ms": 40.0, "low_ms": 20.0, "high_ms": 80.0, "basis": "estimated"},
        "ranking": {"order": ranking.ORDER, "rank": 1, "of": 2},
        "totals": {"weights": 224},
    }
    _json(report / "design.json", design)


def _convert(converted: Path, reports: Path) -> None:
    rows, variants = [], []
    for name, size in FILES.items():
        agreement = Agreement(2, 0.1, 0.01, 3, 0, 0, 0.95, 0.99, 0.01)
        file = f"{name}.tflite"
        rows.append(Row(name, file, "LiteRT", "ok", size, agreement, 50.0, 0.05, 2.0, 1, {}))
        tensor = Tensor("image", (1, 64, 96, 3), "uint8")
        variants.append(Variant(name, file, "LiteRT", (tensor,), (), "app"))
        (converted / file).write_bytes(name.encode() * 100)
    rows.append(Row("coreml", "detector.mlpackage", "Core ML", "not run: no coremltools", 5.0))
    variants.append(Variant("coreml", "detector.mlpackage", "Core ML", (), (), "file"))
    (converted / "detector.mlpackage/Data").mkdir(parents=True)
    (converted / "detector.mlpackage/Manifest.json").write_text("{}")
    (converted / "detector.mlpackage/Data/weight.bin").write_bytes(b"\0" * 9)
    contract = Contract(
        SPEC, Preprocessing(SPEC.input_wh, "stretch"), POINT, tuple(variants), coding_of(SPEC)
    )
    contract.save(converted / "contract.json")
    (reports / "verify/ledger.json").write_text(ledger.as_json(rows, 50.0, QUANTISED))
    (reports / "verify/golden/net").mkdir(parents=True)
    (reports / "verify/golden/golden.json").write_text("{}")
    (reports / "verify/golden/net/scores_8.bin").write_bytes(b"\0" * 8)
    time = Latency(5.0, 6.0, 7.0)
    files = {
        name: asdict(FileProfile(size, 250.0, size, 1.2, time, 20.0, 70.0, 25.0))
        for name, size in FILES.items()
    }
    around = {"host_pre": asdict(time), "host_post": asdict(time), "runs": 5}
    host = {"cpu": "a <fast> one", "system": "Linux", "threads": "1"}
    times = Times("A <phone>, Android 10", "cpu", 55.0, 53.1, 60.7, 1.6, 50, 18.8, None)
    timed = [{"card": "redmi_note_7", "variant": "int8", "sha256": "ab", **asdict(times)}]
    profile = {"files": files, "host": host, **around, "measured": timed}
    _json(reports / "profile/profile.json", profile)


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
