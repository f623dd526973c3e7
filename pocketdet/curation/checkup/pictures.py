"""Pictures that open and are odd, and pictures that are there twice."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PIL

from pocketdet.curation import duplicates
from pocketdet.curation.checkup.symptom import Severity, Symptom, Thresholds
from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import stored_frame
from pocketdet.parallel import in_order
from pocketdet.preprocess import FORMATS, load_rgb


@dataclass(frozen=True, slots=True)
class _Seen:
    sha256: str
    dhash: str
    mode: str
    orientation: int
    size_wh: tuple[int, int]
    spread: int


def check(
    dataset: Dataset,
    root: Path,
    limits: Thresholds,
    workers: int,
    progress: Callable[[int], None],
) -> Iterator[Symptom]:
    """Decode every picture once; broken, turned, odd, empty ones, and copies within and across."""
    seen: dict[str, _Seen] = {}
    broken: list[tuple[str, str, int]] = []

    def look(path: str) -> _Seen | DatasetError:
        try:
            return _look(root / path)
        except DatasetError as error:
            return error

    paths = [image.path for image in dataset]
    looked = in_order(look, paths, workers, ahead=4 * workers)
    for done, (image, found) in enumerate(zip(dataset, looked, strict=True), 1):
        if isinstance(found, DatasetError):
            broken.append((image.path, str(found), len(image.boxes)))
        else:
            seen[image.path] = found
        progress(done)
    if broken:
        where = tuple(path for path, _, _ in broken)
        boxes = sum(count for _, _, count in broken)
        yield Symptom("pictures.broken", "error", len(broken), broken[0][1], where, boxes)
    yield from _odd(seen, limits)
    yield from _copies(dataset, seen, limits)


def _odd(seen: dict[str, _Seen], limits: Thresholds) -> Iterator[Symptom]:
    cases: dict[str, list[tuple[str, str]]] = defaultdict(list)
    modes = Counter(one.mode for one in seen.values())
    usual = max(modes, key=lambda mode: modes[mode], default="")
    for path, one in seen.items():
        w, h = one.size_wh
        if one.orientation != 1:
            what = f"EXIF orientation {one.orientation}; were boxes drawn on the upright picture?"
            cases["pictures.turned_by_exif"].append((path, what))
        if one.mode not in ("RGB", usual):
            cases["pictures.odd_mode"].append((path, f"mode {one.mode}, most are {usual}"))
        if min(w, h) < limits.side_px or max(w, h) > limits.picture_aspect * min(w, h):
            cases["pictures.tiny_or_extreme"].append((path, f"{w} x {h} px"))
        if one.spread <= limits.uniform:
            cases["pictures.uniform"].append((path, "one colour all over"))
    for name, found in sorted(cases.items()):
        where = tuple(path for path, _ in found)
        yield Symptom(name, "warning", len(found), found[0][1], where)


def _copies(dataset: Dataset, seen: dict[str, _Seen], limits: Thresholds) -> Iterator[Symptom]:
    """Pairs with the first of their kind: within a subset a waste, across subsets a leak."""
    subset = {image.path: image.subset for image in dataset}
    paths = list(seen)
    pairs: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    first: dict[str, str] = {}
    for path, one in seen.items():
        other = first.setdefault(one.sha256, path)
        if other != path:
            pairs[True, subset[other] != subset[path]].append(f"{other} = {path}")
    # Pictures of one colour have no differences to hash: they are alike and no duplicates.
    varied = [path for path in paths if seen[path].spread > limits.uniform]
    hashes = [seen[path].dhash for path in varied]
    for a, b, bits in duplicates.near_pairs(hashes, limits.near_bits):
        left, right = varied[a], varied[b]
        if seen[left].sha256 != seen[right].sha256:
            text = f"{left} ~ {right} ({bits} bits)"
            pairs[False, subset[left] != subset[right]].append(text)
    names: dict[tuple[bool, bool], tuple[str, Severity]] = {
        (True, False): ("pictures.copies", "warning"),
        (False, False): ("pictures.near_duplicates", "note"),
        (True, True): ("subsets.leak", "error"),
        (False, True): ("subsets.near_leak", "warning"),
    }
    for kind, where in sorted(pairs.items()):
        name, severity = names[kind]
        yield Symptom(name, severity, len(where), where[0], tuple(where))


def _look(path: Path) -> _Seen:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error}") from error
    frame = stored_frame(path)
    rgb = load_rgb(path)
    with PIL.open(path, formats=FORMATS) as picture:
        mode = picture.mode
    small = np.asarray(PIL.fromarray(rgb).convert("L").resize((16, 16), PIL.Resampling.BOX))
    return _Seen(
        hashlib.sha256(data).hexdigest(),
        duplicates.dhash(PIL.fromarray(rgb)),
        mode,
        frame.orientation,
        frame.upright_wh,
        int(small.max()) - int(small.min()),
    )
