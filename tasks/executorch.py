"""Write the trained net as ExecuTorch files and hold them against the net and the LiteRT files.

    make executorch

No stage: it runs in an environment of its own on what the stages have left, and nothing of the
pipeline reads its result, models/executorch. It fails as the stage `verify` does.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from pocketdet import profiling, project
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector import net
from pocketdet.errors import ExportError, PocketdetError
from pocketdet.exporting import ledger, noise, variants
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.served import Trained
from pocketdet.exporting.verify import Effort
from pocketdet.exporting.verify import verify as run_all
from pocketdet.files import whole_folder
from pocketdet.preprocess import load_rgb, to_input
from pocketdet.quiet import quiet
from pocketdet.runtimes.executorch import ExecuTorchRuntime
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.runtimes.litert import LiteRTRuntime
from pocketdet.scoring.bootstrap import Plan
from tasks import params as params_file
from tasks.stage import say
from tasks.verify import LEVEL

ROUNDS = 5  # of each file in turn, so that what else the computer does meets all of them


def executorch(root: Path) -> None:
    """Write, compare and time; the paths are those of `verify` in dvc.yaml."""
    params = params_file.load(root / "params.yaml")
    raw, dataset, subsets, design, trained, converted = (
        project.option(root, "verify", name)
        for name in ("raw", "dataset", "subsets", "design", "trained", "converted")
    )
    out = converted.parent / "executorch"
    stages = Contract.load(converted / "contract.json")
    rule, score_min = stages.preprocessing, params.evaluate.score_min
    names = (converted / noise.CALIBRATION).read_text(encoding="utf-8").splitlines()
    pictures = [to_input(load_rgb(raw / name), rule) for name in names]
    with quiet():
        model = net.load(design, trained, batch=1)
    source = Trained(
        model, stages.net, rule, stages.operating_point, score_min, pictures, params.convert
    )
    shutil.rmtree(out, ignore_errors=True)
    with whole_folder(out) as folder:
        folder.mkdir()
        described = []
        for name, recipe in variants.APART.items():
            path = folder / recipe.file
            with quiet():
                recipe.write(path, source)
            say(f"{path.name}: {ledger.size_mb(path):.2f} MB")
            described.append(recipe.describe(name, path, source))
        contract = replace(stages, variants=tuple(described))
        contract.save(folder / "contract.json")
        outcome = run_all(
            Dataset.load(dataset / "dataset.json").subset(read_paths(subsets / "test.txt")),
            raw,
            contract,
            folder,
            KerasRuntime(model, stages.net),
            score_min,
            Effort(params.verify.images, params.verify.coreml_images),
            variants.limits(list(variants.APART), params.verify.max_ap_drop),
            Plan(params.verify.resamples, LEVEL, params.seed),
            say,
        )
        say(ledger.as_text(outcome.rows))
        if problems := list(ledger.failures(outcome.rows, params.verify.max_lost, {})):
            raise ExportError("\n  ".join([f"{len(problems)} checks fail", *problems]))
        text = ledger.as_json(outcome.rows, outcome.net_ap, noise.calibration(converted))
        (folder / "ledger.json").write_text(text, encoding="utf-8")
        files = {}
        for name in variants.APART:
            pair = contract.variant(name), stages.variant(name.removeprefix("executorch_"))
            files[name] = (
                ExecuTorchRuntime(folder / pair[0].file, contract.net),
                LiteRTRuntime(converted / pair[1].file, contract.net),
            )
        times = latencies(files, pictures[0], params.profile.runs, params.profile.warmup)
        for name, row in times.items():
            say("{}: {p50_ms:.2f} ms, LiteRT {litert_p50_ms:.2f} ms".format(name, **row))
        value = {"host": profiling.host(), "rounds": ROUNDS, "files": times}
        (folder / "latency.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    say(f"{out.relative_to(root)}: {', '.join(variant.file for variant in described)}")


def latencies(
    files: Mapping[str, tuple[Any, Any]], picture: Any, runs: int, warmup: int
) -> dict[str, dict[str, float]]:
    """One thread of this computer, p50 of each round; of the rounds the median.

    Args:
        files: Name -> the runtimes of the ExecuTorch file and of LiteRT's.
        picture: (H, W, 3) uint8.
        runs: Timed calls a round.
        warmup: Calls before those.
    """
    found: dict[str, dict[str, float]] = {}
    for name, pair in files.items():
        rounds = [
            [profiling.measure(partial(r.run, picture), runs, warmup).p50_ms for r in pair]
            for _ in range(ROUNDS)
        ]
        own, other = (median(column) for column in zip(*rounds, strict=True))
        ratio = median(a / b for a, b in rounds)
        found[name] = {"p50_ms": own, "litert_p50_ms": other, "times_litert": ratio}
    return found


def main() -> None:
    """Run it on the project that the current folder is in."""
    try:
        executorch(project.root())
    except (PocketdetError, OSError) as error:
        sys.stderr.write(f"executorch: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
