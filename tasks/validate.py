"""Stage validate: all sources into one data set, every picture decoded, every drop counted."""

import csv
import json
import os
from pathlib import Path
from typing import Any

from pocketdet import checks, formats, policy
from pocketdet.config import Params
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadRules
from pocketdet.policy import Account
from tasks.stage import say, stage

MEMORY = Path(".pocketdet/decoded.jsonl")  # of this machine; deleting it costs time only
SAY_EVERY = 500  # pictures


@stage(outs=("dataset", "report"))
def validate(params: Params, raw: Path, dataset: Path, report: Path) -> None:
    """Read all sources into one data set and count every drop by reason."""
    rules = params.validate_
    sources = {}
    for name, source in rules.sources.items():
        if not (raw / name).is_dir():
            raise DatasetError(
                f"{raw / name}: source {name!r} of validate.sources is not there; "
                "import it, or take it out of params.yaml"
            )
        how = ReadRules(
            orientation=source.orientation,
            unannotated=source.unannotated,
            lenient=source.doubtful == "drop",
        )
        sources[name] = formats.read(source.format, raw / name, how)
    merged, accounts = policy.merge(sources, rules)
    policy.refuse_losses(accounts, rules.max_dropped)
    if not len(merged):
        raise DatasetError("no picture with an object is left; see validate.empty_images")

    def progress(done: int) -> None:
        if done % SAY_EVERY == 0:
            say(f"{done} of {len(merged)} pictures decoded")

    with checks.Memory(MEMORY) as memory:
        pictures = checks.inspect(merged, raw, memory, os.cpu_count() or 1, progress)

    dataset.mkdir()
    merged.save(dataset / "dataset.json")
    checks.save(pictures, dataset / "pictures.csv")
    report.mkdir()
    rows = {name: summary(account) for name, account in accounts.items()}
    (report / "summary.json").write_text(
        json.dumps({"sources": rows}, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )
    write_drops(accounts, report / "drops.csv")
    for name, account in accounts.items():
        say(
            f"{name}: {account.pictures} pictures, {account.boxes} boxes: "
            f"{account.classes.total()} count, {account.ignored.total()} ignored, "
            f"{account.mapped_to_drop.total()} dropped by mapping, {account.lost} lost"
        )


def summary(account: Account) -> dict[str, Any]:
    """The account of one source as data."""
    return {
        "pictures": account.pictures,
        "boxes": account.boxes,
        "classes": account.classes,
        "ignored": account.ignored,
        "dropped": account.by_reason(dropped=True),
        "changed": account.by_reason(dropped=False),
        "mapped_to_drop": account.mapped_to_drop,
        "pictures_without_objects_left_out": account.empty_dropped,
    }


def write_drops(accounts: dict[str, Account], path: Path) -> None:
    """Every row that was dropped or changed, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("source", "file", "record", "reason", "dropped", "boxes", "detail"))
        for name, account in accounts.items():
            for f in account.findings:
                kind = "yes" if f.dropped else "no"
                rows.writerow((name, f.file, f.record, f.reason, kind, f.boxes, f.detail))


if __name__ == "__main__":
    validate()
