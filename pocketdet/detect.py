"""Find objects in photos with a bundle alone: numpy, Pillow and LiteRT, no TensorFlow.

Writes beside detections.json (one row a photo, boxes in its upright pixels) a picture of each photo
with its boxes. Behind `pocketdet detect`.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pocketdet import bundle as bundles
from pocketdet.detector.decode import Detections
from pocketdet.errors import BundleError, DatasetError
from pocketdet.exporting.contract import Contract
from pocketdet.inference import find
from pocketdet.preprocess import load_rgb
from pocketdet.report.pictures import class_marks, draw
from pocketdet.runtimes.opening import open_runtime

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")  # what is taken from a folder
MOST_WH = (1600, 1600)  # px, of an annotated picture


def run(
    images: Sequence[Path],
    bundle: Path,
    out: Path,
    progress: Callable[[str], None] = lambda text: None,
) -> int:
    """Detect objects and write annotated pictures and detections.json.

    Args:
        images: Photos, or folders whose photos are taken.
        bundle: Folder or zip of a bundle; all of it is verified first.
        out: Folder to write into; made if needed, files of the same names are replaced.
        progress: Called with a line of text now and then.

    Returns:
        How many objects were found.

    Raises:
        BundleError: The bundle is altered, incomplete or unsafe.
        ExportError: LiteRT is missing or cannot run the file.
        DatasetError: A photo is missing or broken, or there is none.
    """
    photos = listed(images)
    opened = bundles.open(bundle)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        opened.unpack(Path(folder))
        contract = Contract.load(Path(folder) / "contract.json")
        model = str(opened.json("params.json")["model"])
        if model not in {variant.file for variant in contract.variants}:
            raise BundleError(f"{bundle}: params.json names {model!r}, which is no model of it")
        runtime = open_runtime(Path(folder) / model, contract.net)
        names = output_names(photos)
        for done, (photo, name) in enumerate(zip(photos, names, strict=True), start=1):
            rgb = load_rgb(photo)
            found = find(rgb, runtime, contract.preprocessing, contract.operating_point)
            marks = class_marks(found, contract.net.classes)
            largest = (min(MOST_WH[0], rgb.shape[1]), min(MOST_WH[1], rgb.shape[0]))
            draw(rgb, marks, largest).save(out / name, quality=92)
            rows.append(row(photo, name, (rgb.shape[1], rgb.shape[0]), found, contract))
            if done % 25 == 0:
                progress(f"{done} of {len(photos)} photos")
    head = json.dumps({"bundle": opened.name, "model": model}, ensure_ascii=False)[:-1]
    lines = ",\n".join(json.dumps(photo, ensure_ascii=False) for photo in rows)
    text = f'{head}, "photos": [\n{lines}\n]}}\n'  # a photo a line, for people and diffs
    (out / "detections.json").write_text(text, encoding="utf-8")
    return sum(len(photo["detections"]) for photo in rows)


def listed(images: Sequence[Path]) -> list[Path]:
    """Every photo once, folders opened and sorted.

    Raises:
        DatasetError: A path does not exist, or there is no photo at all.
    """
    photos: list[Path] = []
    for path in images:
        if path.is_dir():
            photos += sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        elif path.exists():
            photos.append(path)
        else:
            raise DatasetError(f"{path}: not found; expected a photo or a folder of photos")
    if not photos:
        raise DatasetError(
            f"no photo in {', '.join(map(str, images))}; expected files that end in "
            + ", ".join(SUFFIXES)
        )
    return list(dict.fromkeys(photos))


def output_names(photos: Sequence[Path]) -> list[str]:
    """A name for each annotated picture: the photo's own, numbered where two would collide."""
    names: list[str] = []
    for photo in photos:
        name, number = f"{photo.stem}.jpg", 2
        while name in names:
            name, number = f"{photo.stem}_{number}.jpg", number + 1
        names.append(name)
    return names


def row(
    photo: Path, name: str, size_wh: tuple[int, int], found: Detections, contract: Contract
) -> dict[str, Any]:
    """What detections.json says of a photo."""
    return {
        "photo": str(photo),
        "picture": name,
        "size_wh": list(size_wh),
        "detections": [
            {"label": contract.net.classes[label], "score": round(score, 4), "xyxy": box}
            for box, score, label in zip(
                [[round(v, 2) for v in box] for box in found.boxes_xyxy.tolist()],
                found.scores.tolist(),
                found.labels.tolist(),
                strict=True,
            )
        ],
    }
