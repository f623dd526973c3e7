"""Stage validate: all sources into one data set, every picture decoded, every drop counted."""

import json
import os
from pathlib import Path

from pocketdet import formats
from pocketdet.config import Params
from pocketdet.curation import account as accounting
from pocketdet.curation import checks, grouping, policy
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadRules
from tasks import spool
from tasks.stage import say, stage, write_table

MEMORY = "decoded.jsonl"  # among the state of this machine; deleting it costs time only
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
        sources[name] = formats.read(source.format, raw / name, ReadRules.of(source))
    merged, accounts = policy.merge(sources, rules)
    accounting.refuse_losses(accounts, rules.max_dropped)
    if not len(merged):
        raise DatasetError("no picture with an object is left; see validate.empty_images")

    merged = grouping.named(merged, raw, rules.sources)

    def progress(done: int) -> None:
        if done % SAY_EVERY == 0:
            say(f"{done} of {len(merged)} pictures decoded")

    with checks.Memory(spool.state() / MEMORY) as memory:
        pictures = checks.inspect(merged, raw, memory, os.cpu_count() or 1, progress)

    dataset.mkdir()
    merged.save(dataset / "dataset.json")
    checks.save(pictures, dataset / "pictures.csv")
    report.mkdir()
    summary = {
        "sources": {
            name: {**account.data(), "boxes_are": rules.sources[name].boxes}
            for name, account in accounts.items()
        },
        "policy": {name: rules.policy.of(name).model_dump() for name in rules.classes},
    }
    (report / "summary.json").write_text(
        json.dumps(summary, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    write_table(accounting.drop_rows(accounts), report / "drops.csv")
    write_table(accounting.violation_rows(accounts), report / "violations.csv")
    for name, account in accounts.items():
        say(
            f"{name}: {account.pictures} pictures, {account.boxes} boxes: "
            f"{account.classes.total()} count, {account.ignored.total()} ignored, "
            f"{account.mapped_to_drop.total()} dropped by mapping, "
            f"{account.policy_dropped.total() + account.rejected_boxes} by the policy, "
            f"{account.lost} lost"
        )


if __name__ == "__main__":
    validate()
