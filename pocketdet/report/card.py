"""The model card and the licence note that travel inside a bundle."""

from pocketdet.detector.backbones import BACKBONES
from pocketdet.report import score_tables, tables
from pocketdet.report.facts import Facts
from pocketdet.report.tables import Table
from pocketdet.report.verdict import Verdict

LICENCES = """\
# Licences

- The code that made this bundle, pocketdet: Apache License 2.0.
- Backbone `{backbone}`, initial weights `{weights}`: {origin}
- The trained weights are derived from these and from the pictures named in stats.json; whoever
  ships this bundle has to check that the pictures' licences allow it.
- `golden/photo.ppm` is one of these pictures, for self-tests: its own licence applies to it.

Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0
"""


def licences(facts: Facts) -> str:
    """Where the weights come from, and on what terms."""
    net = facts.net or {}
    backbone, weights = net.get("backbone", "unknown"), net.get("weights", "unknown")
    if weights == "imagenet" and backbone in BACKBONES:
        origin = BACKBONES[backbone].origin
    else:
        origin = "random, no licence applies." if weights == "none" else "the user's own file."
    return LICENCES.format(backbone=backbone, weights=weights, origin=origin)


def model_card(name: str, facts: Facts, verdict: Verdict) -> str:
    """What the model is, how good it is, and how to run it, as Markdown."""
    net = facts.net or {}
    w, h = net.get("input_wh", ("?", "?"))
    parts = [
        f"# {name}",
        f"An object detector for {', '.join(net.get('classes', ['?']))}, made by pocketdet.",
        f"## Verdict: {verdict.word}",
        "\n".join(f"    {line}" for line in verdict.text()),
        "## What it is",
        f"{net.get('backbone')} backbone, {w} x {h} px input, {net.get('neck_channels')} channels "
        "in neck and head; all of it in arch.json.",
        "## How good it is",
        "COCO's average precision of the trained net; test pictures were used for nothing else.",
        _markdown(score_tables.scores(facts)),
        "At the operating point of params.json:",
        _markdown(score_tables.operating_point(facts)),
        "What each file loses against the trained net:",
        _markdown(tables.ledger(facts)),
        "How int8 was quantised, tried in this order:",
        _markdown(tables.remedies(facts)),
        "## How to run it",
        f"    pocketdet detect photo.jpg --bundle {name}.zip --out found",
        f"Feed RGB pixels 0..255, the upright picture {facts.resize}; the normalisation is inside "
        "every file. contract.json has inputs, outputs and box coding, params.json the "
        "thresholds, labels.txt the classes in the order of their numbers. A detection of a class "
        "is reported from its own entry in class_score_min on. Files that suppress by themselves "
        "know the lowest threshold only, score_min: there the app drops the rest, which changes "
        "nothing else, as a weaker box never suppresses a better one.",
        "## What it was made from",
        _markdown(tables.subsets(facts)),
        tables.teacher(facts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown(table: Table | None) -> str:
    if table is None:
        return "Not run."
    right = set(table.numeric)
    rule = ["---:" if i in right else "---" for i in range(len(table.header))]
    rows = [table.header, rule, *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
