"""Run every converted file on test pictures and hold it against the trained net."""

import json
from pathlib import Path

from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.errors import ExportError
from pocketdet.exporting import golden, ledger, noise, remedies, variants
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.verify import Effort
from pocketdet.exporting.verify import verify as run_all
from pocketdet.preprocess import load_rgb
from pocketdet.quiet import quiet
from pocketdet.report import differences
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.scoring.bootstrap import Plan
from tasks.stage import say, stage

LEVEL = 0.95  # of the interval of what a file loses


@stage(outs=("report",))
def verify(
    params: Params,
    raw: Path,
    dataset: Path,
    subsets: Path,
    design: Path,
    trained: Path,
    converted: Path,
    report: Path,
) -> None:
    """Compare tensors, boxes and AP; fail if a file is further from the net than params allow."""
    section = params.verify
    test = read_paths(subsets / "test.txt")
    with quiet():
        net = KerasRuntime.load(design, trained)
    contract = Contract.load(converted / "contract.json")
    outcome = run_all(
        Dataset.load(dataset / "dataset.json").subset(test),
        raw,
        contract,
        converted,
        net,
        params.evaluate.score_min,
        Effort(section.images, section.coreml_images),
        variants.limits(params.convert.variants, section.max_ap_drop),
        Plan(section.resamples, LEVEL, params.seed),
        say,
    )
    rows = outcome.rows
    say(ledger.as_text(rows))
    for row in rows:
        if row.ops:
            say(f"{row.variant}: {row.ops}")
    quantised = remedies.read(converted)
    noisy = noise.of(contract, converted, raw)
    for name, layers in noisy.items():
        say(f"{name}: {noise.worst(layers).text}")
    if problems := list(ledger.failures(rows, section.max_lost, noisy)):
        raise ExportError(
            f"{len(problems)} checks fail, see the ledger above\n  "
            + "\n  ".join(problems)
            + f"\ntried for int8, on val: {remedies.summary(quantised)}\nlet convert try more "
            "(convert.max_trial_drop, convert.remedies), or raise the limit in params.yaml"
        )
    report.mkdir()
    (report / "ledger.csv").write_text(ledger.as_csv(rows), encoding="utf-8")
    (report / "ledger.json").write_text(
        ledger.as_json(rows, outcome.net_ap, quantised), encoding="utf-8"
    )
    for name, layers in noisy.items():
        (report / f"layers_{name}.csv").write_text(noise.as_csv(layers), encoding="utf-8")
    (report / "pictures").mkdir()
    captions = {}
    for name, picture, caption in differences.worst(outcome.expected, outcome.found, contract, raw):
        picture.save(report / "pictures" / name, quality=88, optimize=True)
        captions[name] = caption
    text = json.dumps(captions, indent=1, ensure_ascii=False)
    (report / "pictures/captions.json").write_text(text + "\n", encoding="utf-8")
    photo = golden.shrunk(load_rgb(raw / golden.chosen(outcome.expected, contract)))
    (report / golden.FOLDER).mkdir()
    vectors = golden.record(photo, net, outcome.runtimes, contract)
    for name, content in vectors.items():
        (report / name).parent.mkdir(exist_ok=True)
        (report / name).write_bytes(content)


if __name__ == "__main__":
    verify()
