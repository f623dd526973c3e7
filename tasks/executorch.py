"""Write the trained net as ExecuTorch files and hold them against the net and the LiteRT files.

    make executorch

No stage: it runs in an environment of its own on what the stages have left, and nothing of the
pipeline reads its result, models/executorch. It fails as the stage `verify` does.
"""

import json
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from pocketdet import project
from pocketdet.dataset import Dataset, read_paths
from pocketdet.detector import net
from pocketdet.errors import ExportError, PocketdetError
from pocketdet.exporting import calibration, ledger, variants
from pocketdet.exporting import executorch as exporter
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.verify import Effort
from pocketdet.exporting.verify import verify as run_all
from pocketdet.files import whole_folder
from pocketdet.preprocess import load_rgb, to_input
from pocketdet.profiling import host as profiling
from pocketdet.quiet import quiet
from pocketdet.runtimes.executorch import ExecuTorchRuntime
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.runtimes.litert import LiteRTRuntime
from pocketdet.scoring.bootstrap import Plan
from tasks import params as params_file
from tasks.stage import say
from tasks.verify import LEVEL


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
    pictures = [to_input(load_rgb(raw / name), rule) for name in calibration.names(converted)]
    with quiet():
        model = net.load(design, trained, batch=1)
    shutil.rmtree(out, ignore_errors=True)
    with whole_folder(out) as folder:
        folder.mkdir()
        described = []
        for name, precision in exporter.PRECISIONS.items():
            path = folder / variants.APART[name]
            with quiet():
                exporter.write(path, model, stages.net, precision, pictures)
            say(f"{path.name}: {ledger.size_mb(path):.2f} MB")
            described.append(exporter.describe(name, path, stages.net))
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
        text = ledger.as_json(outcome.rows, outcome.net_ap)
        (folder / "ledger.json").write_text(text, encoding="utf-8")
        times = {}
        for variant in described:
            other = stages.variant(exporter.PRECISIONS[variant.name]).file
            first = ExecuTorchRuntime(folder / variant.file, stages.net)
            second = LiteRTRuntime(converted / other, stages.net)
            own, its, ratio = profiling.in_turns(
                partial(first.run, pictures[0]),
                partial(second.run, pictures[0]),
                params.profile.runs,
                params.profile.warmup,
            )
            say(f"{variant.file}: {own:.2f} ms, {ratio:.2f} times {other} with {its:.2f} ms")
            times[variant.name] = {"p50_ms": own, "litert_p50_ms": its, "times_litert": ratio}
        value = {"host": profiling.host(), "files": times}
        (folder / "latency.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    say(f"{out.relative_to(root)}: {', '.join(variant.file for variant in described)}")


def main() -> None:
    """Run it on the project that the current folder is in."""
    try:
        executorch(project.root())
    except (PocketdetError, OSError) as error:
        sys.stderr.write(f"executorch: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
