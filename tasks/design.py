"""design: the net that params name, with anchors from the data, costed for a device."""

import json
from dataclasses import asdict
from pathlib import Path

from pocketdet.config import Params
from pocketdet.dataset import Dataset, read_paths
from pocketdet.design import budget, costs, latency, ranking
from pocketdet.design.specify import sizes_at_input
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
    nets = ranking.nets(wanted, training, params.seed)
    spec = nets[0]
    design.mkdir()
    report.mkdir()
    spec.save(design / "net.json")
    rule = Preprocessing(wanted.input_wh, wanted.resize, wanted.interpolation)
    rule.save(design / "preprocessing.json")

    say(f"counting {len(nets)} nets")
    with quiet():
        counted = ranking.count([*nets, *(row.net for row in timings)])
    rows, known = counted[spec], [(counted[row.net], row) for row in timings]
    card = latency.corrected(card, known)
    ranked = ranking.rank({one: counted[one] for one in nets}, training, wanted, card, known)
    place = next(n for n, one in enumerate(ranked) if one.configured)
    chosen = ranked[place]
    verdict = budget.verdict(chosen.lines)
    sizes = sizes_at_input(training, rule)
    ious = () if spec.anchor_free else RECALL_IOUS
    recalls = {f"{iou}": best_possible_recall(sizes, spec.levels, iou) for iou in ious}

    write_table(costs.table(rows, chosen.latency.layers_ms), report / "costs.csv")
    write_table(ranking.table(ranked), report / "candidates.csv")
    summary = {
        "anchors": {"boxes": len(sizes), "recall_by_iou": recalls},
        "budget": [{**asdict(line), "within": line.within} for line in chosen.lines],
        "card": card.model_dump(mode="json"),
        "device": wanted.device,
        "ops": [asdict(gate) for gate in chosen.gates],
        "latency": {k: v for k, v in asdict(chosen.latency).items() if k != "layers_ms"}
        | {"estimated_ms": sum(chosen.latency.layers_ms)},
        "ranking": {"order": ranking.ORDER, "rank": place + 1, "of": len(ranked)},
        "totals": asdict(chosen.totals),
        "verdict": verdict,
    }
    (report / "design.json").write_text(
        json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    costs_picture.draw(rows, chosen.latency.layers_ms, card.title, report / "costs.png")

    for gate in chosen.gates:
        say(gate.text)
    for line in chosen.lines:
        mark = "" if line.within else "   <-- OVER BUDGET"
        say(f"{line.name:>10} {line.found:8.3g} of {line.limit:g} {line.unit} ({line.note}){mark}")
    for iou, recall in recalls.items():
        say(f"{recall:.1%} of {len(sizes)} training boxes meet an anchor at IoU {iou}")
    if len(ranked) > 1:
        say(f"number {place + 1} of {len(ranked)} candidates: {chosen.text}, which params name")
    if place:
        say(f"number 1: {ranked[0].text}")
    say(f"{verdict.upper()} for {card.title}")


if __name__ == "__main__":
    design()
