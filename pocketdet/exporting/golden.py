"""Golden vectors: one photo with all that an app computes from it, for the app to test itself.

    golden/photo.ppm       upright, RGB: "P6", width, height, 255 in a line each, then the pixels
    golden/input.bin       the net's input, uint8 RGB, rows from the top
    golden/net/NAME.bin    raw maps of the trained net, float32, little-endian
    golden/boxes.txt       final boxes of the net, best first: class number, score, x1 y1 x2 y2
    golden/golden.json     shapes, and the final boxes of the net and of every file, in photo px

Another processor rounds differently, so a file is held to its own boxes within `TOLERANCE`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.boxes import ious
from pocketdet.delivery.bundle import dump, loads
from pocketdet.detector.decode import Detections, Floats, candidates, detections
from pocketdet.errors import BundleError
from pocketdet.exporting.contract import Contract
from pocketdet.preprocess import to_input
from pocketdet.runtimes import Runtime

FOLDER = "golden"
MOST_SIDE = 640  # px, of the photo
MARGIN = 0.06  # of score, see `chosen`
NET = "net"
# Scores that differ by more, or boxes that overlap by less, are another result. Seen between x86
# with and without XNNPACK: 1e-6 in float32, 0.02 and 0.95 in int8.
TOLERANCE = {"score": 0.05, "iou": 0.9}

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Check:
    """What became of one file's golden vectors.

    Attributes:
        variant: The file's name in the contract.
        state: "ok", "failed" or "not run".
        note: What was compared, or what is wrong.
    """

    variant: str
    state: str
    note: str


def shrunk(rgb: Rgb) -> Rgb:
    """A photo that is small enough to ship."""
    scale = MOST_SIDE / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(PIL.fromarray(rgb).resize(size, PIL.Resampling.BILINEAR))


def chosen(found: Mapping[str, Detections], contract: Contract) -> str:
    """The path of the picture with most objects that are clear of the operating point.

    A box whose score is close to the threshold would come and go with a processor's rounding.

    Args:
        found: Image path -> the net's detections; from the operating point on or lower.
        contract: For the operating point.
    """
    limits = contract.operating_point.score_mins(len(contract.net.classes))

    def clear(path: str) -> tuple[int, int]:
        above = found[path].scores - limits[found[path].labels]
        return -int((abs(above) < MARGIN).sum()), int((above > MARGIN).sum())

    return max(sorted(found), key=clear)


def record(
    rgb: Rgb, net: Runtime, files: Mapping[str, Runtime], contract: Contract
) -> dict[str, bytes]:
    """The golden files, name -> content.

    Args:
        rgb: The photo, see `shrunk`.
        net: The trained net.
        files: Variant -> its file, ready to run.
        contract: Of the files.
    """
    picture = to_input(rgb, contract.preprocessing)
    outputs = {NET: net.raw(picture)}
    boxes = {NET: _boxes(net, outputs[NET], rgb, contract)}
    for name, runtime in files.items():
        raw = runtime.raw(picture)
        boxes[name] = _boxes(runtime, raw, rgb, contract)
    result = {
        f"{FOLDER}/photo.ppm": f"P6\n{rgb.shape[1]} {rgb.shape[0]}\n255\n".encode() + rgb.tobytes(),
        f"{FOLDER}/boxes.txt": _lines(boxes[NET]),
        f"{FOLDER}/input.bin": picture.tobytes(),
    }
    for name, maps in outputs.items():
        for output, value in maps.items():
            result[f"{FOLDER}/{name}/{output}.bin"] = value.astype("<f4").tobytes()
    result[f"{FOLDER}/golden.json"] = dump(
        {
            "photo_wh": [rgb.shape[1], rgb.shape[0]],
            "input": {"shape": list(picture.shape), "dtype": "uint8"},
            "outputs": {
                name: {output: list(value.shape) for output, value in maps.items()}
                for name, maps in outputs.items()
            },
            "detections": boxes,
            "tolerance": TOLERANCE,
        }
    )
    return result


def check(
    golden: Mapping[str, bytes], contract: Contract, files: Mapping[str, Runtime | str]
) -> Iterator[Check]:
    """Run every file on the golden input and hold its boxes against the stored ones.

    Args:
        golden: Files of a bundle, name -> content.
        contract: Of the bundle.
        files: Variant -> its file, ready to run, or why it is not.

    Raises:
        BundleError: The golden files are no such files.
    """
    try:
        stored = loads(golden[f"{FOLDER}/golden.json"])
        size_wh = int(stored["photo_wh"][0]), int(stored["photo_wh"][1])
        w, h = contract.net.input_wh
        picture = np.frombuffer(golden[f"{FOLDER}/input.bin"], np.uint8).reshape(h, w, 3)
        expected = {name: _read(rows) for name, rows in stored["detections"].items()}
        maps = {
            output: np.frombuffer(golden[f"{FOLDER}/{NET}/{output}.bin"], "<f4").reshape(shape)
            for output, shape in stored["outputs"][NET].items()
        }
        again = detections(
            *candidates(maps, contract.net), contract.preprocessing, size_wh,
            contract.operating_point,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{FOLDER}: not golden vectors of this net ({error!r})") from error
    yield _compared(NET, expected[NET], again, "decoding and suppression of the stored raw maps")
    for name, runtime in files.items():
        if isinstance(runtime, str):
            yield Check(name, "not run", runtime)
        elif name not in expected:
            yield Check(name, "not run", "no golden boxes: its runtime was missing at packing")
        else:
            found = detections(
                *runtime(picture), contract.preprocessing, size_wh, contract.operating_point
            )
            yield _compared(name, expected[name], found, runtime.name)


def _boxes(
    runtime: Runtime, raw: Mapping[str, Floats], rgb: Rgb, contract: Contract
) -> list[dict[str, Any]]:
    found = detections(
        *runtime.candidates(raw),
        contract.preprocessing,
        (rgb.shape[1], rgb.shape[0]),
        contract.operating_point,
    )
    rows = zip(found.boxes_xyxy.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    return [
        {"label": label, "score": round(score, 6), "xyxy": [round(v, 3) for v in box]}
        for box, score, label in rows
    ]


def _lines(rows: list[dict[str, Any]]) -> bytes:
    """Boxes for readers without JSON."""
    return "".join(
        f"{row['label']} {row['score']} {' '.join(map(str, row['xyxy']))}\n" for row in rows
    ).encode()


def _read(rows: Any) -> Detections:
    return Detections(
        np.asarray([row["xyxy"] for row in rows], np.float32).reshape(-1, 4),
        np.asarray([row["score"] for row in rows], np.float32),
        np.asarray([row["label"] for row in rows], np.int64),
    )


def _compared(name: str, expected: Detections, found: Detections, by: str) -> Check:
    """Whether each stored box has a counterpart, best overlap first, and how far it is off."""
    if len(expected.scores) != len(found.scores):
        return Check(name, "failed", f"{len(found.scores)} boxes, {len(expected.scores)} stored")
    same = ious(expected.boxes_xyxy, found.boxes_xyxy)
    same[expected.labels[:, None] != found.labels[None, :]] = 0
    least, most = 1.0, 0.0
    for k in range(len(expected.scores)):
        partner = int(same[k].argmax())
        least = min(least, float(same[k, partner]))
        most = max(most, abs(float(expected.scores[k] - found.scores[partner])))
        same[:, partner] = 0
    good = least >= TOLERANCE["iou"] and most <= TOLERANCE["score"]
    note = f"{by}: {len(found.scores)} boxes, IoU at least {least:.4f}, score within {most:.2g}"
    return Check(name, "ok" if good else "failed", note)
