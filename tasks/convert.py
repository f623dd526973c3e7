"""Write the trained net as files for LiteRT, ONNX Runtime and Core ML, and their contract."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from pocketdet.config import Params
from pocketdet.dataset import read_paths
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.exporting.ledger import size_mb
from pocketdet.preprocess import Preprocessing, load_rgb, to_input
from pocketdet.quiet import quiet
from tasks.stage import say, stage


@stage(outs=("converted",))
def convert(
    params: Params,
    raw: Path,
    subsets: Path,
    design: Path,
    trained: Path,
    point: Path,
    converted: Path,
) -> None:
    """Write fp32, fp16 and int8 .tflite, .onnx, .mlpackage, contract.json and calibration.txt."""
    with quiet():
        import tensorflow as tf

        from pocketdet.detector import net
        from pocketdet.exporting import coreml, litert, onnx, served
        from pocketdet.exporting.contract import Contract
    tf.get_logger().setLevel("ERROR")

    spec = NetSpec.load(design / "net.json")
    rule = Preprocessing.load(design / "preprocessing.json")
    operating_point = OperatingPoint.load(point)
    names = calibration(subsets / "train.txt", params.convert.calibration_images, params.seed)
    pictures = [to_input(load_rgb(raw / name), rule) for name in names]
    say(f"calibration: {len(pictures)} pictures of the training subset")
    model = net.load(design, trained, batch=1)
    whole, core = served.serve(model), served.serve(served.without_normalisation(model))
    converted.mkdir()
    (converted / "calibration.txt").write_text("\n".join(names) + "\n", encoding="utf-8")

    paths = [converted / f"{name}.tflite" for name in ("fp32", "fp16", "int8")]
    fp32, fp16, int8 = paths
    _written(fp32, lambda: fp32.write_bytes(litert.convert(whole, "fp32")))
    _written(fp16, lambda: fp16.write_bytes(litert.convert(whole, "fp16")))
    _written(int8, lambda: int8.write_bytes(litert.quantise(core, rule, pictures)))
    onnx_file, package = converted / "detector.onnx", converted / "detector.mlpackage"
    opset, ios = params.convert.onnx_opset, params.convert.coreml_ios
    _written(onnx_file, lambda: onnx_file.write_bytes(onnx.convert(whole, opset)))
    _written(package, lambda: coreml.convert(whole, spec, rule, operating_point, ios, package))
    variants = [litert.describe(path, rule) for path in paths]
    variants += [onnx.describe(onnx_file), coreml.describe(package)]
    Contract(spec, rule, operating_point, tuple(variants)).save(converted / "contract.json")


def calibration(subset: Path, count: int, seed: int) -> list[str]:
    """Image paths drawn from a subset's list, sorted; all of it if it has no more."""
    paths = sorted(read_paths(subset))
    return sorted(random.Random(seed).sample(paths, min(count, len(paths))))


def _written(path: Path, write: Callable[[], object]) -> None:
    """Write a file or folder and say how large it is and how long it took."""
    start = time.monotonic()
    with quiet():
        write()
    say(f"{path.name}: {size_mb(path):.2f} MB in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    convert()
