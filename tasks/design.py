"""design: the net that params name, with anchors from the data, costed for a device."""

import json
from dataclasses import asdict
from pathlib import Path

from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.design import budget, costs, latency, ops
from pocketdet.design.specify import sizes_at_input, specify
from pocketdet.detector import net
from pocketdet.detector.anchors import best_possible_recall
from pocketdet.devices import cards
from pocketdet.devices import measured as timed
from pocketdet.exporting import variants
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.report import costs as costs_picture
from tasks.stage import say, stage, write_table

RECALL_IOUS = (0.5, 0.7)


@stage(outs=("design", "report"))
def design(
    params: Params, dataset: Path, subsets: Path, measured: Path, design: Path, report: Path
) -> None:
    """Write the net's specification and what it will cost."""
    wanted = params.design
    card = cards.load(wanted.device)
    timings = [row for row in timed.read(measured) if row.card == wanted.device]
    variants.limits(params.convert.variants, params.verify.max_ap_drop)  # before hours of training
    paths = read_paths(subsets / "train.txt")
    training = Dataset.load(dataset / "dataset.json").subset(paths)
    spec = specify(wanted, training, params.seed)
    design.mkdir()
    report.mkdir()
    spec.save(design / "net.json")
    rule = Preprocessing(wanted.input_wh, wanted.resize, wanted.interpolation)
    rule.save(design / "preprocessing.json")

    say(f"building {spec.backbone} at {wanted.input_wh[0]} x {wanted.input_wh[1]} px")
    with quiet():
        nets = dict.fromkeys([spec, *(row.net for row in timings)])
        counted = {one: costs.count(net.build(one, batch=1)) for one in nets}
    rows, known = counted[spec], [(counted[row.net], row) for row in timings]
    gates = ops.gates(rows)
    totals = costs.total(rows)
    card = latency.corrected(card, known)
    time = latency.best_known(rows, card, known)
    lines = budget.check(totals, time, wanted.budget, card)
    verdict = budget.verdict(lines)
    sizes = sizes_at_input(training, rule)
    ious = () if spec.anchor_free else RECALL_IOUS
    recalls = {f"{iou}": best_possible_recall(sizes, spec.levels, iou) for iou in ious}

    table = [[*asdict(rows[0]), "estimated_ms"]]
    for row, ms in zip(rows, time.layers_ms, strict=True):
        cells = asdict(row).values()
        texts = ("x".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in cells)
        table.append([*texts, f"{ms:.4f}"])
    write_table(table, report / "costs.csv")
    summary = {
        "anchors": {"boxes": len(sizes), "recall_by_iou": recalls},
        "budget": [{**asdict(line), "within": line.within} for line in lines],
        "card": card.model_dump(mode="json"),
        "device": wanted.device,
        "ops": [asdict(gate) for gate in gates],
        "latency": {k: v for k, v in asdict(time).items() if k != "layers_ms"}
        | {"estimated_ms": sum(time.layers_ms)},
        "totals": asdict(totals),
        "verdict": verdict,
    }
    (report / "design.json").write_text(
        json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    costs_picture.draw(rows, time.layers_ms, card.title, report / "costs.png")

    for gate in gates:
        say(gate.text)
    for line in lines:
        mark = "" if line.within else "   <-- OVER BUDGET"
        say(f"{line.name:>10} {line.found:8.3g} of {line.limit:g} {line.unit} ({line.note}){mark}")
    for iou, recall in recalls.items():
        say(f"{recall:.1%} of {len(sizes)} training boxes meet an anchor at IoU {iou}")
    say(f"{verdict.upper()} for {card.title}")


if __name__ == "__main__":
    design()
