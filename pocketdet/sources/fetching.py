"""Public data sets, or parts of them, as folders that `pocketdet import` takes.

COCO's pictures come through FiftyOne's zoo, which fetches them one by one. Its zoo has VOC and
KITTI by way of PyTorch or TensorFlow Datasets, each whole; here VOC's one tar is transferred and
unpacked in part, and of KITTI's zips only what is wanted leaves the server. Whatever is there
already is not fetched again, so that the same command carries on after an interruption.
"""

import os
import tarfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pocketdet.analysis import mongo
from pocketdet.config import FormatName
from pocketdet.errors import DatasetError
from pocketdet.files import write_bytes, write_text
from pocketdet.formats.voc import parse
from pocketdet.sources import remote

HIDDEN = ".fetch"  # of the target folder: what is kept to carry on
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Public:
    """A data set that can be fetched.

    Attributes:
        format: Its annotation format.
        splits: Those with annotations.
        licence: In a line.
        fetch: Folder, classes, most pictures, split, progress -> number of pictures.
    """

    format: FormatName
    splits: tuple[str, ...]
    licence: str
    fetch: Callable[[Path, Collection[str], int, str, Progress], int]


COCO_ANNOTATIONS = "http://images.cocodataset.org/annotations/annotations_trainval2017.zip"
VOC_TAR = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar"
VOC_MD5 = "6cd6e144f989b92b3379bac3b3de84fd"
KITTI_LABELS = "https://s3.eu-central-1.amazonaws.com/avg-kitti/data_object_label_2.zip"
KITTI_IMAGES = "https://s3.eu-central-1.amazonaws.com/avg-kitti/data_object_image_2.zip"
KITTI_PEOPLE = {"person": ("pedestrian", "person_sitting")}


def fetch(
    name: str, folder: Path, classes: Collection[str], most: int, split: str, progress: Progress
) -> int:
    """Fetch a data set, or what of it shows some classes.

    Args:
        name: Key of `PUBLIC`.
        folder: Where to; may hold a part already.
        classes: Of which a picture shows at least one; empty for any.
        most: Pictures, the first by name.
        split: As the data set calls it.
        progress: Called with a line of text now and then.

    Returns:
        Number of pictures.

    Raises:
        DatasetError: No such split or class, or the server fails.
    """
    public = PUBLIC[name]
    if split not in public.splits:
        raise DatasetError(f"{name} has no split {split!r}; one of {', '.join(public.splits)}")
    wanted = {label.casefold() for label in classes}
    found = public.fetch(folder, wanted, most, split, progress)
    if not found:
        raise DatasetError(f"{name}: no picture of {split} shows {', '.join(classes)}")
    return found


def _coco(folder: Path, classes: Collection[str], most: int, split: str, progress: Progress) -> int:
    from PIL import Image

    member = f"annotations/instances_{split}2017.json"
    progress(f"annotations of {split}")
    raw = folder / HIDDEN
    if not (raw / PurePosixPath(member).name).is_file():
        remote.take(remote.archive(COCO_ANNOTATIONS), member, raw / PurePosixPath(member).name)
    for picture in (folder / "data").glob("*"):  # torn by an interruption
        try:
            with Image.open(picture) as image:
                image.load()
        except (OSError, SyntaxError):
            picture.unlink()
    # Nothing here needs a database, which FiftyOne would start.
    os.environ.setdefault(mongo.VARIABLE, "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "1")
    from fiftyone.utils.coco import download_coco_dataset_split

    progress("pictures, through FiftyOne")
    count, _, _ = download_coco_dataset_split(
        str(folder), {"train": "train", "val": "validation"}[split], year="2017",
        classes=sorted(classes) or None, max_samples=most, raw_dir=str(raw),
        scratch_dir=str(raw / "scratch"),
    )  # fmt: skip
    return int(count)


def _voc(folder: Path, classes: Collection[str], most: int, split: str, progress: Progress) -> int:
    tar = folder / HIDDEN / "VOCtrainval.tar"

    def transferred(done: int, whole: int) -> None:
        progress(f"{done / 1e6:.0f} of {whole / 1e6:.0f} MB")

    remote.download(VOC_TAR, tar, VOC_MD5, transferred)
    root = "VOCdevkit/VOC2012"
    with tarfile.open(tar) as whole:
        lists = _member(whole, f"{root}/ImageSets/Main/{split}.txt").decode().split()
        chosen: list[str] = []
        for stem in sorted(lists):
            if len(chosen) == most:
                break
            label = folder / f"Annotations/{stem}.xml"
            if not label.is_file():
                write_bytes(label, _member(whole, f"{root}/Annotations/{stem}.xml"))
            names = {(row.findtext("name") or "").casefold() for row in parse(label).iter("object")}
            if classes and not names & set(classes):
                label.unlink()
                continue
            picture = folder / f"JPEGImages/{stem}.jpg"
            if not picture.is_file():
                write_bytes(picture, _member(whole, f"{root}/JPEGImages/{stem}.jpg"))
            chosen.append(stem)
    listed = "".join(f"{stem}\n" for stem in chosen)
    write_text(folder / f"ImageSets/Main/{split}.txt", listed)
    return len(chosen)


def _kitti(
    folder: Path, classes: Collection[str], most: int, split: str, progress: Progress
) -> int:
    wanted = {name for label in classes for name in KITTI_PEOPLE.get(label, (label,))}
    progress("labels")
    labels = remote.archive(KITTI_LABELS)
    chosen: list[str] = []
    for member in _sorted(labels.namelist(), "training/label_2/"):
        if len(chosen) == most:
            break
        rows = labels.read(member).decode().splitlines()
        if not wanted or any(row.split(" ")[0].casefold() in wanted for row in rows if row):
            chosen.append(PurePosixPath(member).stem)
    images = remote.archive(KITTI_IMAGES) if chosen else labels
    for n, stem in enumerate(chosen, 1):
        remote.take(images, f"training/image_2/{stem}.png", folder / f"image_2/{stem}.png")
        remote.take(labels, f"training/label_2/{stem}.txt", folder / f"label_2/{stem}.txt")
        if n % 100 == 0:
            progress(f"{n} of {len(chosen)} pictures")
    return len(chosen)


def _member(whole: tarfile.TarFile, name: str) -> bytes:
    try:
        stream = whole.extractfile(name)
    except KeyError:
        stream = None
    if stream is None:
        raise DatasetError(f"{name} is not in the archive")
    return stream.read()


def _sorted(names: list[str], below: str) -> Iterator[str]:
    return (name for name in sorted(names) if name.startswith(below) and not name.endswith("/"))


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
