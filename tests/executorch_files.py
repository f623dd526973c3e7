"""Writes and runs the tiny net's ExecuTorch files, for test_executorch.py; in their environment.

python tests/executorch_files.py FOLDER OUT: what was found goes to OUT, as JSON and outputs.npz.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from torch import nn

from pocketdet.delivery.bundle import loads
from pocketdet.detector import net
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting import executorch, golden, torch_net
from pocketdet.exporting.contract import Contract, coding_of
from pocketdet.exporting.variants import APART
from pocketdet.preprocess import Preprocessing, load_rgb
from pocketdet.runtimes.keras import KerasRuntime
from pocketdet.runtimes.opening import open_runtime

folder, out = map(Path, sys.argv[1:])
spec = NetSpec.load(folder / "design/net.json")
pictures = [load_rgb(path) for path in sorted((folder / "raw").glob("*.png"))]
model = net.load(folder / "design", folder / "trained", batch=1)
rule = Preprocessing.load(folder / "design/preprocessing.json")
point = OperatingPoint.load(folder / "point.json")
out.mkdir()
facts, arrays, described, runtimes = {}, {}, [], {}
for name, precision in executorch.PRECISIONS.items():
    path = out / APART[name]
    executorch.write(path, model, spec, precision, pictures)
    first = path.read_bytes()
    executorch.write(path, model, spec, precision, pictures)
    described.append(executorch.describe(name, path, spec))
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

contract = Contract(spec, rule, point, tuple(described), coding_of(spec))
keras_runtime = KerasRuntime(model, spec)
vectors = golden.record(pictures[0], keras_runtime, runtimes, contract)
facts["golden"] = {c.variant: c.state for c in golden.check(vectors, contract, runtimes)}
facts["boxes"] = len(loads(vectors[f"{golden.FOLDER}/golden.json"])["detections"]["net"])

# A backbone with ReLU, whose values go far beyond ReLU6's.
relu_spec = replace(spec, backbone="mobilenet_v3_small_minimalistic", width=1.0)
keras.utils.set_random_seed(0)
relu_net = net.build(relu_spec, batch=1)
for layer in relu_net.layers:
    if layer.name.endswith("_bn"):
        layer.momentum = 0.0
        layer.gamma.assign(2 * layer.gamma)
        layer.beta.assign(layer.beta + 3)
relu_net(pictures[0][None].astype(np.float32), training=True)
wanted, facts["relu"] = KerasRuntime(relu_net, relu_spec).raw(pictures[0]), {}
for precision in executorch.PRECISIONS.values():
    path = out / f"relu_{precision}.pte"
    executorch.write(path, relu_net, relu_spec, precision, pictures)
    runtime = open_runtime(path, relu_spec)
    off = [
        np.abs(value - wanted[n]).mean() / wanted[n].std()
        for n, value in runtime.raw(pictures[0]).items()
    ]
    facts["relu"][precision] = [runtime.partitions, float(max(off))]


def refusal(call) -> str:
    try:
        call()
    except ExportError as error:
        return str(error)
    return ""


whole = out / APART["executorch_fp32"]
broken = out / "broken.pte"
broken.write_bytes(whole.read_bytes()[:5000])
other = replace(spec, classes=("person",))
known = dict(torch_net.MODULES)
torch_net.MODULES = {**known, "ReLU": lambda step, _: nn.ELU()}
outside = refusal(lambda: executorch.write(out / "elu.pte", model, spec, "fp32", ()))
torch_net.MODULES = {kind: make for kind, make in known.items() if kind != "Enlarge"}
facts["refusals"] = {
    "broken": refusal(lambda: open_runtime(broken, spec)),
    "other": refusal(lambda: open_runtime(whole, other)),
    "outside": outside,
    "unknown": refusal(lambda: executorch.write(out / "unknown.pte", model, spec, "fp32", ())),
    "left": [path.name for name in ("elu", "unknown") if (path := out / f"{name}.pte").exists()],
}
(out / "facts.json").write_text(json.dumps(facts))
