"""Writes and runs the tiny net's ExecuTorch files, for test_executorch.py; in their environment.

python tests/executorch_files.py FOLDER OUT: what was found goes to OUT, as JSON and outputs.npz.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from pocketdet.bundle import loads
from pocketdet.detector import net
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import golden, torch_net
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.exporting.served import Trained
from pocketdet.exporting.variants import APART
from pocketdet.preprocess import Preprocessing, load_rgb
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.runtimes.opening import open_runtime
from tasks import params

folder, out = map(Path, sys.argv[1:])
spec = NetSpec.load(folder / "design/net.json")
pictures = [load_rgb(path) for path in sorted((folder / "raw").glob("*.png"))]
trained = Trained(
    net.load(folder / "design", folder / "trained", batch=1),
    spec,
    Preprocessing.load(folder / "design/preprocessing.json"),
    OperatingPoint.load(folder / "point.json"),
    0.01,
    pictures,
    params.load(folder / "params.yaml").convert,
)
out.mkdir()
facts, arrays, described, runtimes = {}, {}, [], {}
for name, recipe in APART.items():
    path = out / recipe.file
    recipe.write(path, trained)
    first = path.read_bytes()
    recipe.write(path, trained)
    described.append(recipe.describe(name, path, trained))
    runtimes[name] = runtime = open_runtime(path, spec)
    facts[name] = {
        "same bytes": first == path.read_bytes(),
        "partitions": runtime.partitions,
        "inputs": [[t.name, t.shape, t.dtype] for t in described[-1].inputs],
        "outputs": [t.name for t in described[-1].outputs],
    }
    for number, picture in enumerate(pictures):
        maps = runtime.raw(picture)
        arrays |= {f"{name}/{number}/{key}": value for key, value in maps.items()}
np.savez(out / "outputs.npz", **arrays)

contract = Contract(spec, trained.rule, trained.point, tuple(described), coding_of(spec))
keras_runtime = KerasRuntime(trained.model, spec)
vectors = golden.record(pictures[0], keras_runtime, runtimes, contract)
facts["golden"] = {c.variant: c.state for c in golden.check(vectors, contract, runtimes)}
facts["boxes"] = len(loads(vectors[f"{golden.FOLDER}/golden.json"])["detections"]["net"])


def refusal(call) -> str:
    try:
        call()
    except ExportError as error:
        return str(error)
    return ""


recipe = APART["executorch_fp32"]
broken = out / "broken.pte"
broken.write_bytes((out / recipe.file).read_bytes()[:5000])
other = replace(spec, classes=("person",))
known = dict(torch_net.MODULES)
torch_net.MODULES = {**known, "ReLU": lambda step, _: nn.ELU()}
outside = refusal(lambda: recipe.write(out / "elu.pte", trained))
torch_net.MODULES = {kind: make for kind, make in known.items() if kind != "Enlarge"}
facts["refusals"] = {
    "broken": refusal(lambda: open_runtime(broken, spec)),
    "other": refusal(lambda: open_runtime(out / recipe.file, other)),
    "outside": outside,
    "unknown": refusal(lambda: recipe.write(out / "unknown.pte", trained)),
    "left": [path.name for name in ("elu", "unknown") if (path := out / f"{name}.pte").exists()],
}
(out / "facts.json").write_text(json.dumps(facts))
