"""What a bundle is made of, from the results of the stages: file name -> content."""

from dataclasses import asdict
from pathlib import Path

from pocketdet import appcode
from pocketdet.delivery.bundle import dump
from pocketdet.errors import BundleError
from pocketdet.exporting import golden
from pocketdet.exporting.contract import Contract
from pocketdet.report import card
from pocketdet.report.facts import Facts
from pocketdet.report.verdict import Verdict

MODEL = "int8.tflite"  # what the budget is about, and what `pocketdet detect` runs
STATS = (
    *("validation", "subsets", "recipe", "training", "metrics", "notes", "per_class"),
    *("ledger", "profile"),
)


def contents(
    name: str,
    facts: Facts,
    verdict: Verdict,
    contract: Contract,
    converted: Path,
    verified: Path,
    weights: Path,
) -> dict[str, bytes]:
    """All files of a bundle but its manifest.

    Args:
        name: Of the bundle.
        facts: What the stages wrote down.
        verdict: Pass or fail.
        contract: Of the converted files.
        converted: Their folder.
        verified: What the verify stage left, for the golden vectors.
        weights: The trained weights.

    Raises:
        BundleError: A file that the contract names is not there.
    """
    arch = {
        "net": asdict(contract.net),
        "totals": (facts.design or {}).get("totals"),
        "device": (facts.design or {}).get("card"),
        "latency": (facts.design or {}).get("latency"),
        "layers": [{key: _plain(value) for key, value in row.items()} for row in facts.costs or ()],
    }
    params = {
        "model": MODEL,
        "operating_point": asdict(contract.operating_point),
        "preprocessing": asdict(contract.preprocessing),
    }
    stats = {"verdict": verdict.as_json()} | {key: getattr(facts, key) for key in STATS}
    files = {
        "README.md": card.model_card(name, facts, verdict).encode(),
        "LICENSES.md": card.licences(facts).encode(),
        "arch.json": dump(arch),
        "params.json": dump(params),
        "stats.json": dump(stats),
        "labels.txt": "".join(f"{label}\n" for label in contract.net.classes).encode(),
        "contract.json": (converted / "contract.json").read_bytes(),
        "weights.safetensors": weights.read_bytes(),
    }
    for variant in contract.variants:
        files |= _model(converted, variant.file)
    for path in sorted((verified / golden.FOLDER).rglob("*")):
        if path.is_file():
            files[path.relative_to(verified).as_posix()] = path.read_bytes()
    files |= appcode.files(contract)
    if MODEL not in files:
        raise BundleError(f"{converted}: no {MODEL}, which `pocketdet detect` runs; convert again")
    return files


def _model(converted: Path, name: str) -> dict[str, bytes]:
    """A model file, or all files of a model folder such as .mlpackage."""
    root = converted / name
    paths = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    if not paths:
        raise BundleError(f"{root}: not found, yet contract.json names it; run convert again")
    return {path.relative_to(converted).as_posix(): path.read_bytes() for path in paths}


def _plain(text: str) -> int | float | str:
    """A CSV's cell as the number that it is."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
