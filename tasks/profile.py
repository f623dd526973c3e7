"""Measure what the LiteRT files cost: size, multiply-accumulates, memory, time on this computer."""

import csv
import json
from dataclasses import asdict, fields
from pathlib import Path

from pocketdet import profiling
from pocketdet.config import Params
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.contract import Contract
from tasks.stage import say, stage


@stage(outs=("report",))
def profile(params: Params, converted: Path, report: Path) -> None:
    """Write profile.json for all LiteRT files and layers.csv for the int8 one."""
    section = params.profile
    contract = Contract.load(converted / "contract.json")
    int8 = converted / contract.variant("int8").file
    files = {}
    for variant in contract.variants:
        if variant.runtime == "LiteRT":
            found = profiling.profile(
                converted / variant.file, contract, section.runs, section.warmup
            )
            files[variant.name] = found
            say(
                f"{variant.name}: {found.size_mb:.2f} MB, {found.mmac:.1f} MMAC, peak "
                f"{found.peak_activation_mb:.2f} MB of activations, "
                f"{found.host_net.p50_ms:.2f} ms here (p90 {found.host_net.p90_ms:.2f})"
            )
    pre, post = profiling.around(int8, contract, section.runs, section.warmup)
    say(f"pre-processing {pre.p50_ms:.2f} ms, post-processing {post.p50_ms:.2f} ms here")
    report.mkdir()
    value = {
        "files": {name: asdict(found) for name, found in files.items()},
        "host": profiling.host(),
        "host_pre": asdict(pre),
        "host_post": asdict(post),
        "runs": section.runs,
    }
    text = json.dumps(value, indent=1)
    (report / "profile.json").write_text(text + "\n", encoding="utf-8")
    with (report / "layers.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(profiling.Layer))
        for layer in profiling.layers(flatbuffer.read(int8)):
            shape = "x".join(map(str, layer.shape))
            writer.writerow({**asdict(layer), "shape": shape}.values())


if __name__ == "__main__":
    profile()
