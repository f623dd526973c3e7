"""The tables of the report, from what the stages wrote down; None where a stage did not run."""

from collections.abc import Sequence
from dataclasses import dataclass

from pocketdet.dataset import ALL, SUBSETS
from pocketdet.detector.backbones import WHOLE, label
from pocketdet.report.costs import block
from pocketdet.report.facts import Facts

ABSENT = "–"
TOP_LAYERS = 10
BUDGET_NAMES = {
    "model_mb": "Model file",
    "mmac": "Multiply-accumulates",
    "peak_mb": "Peak activations",
    "latency_ms": "Latency",
    "ram_mb": "Memory",
}


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    Attributes:
        header: Column names.
        rows: Cells.
        numeric: Columns that hold numbers, aligned to the right.
        sums: First cells of the rows that sum up.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int]
    sums: Sequence[str] = ()


def number(value: float | str | None) -> str:
    """A measured number for people: three decimals below 1, else three digits that matter."""
    if value is None or value == "":
        return ABSENT
    value = float(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:.3g}"
    return f"{value:.3f}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def count(value: float | str | None) -> str:
    """A whole number for people."""
    return ABSENT if value is None or value == "" else f"{int(value):,}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> Table:
    """A table whose first columns are text and whose others are numbers."""
    return Table(header, rows, range(text_columns, len(header)), (ALL, "total"))


def training(facts: Facts) -> Table | None:
    """The epochs at the turning points: the first, the last of each phase, the one kept."""
    if not facts.history:
        return None
    last_of_phase = {row["phase"]: row for row in facts.history}
    notes: dict[str, str] = {facts.history[0]["epoch"]: "first"}
    for phase, row in last_of_phase.items():
        notes[row["epoch"]] = f"last {phase}"
    kept = next(row["epoch"] for row in facts.history if row["kept"] == "1")
    notes[kept] = f"{notes[kept]}, kept" if kept in notes else "kept"
    header = ("Epoch", "", "Step", "Learning rate", "Loss", "Loss on val", "AP on val")
    numbers = ("learning_rate", "loss", "val_loss", "val_AP")
    rows = [
        (row["epoch"], notes[row["epoch"]], row["step"], *(number(row[n]) for n in numbers))
        for row in facts.history
        if row["epoch"] in notes
    ]
    return table(header, rows, 2)


def teacher(facts: Facts) -> str:
    """The net that this one learnt from beside the truth; nothing if there was none."""
    found = facts.training or {}
    if "teacher" not in found:
        return ""
    return (
        f"It also learnt from another net, {found['teacher']} (sha256 {found['teacher_sha256']})."
    )


def subsets(facts: Facts) -> Table | None:
    """Sizes and identity of the subsets."""
    if not facts.subsets:
        return None
    counted = (facts.notes or {}).get("subsets", {})
    rows = [
        (
            name,
            count(row["images"]),
            count(counted.get(name, {}).get("objects")),
            row["sha256"][:16],
        )
        for name, row in sorted(facts.subsets.items(), key=lambda item: SUBSETS.index(item[0]))
    ]
    return Table(("Subset", "Pictures", "Objects", "sha256"), rows, (1, 2))


def sources(facts: Facts) -> Table | None:
    """Where the pictures and boxes come from."""
    if not facts.validation:
        return None
    counted = ("classes", "ignored", "dropped", "mapped_to_drop")
    rows = [
        (
            name,
            count(row["pictures"]),
            count(row["boxes"]),
            *(count(sum(row[key].values())) for key in counted),
        )
        for name, row in sorted(facts.validation["sources"].items())
    ]
    header = ("Source", "Pictures", "Boxes", "Objects", "Ignored", "Dropped", "Dropped by mapping")
    return table(header, rows, 1)


def drops(facts: Facts) -> Table | None:
    """What is ignored, changed or dropped, by source and reason."""
    if not facts.validation:
        return None
    rows = [
        (name, kind, reason, count(boxes))
        for name, source in sorted(facts.validation["sources"].items())
        for kind in ("ignored", "changed", "dropped")
        for reason, boxes in sorted(source[kind].items())
    ]
    return table(("Source", "", "Reason", "Boxes"), rows, 3) if rows else None


def ledger(facts: Facts) -> Table | None:
    """Every converted file beside the trained net."""
    if not facts.ledger:
        return None
    header = (
        *("File", "Runtime", "State", "MB", "AP", "AP lost", "Pictures compared"),
        *("Outputs differ by", "Boxes", "Missing", "Added", "Lowest IoU", "Scores differ by"),
    )
    rows = [
        (
            *(row[key] for key in ("file", "runtime", "status")),
            *(number(row[key]) for key in ("size_mb", "ap", "ap_drop")),
            count(row["images"]),
            number(row["tensor_max"]),
            *(count(row[key]) for key in ("boxes", "missing", "extra")),
            *(number(row[key]) for key in ("iou_min", "score_max")),
        )
        for row in facts.ledger["files"].values()
    ]
    return table(header, rows, 3)


def remedies(facts: Facts) -> Table | None:
    """What was tried to quantise the net, in order, and which of it ships."""
    tried = (facts.ledger or {}).get("int8")
    if not tried:
        return None
    header = ("Way", "How", "", "Layers in float", "MB", "XNNPACK pieces", "AP lost on val")
    rows = [
        (
            *(row[key] for key in ("remedy", "recipe")),
            "shipped" if row["remedy"] == tried["shipped"] else "",
            count(row["float_layers"]),
            number(row["size_mb"]),
            count(row["partitions"]),
            number(row["ap_drop"]),
        )
        for row in tried["tried"]
    ]
    return table(header, rows, 3)


def ledger_notes(facts: Facts) -> list[str]:
    """What each file's operations mean for the delegates of phones."""
    notes: dict[str, list[str]] = {}
    for row in (facts.ledger or {}).get("files", {}).values():
        if row.get("ops"):
            notes.setdefault(row["ops"], []).append(row["file"])
    return [f"{', '.join(names)}: {note}." for note, names in notes.items()]


def profile(facts: Facts) -> Table | None:
    """Size, work, memory and time of the LiteRT files."""
    if not facts.profile:
        return None
    times = ("Here p50, ms", "p90", "p99", "start, ms", "process, MB")
    header = ("File", "MB", "MMAC", "Peak activations, MB", *times)
    rows = [
        (
            name,
            *(number(row[key]) for key in ("size_mb", "mmac", "peak_activation_mb")),
            *(number(row["host_net"][key]) for key in ("p50_ms", "p90_ms", "p99_ms")),
            *(number(row[key]) for key in ("host_start_ms", "host_peak_mb")),
        )
        for name, row in facts.profile["files"].items()
    ]
    return table(header, rows, 1)


def profile_note(facts: Facts) -> str:
    """What the times mean."""
    if not facts.profile:
        return ""
    host, found = facts.profile["host"], facts.profile
    return (
        f"Here: {host['cpu']}, {host['threads']} thread, {found['runs']} runs, the net alone; "
        f"before it {found['host_pre']['p50_ms']:.1f} ms of resizing, after it "
        f"{found['host_post']['p50_ms']:.1f} ms of decoding. Start and memory are a fresh "
        "process's, up to its first result. These times compare files with each other; they are "
        "not a phone's."
    )


def measured(facts: Facts) -> Table | None:
    """What the shipped net took on devices; None where nobody timed it."""
    rows = [
        (
            row["card"],
            row["device"],
            row["variant"],
            row["unit"],
            *(number(row[key]) for key in ("mean_ms", "min_ms", "max_ms", "start_ms", "memory_mb")),
        )
        for row in (facts.profile or {}).get("measured", [])
    ]
    times = ("Mean, ms", "fastest", "slowest", "start, ms", "memory, MB")
    return table(("Card", "Measured on", "File", "Unit", *times), rows, 4) if rows else None


def design(facts: Facts) -> Table | None:
    """The net in one table: what was chosen, and what it was expected to cost."""
    if not (facts.design and facts.net):
        return None
    net = facts.net
    w, h = net["input_wh"]
    shapes = [len(level["anchors_wh"]) for level in net["levels"]]
    strides = ", ".join(
        f"{level['stride']} ({n})" if n else f"{level['stride']}"
        for level, n in zip(net["levels"], shapes, strict=True)
    )
    recalls = facts.design["anchors"]["recall_by_iou"]
    rows = [
        (
            "Backbone",
            label(net["backbone"], net["width"], net.get("truncate_after", WHOLE))
            + f", weights {net['weights']}",
            "",
            "",
        ),
        ("Input", f"{w} x {h} px", "", facts.resize),
        ("Neck and head", f"{net['neck_channels']} channels", "", ""),
        ("Blocks before each prediction", count(net["head_blocks"]), "", "depthwise-separable"),
        ("Strides (anchors)" if any(shapes) else "Strides", strides, "px", ""),
        *(
            (f"Boxes that meet an anchor at IoU {iou}", f"{recall:.1%}", "", "of training")
            for iou, recall in recalls.items()
        ),
        ("Weights", count(facts.design["totals"]["weights"]), "", ""),
        *(
            (
                BUDGET_NAMES.get(line["name"], line["name"]),
                f"{number(line['found'])} of {number(line['limit'])}",
                line["unit"],
                line["note"] + ("" if line["within"] else "; OVER BUDGET"),
            )
            for line in facts.design["budget"]
        ),
    ]
    return Table(("", "", "", ""), rows, ())


def design_rationale(facts: Facts) -> list[str]:
    """Why this net: what of the budget it uses, and how well its anchors fit the objects."""
    if not facts.design:
        return []
    used = {
        BUDGET_NAMES.get(line["name"], line["name"]): line["found"] / line["limit"]
        for line in facts.design["budget"]
        if line["limit"]
    }
    sentences = []
    if used:
        nearest = max(used, key=lambda name: used[name])
        shares = ", ".join(f"{name.lower()} {share:.0%}" for name, share in used.items())
        sentences.append(
            f"Of the budget it uses: {shares}. {nearest} is what a larger net would break first."
        )
    recalls = facts.design["anchors"]["recall_by_iou"]
    if recalls:
        fit = " and ".join(f"{recall:.1%} at IoU {iou}" for iou, recall in recalls.items())
        sentences.append(
            f"Its anchors were made from the training objects: of those {fit} meet one. What meets "
            "none can only be found by boxes that move far."
        )
    return sentences


def candidates(facts: Facts) -> Table | None:
    """The net among others that were costed, in their order; None where there were no others."""
    if len(facts.candidates or ()) < 2:
        return None
    header = (
        *("", "", "Backbone", "Input", "Over budget", "Latency, ms", "Large enough"),
        *("MMAC", "int8 MB", "Peak MB", "Outside delegates"),
    )
    rows = [
        (
            row["rank"],
            "this net" if row["configured"] else "",
            label(row["backbone"], float(row["width"]), row["truncate_after"]),
            row["input"].replace("x", " x "),
            ", ".join(BUDGET_NAMES[name].lower() for name in row["over"].split()),
            f"{number(row['latency_ms'])} ({number(row['low_ms'])} to {number(row['high_ms'])}), "
            + row["basis"],
            f"{float(row['objects_resolved']):.1%}",
            *(number(row[key]) for key in ("mmac", "model_mb", "peak_mb")),
            row["outside"] or "none",
        )
        for row in facts.candidates or ()
    ]
    return Table(header, rows, range(6, 10))


def blocks(facts: Facts) -> Table | None:
    """What each block of the backbone costs, each a place to cut it, then neck and head."""
    if not facts.costs:
        return None
    sums: dict[str, list[float]] = {}
    outputs: dict[str, str] = {}
    for row in facts.costs:
        name = block(row["name"])
        numbers = (float(row["macs"]), float(row["weights"]), float(row["estimated_ms"]))
        sums[name] = [a + b for a, b in zip(sums.get(name, (0, 0, 0)), numbers, strict=True)]
        outputs[name] = row["output_shape"].replace("x", " x ") if "backbone" in name else ""
    macs, weights, ms = map(sum, zip(*sums.values(), strict=True))
    rows = [
        (
            name,
            outputs[name],
            *(f"{one[0] / 1e6:.1f}", f"{one[0] / macs:.1%}"),
            *(f"{one[1] / 1e3:.1f}", f"{one[1] / weights:.1%}"),
            *(f"{one[2]:.2f}", f"{one[2] / ms:.1%}"),
        )
        for name, one in sums.items()
    ]
    header = ("Part", "Output", "MMAC", "Share", "Weights, kB", "Share", "Estimated ms", "Share")
    return table(header, rows, 2)


def costs(facts: Facts) -> Table | None:
    """The operations with most multiply-accumulates; of int8, a weight or value is a byte."""
    if not facts.costs:
        return None
    total = sum(int(row["macs"]) for row in facts.costs)
    most = sorted(facts.costs, key=lambda row: -int(row["macs"]))[:TOP_LAYERS]
    rows = [
        (
            row["name"],
            row["type"],
            row["output_shape"].replace("x", " x "),
            f"{int(row['macs']) / 1e6:.1f}",
            f"{int(row['macs']) / total:.1%}",
            f"{int(row['weights']) / 1e3:.1f}",
            f"{(int(row['read']) + int(row['written'])) / 1e3:.1f}",
            f"{float(row['estimated_ms']):.2f}",
        )
        for row in most
    ]
    sizes = ("Weights, kB", "Moves, kB")
    header = ("Layer", "Kind", "Output", "MMAC", "Share", *sizes, "Estimated ms")
    return table(header, rows, 3)
