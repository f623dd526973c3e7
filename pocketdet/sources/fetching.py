"""Public data sets, or parts of them, through FiftyOne's zoo, as `pocketdet import` takes them.

The zoo fetches COCO's pictures one by one; VOC, through torchvision, and KITTI it takes whole. It
starts an archive again after an interruption, and holds a torn folder for a whole one. So archives
are transferred and checked here, put where the zoo looks before it downloads, and what it unpacks
counts only after it has ended. Its own labels lose what VOC's XML and KITTI's rows say (and for
VOC it encodes every picture anew): what is kept are the data set's own files.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from pocketdet.analysis import mongo
from pocketdet.config import FormatName
from pocketdet.errors import DatasetError
from pocketdet.files import whole_folder, write_bytes, write_text
from pocketdet.formats.files import read_text, safe
from pocketdet.formats.voc import parse
from pocketdet.sources import remote

HIDDEN = ".fetch"  # of the target folder: what is kept to carry on
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is asked for.

    Attributes:
        store: The folder that keeps what was transferred.
        split: As the data set calls it.
        classes: Of which a picture shows at least one, in lower case; empty for any.
        most: Pictures, the first by name.
        progress: Called with a line of text now and then.
    """

    store: Path
    split: str
    classes: set[str]
    most: int
    progress: Progress


@dataclass(frozen=True)
class Public:
    """A data set that can be fetched.

    Attributes:
        format: Its annotation format.
        splits: Those with annotations.
        licence: In a line.
        fetch: What is wanted, folder to fill -> number of pictures.
    """

    format: FormatName
    splits: tuple[str, ...]
    licence: str
    fetch: Callable[[Wanted, Path], int]


KITTI_PEOPLE = {"person": ("pedestrian", "person_sitting")}


def fetch(
    name: str, folder: Path, classes: Collection[str], most: int, split: str, progress: Progress
) -> int:
    """Fetch a data set, or what of it shows some classes, into `folder`/`split`.

    Args:
        name: Key of `PUBLIC`.
        folder: Where to; keeps what was transferred, for the next time.
        classes: Of which a picture shows at least one; empty for any.
        most: Pictures, the first by name.
        split: As the data set calls it.
        progress: Called with a line of text now and then.

    Returns:
        Number of pictures.

    Raises:
        DatasetError: No such split or class, there is a result already, the server fails, or an
            archive is damaged or unsafe to unpack.
    """
    public = PUBLIC[name]
    if split not in public.splits:
        raise DatasetError(f"{name} has no split {split!r}; one of {', '.join(public.splits)}")
    target = folder / split
    if target.exists() and any(target.iterdir()):
        raise DatasetError(f"{target}: is there already; delete it, or name another place by --out")
    wanted = Wanted(folder / HIDDEN / name, split, {c.casefold() for c in classes}, most, progress)
    # Nothing here needs a database, which FiftyOne would start.
    os.environ.setdefault(mongo.VARIABLE, "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "1")
    # FiftyOne shows its progress on stdout, which is for results; its progress bars fail where
    # stdout and stderr are one object.
    log = os.fdopen(2, "w", buffering=1, closefd=False)
    with redirect_stdout(log), whole_folder(target) as partial:
        found = public.fetch(wanted, partial)
        if not found:
            raise DatasetError(f"{name}: no picture of {split} shows {', '.join(classes)}")
    return found


def _coco(wanted: Wanted, target: Path) -> int:
    from eta.core.web import WebSessionError
    from fiftyone.zoo.datasets.base import COCO2017Dataset
    from PIL import Image

    split = {"train": "train", "val": "validation"}[wanted.split]
    _coco_annotations(split, wanted)
    pool = wanted.store / split
    for picture in (pool / "data").glob("*"):  # torn by an interruption
        try:
            with Image.open(picture) as opened:
                opened.load()
        except (OSError, SyntaxError):
            picture.unlink()
    for written in (pool / "labels.json", wanted.store / "info.json"):  # may be torn, too
        written.unlink(missing_ok=True)
    zoo = COCO2017Dataset(classes=sorted(wanted.classes) or None, max_samples=wanted.most)
    try:
        zoo.download_and_prepare(str(wanted.store), split=split, cleanup=False)
    except ValueError as error:  # a class that it does not have
        raise DatasetError(f"coco-2017: {error}") from None
    except (WebSessionError, OSError) as error:
        raise DatasetError(f"coco-2017: {error}; {remote.AGAIN}") from None
    # The pool may hold pictures of an earlier choice.
    labels = json.loads(read_text(pool / "labels.json"))
    ids = {row["id"] for row in labels["categories"] if row["name"].casefold() in wanted.classes}
    shown = {row["image_id"] for row in labels["annotations"] if row["category_id"] in ids}
    images = [row for row in labels["images"] if not wanted.classes or row["id"] in shown]
    images = sorted(images, key=lambda row: str(row["file_name"]))[: wanted.most]
    kept = {row["id"] for row in images}
    labels["images"] = images
    labels["annotations"] = [row for row in labels["annotations"] if row["image_id"] in kept]
    _copy((pool / "data" / row["file_name"] for row in images), target / "data")
    write_text(target / "labels.json", json.dumps(labels))
    return len(images)


def _coco_annotations(split: str, wanted: Wanted) -> None:
    """Put a split's annotations where FiftyOne looks before it downloads them."""
    from fiftyone.utils import coco

    member = coco._ANNOTATION_PATHS["2017"][split]
    target = wanted.store / "raw" / PurePosixPath(member).name
    if target.is_file():
        return
    url = coco._ANNOTATION_DOWNLOAD_LINKS["2017"]
    path = remote.archive(url, wanted.store, None, wanted.progress)
    try:
        with zipfile.ZipFile(path) as archive:
            content = archive.read(member)
    except KeyError as error:
        raise DatasetError(f"{path}: {error.args[0]}") from None
    for image in json.loads(content)["images"]:
        safe(image["file_name"], path, str(image["id"]))  # FiftyOne writes where it says
    write_bytes(target, content)


def _voc(wanted: Wanted, target: Path) -> int:
    try:
        from torchvision.datasets.voc import DATASET_YEAR_DICT
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another PyTorch
        raise DatasetError(
            f"voc-2012 needs torchvision ({error}): pip install -e '.[voc]' in pocketdet's folder"
        ) from None
    from fiftyone.zoo.datasets.torch import VOC2012Dataset

    stated = DATASET_YEAR_DICT["2012"]
    kept = f"tmp-download/{stated['base_dir']}"
    root = _unpacked(VOC2012Dataset(), {stated["url"]: stated["md5"]}, kept, wanted)

    def shown(label: Path) -> set[str]:
        return {(row.findtext("name") or "").casefold() for row in parse(label).iter("object")}

    listed = set(read_text(root / f"ImageSets/Main/{wanted.split}.txt").split())
    labels = (label for label in (root / "Annotations").glob("*.xml") if label.stem in listed)
    chosen = _choose(labels, shown, wanted.classes, wanted.most)
    _copy(chosen, target / "Annotations")
    _copy((root / f"JPEGImages/{label.stem}.jpg" for label in chosen), target / "JPEGImages")
    lines = "".join(f"{label.stem}\n" for label in chosen)
    write_text(target / f"ImageSets/Main/{wanted.split}.txt", lines)
    return len(chosen)


def _kitti(wanted: Wanted, target: Path) -> int:
    from fiftyone.utils import kitti
    from fiftyone.zoo.datasets.base import KITTIDataset

    archives = {part["url"]: None for part in (kitti._LABELS, kitti._LEFT_IMAGES)}
    root = _unpacked(KITTIDataset(), archives, "train", wanted)

    def shown(label: Path) -> set[str]:
        return {row.split(" ")[0].casefold() for row in read_text(label).splitlines()}

    types = {name for label in wanted.classes for name in KITTI_PEOPLE.get(label, (label,))}
    chosen = _choose((root / "labels").glob("*.txt"), shown, types, wanted.most)
    _copy(chosen, target / "label_2")
    _copy((root / f"data/{label.stem}.png" for label in chosen), target / "image_2")
    return len(chosen)


def _unpacked(zoo: Any, archives: Mapping[str, str | None], kept: str, wanted: Wanted) -> Path:
    """What the zoo unpacks, or did before; the archives are deleted after it.

    Args:
        zoo: The data set.
        archives: What it would download: address -> MD5 if it is published.
        kept: Folder in the zoo's folder that holds all that is wanted.
        wanted: Where to, and whom to tell.
    """
    found, work = wanted.store / "unpacked", wanted.store / "zoo"
    scratch = work / "tmp-download"  # where FiftyOne looks
    if not found.is_dir():
        for path in scratch.glob("*"):  # unpacking was interrupted
            if path.is_file():
                path.replace(wanted.store / path.name)
        shutil.rmtree(work, ignore_errors=True)
        paths = [
            remote.archive(url, wanted.store, md5, wanted.progress) for url, md5 in archives.items()
        ]
        wanted.progress("unpacking, through FiftyOne")
        scratch.mkdir(parents=True)
        for path in paths:
            path.rename(scratch / path.name)
        zoo.download_and_prepare(str(work), split="train", cleanup=False)
        (work / kept).rename(found)
    shutil.rmtree(work, ignore_errors=True)
    return found


def _choose(
    labels: Iterable[Path], shown: Callable[[Path], set[str]], classes: set[str], most: int
) -> list[Path]:
    """The first label files by name of those that show one of the classes; none stands for any."""
    fit = (label for label in sorted(labels) if not classes or classes & shown(label))
    return list(islice(fit, most))


def _copy(files: Iterable[Path], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)


PUBLIC: dict[str, Public] = {
    "coco-2017": Public(
        "coco", ("train", "val"),
        "annotations CC BY 4.0; each picture under its own Flickr licence, named in the file",
        _coco,
    ),
    "voc-2012": Public(
        "voc", ("train", "val", "trainval"),
        "pictures from Flickr under its terms of use; annotations without a stated licence", _voc,
    ),
    "kitti": Public(
        "kitti", ("train",), "CC BY-NC-SA 3.0: not for commercial use", _kitti,
    ),
}  # fmt: skip
