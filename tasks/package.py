"""Say pass or fail, write the report, and put all that an app needs into one bundle."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pocketdet.config import Params
from pocketdet.delivery import bundle as bundles
from pocketdet.delivery.packing import contents
from pocketdet.exporting.contract import Contract
from pocketdet.files import sha256
from pocketdet.report import facts, verdict
from pocketdet.report import page as pages
from tasks import tags, tracking
from tasks.stage import final, say, stage

# Beside report and bundle, what MLflow shows without opening either: (below reports, name there).
PICTURES = {
    "evaluate/sheet.jpg": "sheet.jpg",
    "evaluate/precision_recall.png": "precision_recall.png",
    "evaluate/pictures": "worst",
    "evaluate/samples": "samples",
    "evaluate/errors": "errors",
    "train/curves.png": "curves.png",
    "augment/preview.jpg": "preview.jpg",
}


@stage(outs=("bundle", "page"))
def package(
    params: Params,
    subsets: Path,
    design: Path,
    trained: Path,
    point: Path,
    converted: Path,
    reports: Path,
    bundle: Path,
    page: Path,
) -> None:
    """Write the bundle as folder and zip, and the report; say pass or fail."""
    name, weights = params.package.name, trained / "weights.safetensors"
    found = facts.read(reports, subsets, design, point)
    judged = verdict.judge(found, params.design.budget, params.package.min_ap50)
    contract = Contract.load(converted / "contract.json")
    bundle.mkdir()
    files = contents(name, found, judged, contract, converted, reports / "verify", weights)
    _, archive = bundles.write(bundle, name, files)
    page.mkdir()
    html = pages.render(name, found, judged, reports)
    (page / "index.html").write_text(html, encoding="utf-8")

    slices = (found.notes or {}).get("slices", {})
    pictures = {there: reports / here for here, there in PICTURES.items()}
    tracking.record_result(
        sha256(weights),
        params,
        inputs={name: row["sha256"] for name, row in (found.subsets or {}).items()}
        | {f"{row['subset']}.{name}": row["sha256"] for name, row in slices.items()},
        metrics=dict(numbers({**(found.metrics or {}), "device": found.device_ms})),
        artifacts={"report": page, f"bundle/{archive.name}": archive}
        | {there: path for there, path in pictures.items() if path.exists()},
        tags=tags.of_result(judged.word),
    )
    for line in judged.text():
        say(line)
    kept = sum(line.state == "pass" for line in judged.lines)
    say(f"{judged.word}: {name} keeps {kept} of {len(judged.lines)} promises")
    say(f"report: {final(page) / 'index.html'}")
    say(f"bundle: {final(bundle) / archive.name}")


def numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of nested metrics by path, such as test/AP50; undefined ones are left out.

    What MLflow takes in no name, such as the & of a class, becomes _.
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{key}/")
        elif value is not None:
            yield re.sub(r"[^\w./ -]", "_", f"{prefix}{key}"), float(value)


if __name__ == "__main__":
    package()
