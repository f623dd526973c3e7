"""Measure what the LiteRT files cost: size, multiply-accumulates, memory, time on this computer."""

import json
from dataclasses import asdict, fields
from pathlib import Path

from pocketdet.config import Params
from pocketdet.devices import measured as measurements
from pocketdet.exporting import flatbuffer
from pocketdet.exporting.contract import Contract
from pocketdet.profiling import host as profiling
from tasks.stage import say, stage, write_table


@stage(outs=("report",))
def profile(params: Params, converted: Path, measured: Path, report: Path) -> None:
    """Write profile.json for all LiteRT files and layers.csv for the int8 one."""
    section = params.profile
    contract = Contract.load(converted / "contract.json")
    int8 = converted / contract.variant("int8").file
    timed = [row for row in measurements.read(measured) if row.net == contract.net]
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
                f"{found.host_net.p50_ms:.2f} ms here (p90 {found.host_net.p90_ms:.2f}), start "
                f"{found.host_start_ms:.0f} ms, process {found.host_peak_mb:.0f} MB"
            )
    pre, post = profiling.around(int8, contract, section.runs, section.warmup)
    say(f"pre-processing {pre.p50_ms:.2f} ms, post-processing {post.p50_ms:.2f} ms here")
    for row in timed:
        say(f"measured: {row.text}: {row.times.mean_ms:.2f} ms, {row.times.runs} runs")
    report.mkdir()
    value = {
        "files": {name: asdict(found) for name, found in files.items()},
        "host": profiling.host(),
        "host_pre": asdict(pre),
        "host_post": asdict(post),
        "runs": section.runs,
        "measured": [
            {"card": row.card, "variant": row.variant, "sha256": row.sha256, **asdict(row.times)}
            for row in timed
        ],
    }
    text = json.dumps(value, indent=1)
    (report / "profile.json").write_text(text + "\n", encoding="utf-8")
    rows = [[field.name for field in fields(profiling.Layer)]]
    for layer in profiling.layers(flatbuffer.read(int8)):
        shape = "x".join(map(str, layer.shape))
        rows.append(list({**asdict(layer), "shape": shape}.values()))
    write_table(rows, report / "layers.csv")


if __name__ == "__main__":
    profile()
