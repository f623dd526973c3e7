"""Find objects in photos with a bundle alone: numpy, Pillow and LiteRT, no TensorFlow.

Writes beside detections.json (one row a photo, boxes in its upright pixels) a picture of each photo
with its boxes; of a video or a camera, each frame is a photo. What cannot be read is named there
too, and keeps no other from being looked at. Behind `pocketdet detect`.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.delivery import bundle as bundles
from pocketdet.delivery import footage
from pocketdet.detector.decode import Detections
from pocketdet.errors import DatasetError
from pocketdet.exporting.contract import Contract
from pocketdet.inference import find
from pocketdet.preprocess import load_rgb
from pocketdet.report.pictures import class_marks, draw
from pocketdet.runtimes.opening import open_runtime

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")  # what is taken from a folder
MOST_WH = (1600, 1600)  # px, of an annotated picture


@dataclass(frozen=True)
class Shot:
    """A photo, or a frame of a video.

    Attributes:
        source: Path, or "camera N".
        name: Of the annotated picture.
        rgb: (H, W, 3).
        moment: Of a frame: number and time from the start, s.
    """

    source: str
    name: str
    rgb: npt.NDArray[np.uint8]
    moment: tuple[int, float] | None = None


@dataclass(frozen=True)
class Broken:
    """A photo, video or camera that cannot be read.

    Attributes:
        source: Path, or "camera N".
        error: Why, in words.
    """

    source: str
    error: str


@dataclass(frozen=True)
class Outcome:
    """What came of all photos.

    Attributes:
        detections: How many objects were found.
        photos: In how many photos and frames.
        broken: What could not be read.
    """

    detections: int
    photos: int
    broken: tuple[Broken, ...]


def run(
    images: Sequence[Path | int],
    bundle: Path,
    out: Path,
    progress: Callable[[str], None] = lambda text: None,
    every: int = 1,
    most: int | None = None,
) -> Outcome:
    """Detect objects and write annotated pictures and detections.json.

    Args:
        images: Photos, videos, folders whose photos and videos are taken, numbers of cameras.
        bundle: Folder or zip of a bundle; all of it is verified first.
        out: Folder to write into; made if needed, files of the same names are replaced.
        progress: Called with a line of text now and then, and with each photo that is broken.
        every: Of a video: take each so many-th frame.
        most: Of a video or camera: stop after so many frames taken; None for all.

    Raises:
        BundleError: The bundle is altered, incomplete or unsafe.
        ExportError: LiteRT is missing or cannot run the file.
        DatasetError: A photo is missing, or there is none.
    """
    photos = listed(images)
    kept = {photo.resolve() for photo in photos if isinstance(photo, Path)}
    for name in output_names(photos):
        if (out / name).resolve() in kept:
            raise DatasetError(
                f"{out / name}: the annotated picture would replace a photo; choose another --out"
            )
    opened = bundles.open(bundle)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    broken = []
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        opened.unpack(Path(folder))
        contract = Contract.load(Path(folder) / "contract.json")
        model = opened.model({variant.file for variant in contract.variants})
        runtime = open_runtime(Path(folder) / model, contract.net)
        for shot in shots(photos, every, most):
            if isinstance(shot, Broken):
                broken.append(shot)
                progress(shot.error)
                continue
            rgb = shot.rgb
            found = find(rgb, runtime, contract.preprocessing, contract.operating_point)
            marks = class_marks(found, contract.net.classes)
            largest = (min(MOST_WH[0], rgb.shape[1]), min(MOST_WH[1], rgb.shape[0]))
            draw(rgb, marks, largest).save(out / shot.name, quality=92)
            rows.append(row(shot, found, contract))
            if len(rows) % 25 == 0:
                progress(f"{len(rows)} photos and frames")
    facts = {"bundle": opened.name, "model": model, "broken": [asdict(one) for one in broken]}
    head = json.dumps(facts, ensure_ascii=False)[:-1]
    lines = ",\n".join(json.dumps(photo, ensure_ascii=False) for photo in rows)
    text = f'{head}, "photos": [\n{lines}\n]}}\n'  # a photo a line, for people and diffs
    (out / "detections.json").write_text(text, encoding="utf-8")
    detections = sum(len(photo["detections"]) for photo in rows)
    return Outcome(detections, len(rows), tuple(broken))


def shots(
    sources: Sequence[Path | int], every: int = 1, most: int | None = None
) -> Iterator[Shot | Broken]:
    """Every photo, and every frame that is taken; a source that breaks, from there on, as such."""
    for source, name in zip(sources, output_names(sources), strict=True):
        words = f"camera {source}" if isinstance(source, int) else str(source)
        try:
            if isinstance(source, Path) and source.suffix.lower() not in footage.SUFFIXES:
                yield Shot(words, name, load_rgb(source))
                continue
            for number, time_s, rgb in footage.frames(source, every, most):
                stem = name.removesuffix(".jpg")
                yield Shot(words, f"{stem}_{number:06}.jpg", rgb, (number, time_s))
        except DatasetError as error:
            yield Broken(words, str(error))


def listed(images: Sequence[Path | int]) -> list[Path | int]:
    """Every photo, video and camera once, folders opened and sorted.

    Raises:
        DatasetError: A path does not exist, or there is no photo at all.
    """
    photos: list[Path | int] = []
    known = (*SUFFIXES, *footage.SUFFIXES)
    for path in images:
        if isinstance(path, int):
            photos.append(path)
        elif path.is_dir():
            photos += sorted(p for p in path.iterdir() if p.suffix.lower() in known)
        elif path.exists():
            photos.append(path)
        else:
            raise DatasetError(f"{path}: not found; expected a photo or a folder of photos")
    if not photos:
        raise DatasetError(
            f"no photo in {', '.join(map(str, images))}; expected files that end in "
            + ", ".join(known)
        )
    return list(dict.fromkeys(photos))


def output_names(photos: Sequence[Path | int]) -> list[str]:
    """A name for each annotated picture: the photo's own, numbered where two would collide."""
    names: list[str] = []
    for photo in photos:
        stem = f"camera{photo}" if isinstance(photo, int) else photo.stem
        name, number = f"{stem}.jpg", 2
        while name in names:
            name, number = f"{stem}_{number}.jpg", number + 1
        names.append(name)
    return names


def row(shot: Shot, found: Detections, contract: Contract) -> dict[str, Any]:
    """What detections.json says of a photo."""
    moment = {"frame": shot.moment[0], "time_s": round(shot.moment[1], 3)} if shot.moment else {}
    return {
        "photo": shot.source,
        **moment,
        "picture": shot.name,
        "size_wh": [shot.rgb.shape[1], shot.rgb.shape[0]],
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
