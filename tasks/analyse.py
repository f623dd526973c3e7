"""Stage analyse: look at the data before anything is learnt from it."""

import csv
import json
from pathlib import Path

from pocketdet.analysis import agreement, exploration
from pocketdet.config import Params
from pocketdet.curation import checks, duplicates
from pocketdet.dataset import SUBSETS, Dataset, read_paths
from pocketdet.design.specify import specify
from pocketdet.preprocess import Preprocessing
from pocketdet.report import analysis, analysis_plots, analysis_sheets
from tasks.stage import say, stage, write_table

TWINS = 6  # groups of duplicates that are shown


@stage(outs=("report",))
def analyse(
    params: Params, raw: Path, dataset: Path, subsets: Path, validation: Path, report: Path
) -> None:
    """Write a page of counts, sizes, places, differences and faults, and its CSV files."""
    whole = Dataset.load(dataset / "dataset.json")
    members = {name: read_paths(subsets / f"{name}.txt") for name in SUBSETS}
    summary = json.loads((validation / "summary.json").read_text(encoding="utf-8"))
    contents, hashes = checks.hashes(whole, checks.load(dataset / "pictures.csv"))
    near_bits = params.split.near_duplicate_bits
    alike = duplicates.clusters(contents, hashes, near_bits)
    names = [image.group for image in whole]
    found = exploration.explore(
        whole,
        members,
        duplicates.clusters(contents, hashes, near_bits, names) if any(names) else alike,
        agreement.pairs(whole, alike, raw),
        {name: account["boxes_are"] for name, account in summary["sources"].items()},
        Preprocessing(params.design.input_wh, params.design.resize),
        specify(params.design, whole.subset(members["train"]), params.seed),
        params.analyse.bins,
    )

    report.mkdir()
    for name, rows in found.rows.items():
        write_table(rows, report / f"{name}.csv")
    analysis_plots.draw(found, report)
    say("plots drawn")
    for source in found.table.sources:
        sheet = analysis_sheets.samples(whole, source, raw)
        sheet.save(report / f"pictures_{source}.jpg", quality=85)
    twins = exploration.twin_pairs(found.rows["duplicates"], TWINS)
    if twins:
        analysis_sheets.twins(whole, twins, raw).save(report / "twins.jpg", quality=85)
    with (validation / "violations.csv").open(encoding="utf-8", newline="") as file:
        violations = list(csv.DictReader(file))
    if violations:
        sheet = analysis_sheets.violations(violations, raw)
        sheet.save(report / "violations.jpg", quality=85)
    table = json.loads((subsets / "subsets.json").read_text())
    content_hashes = {name: table[name]["sha256"] for name in SUBSETS}
    page = analysis.render(
        found, near_bits, content_hashes, summary["sources"], summary["policy"], report
    )
    (report / "index.html").write_text(page, encoding="utf-8")
    leaks = len({row[0] for row in found.rows["duplicates"][1:] if row[-1] == "yes"})
    say(
        f"{len(whole)} pictures, {leaks} groups straddle subsets, {len(violations)} boxes beyond a "
        "limit of the policy"
    )


if __name__ == "__main__":
    analyse()
