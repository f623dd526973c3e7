"""Where the files of a data set go when it is written in a format's layout."""

import shutil
from collections import Counter
from pathlib import Path, PurePosixPath

from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import fold

PICTURE_FOLDERS = ("images", "JPEGImages", "image_2")


def place(
    dataset: Dataset, folder: Path, pictures: str, images: Path | None, *, by_subset: bool = False
) -> list[str]:
    """Layout path of each image of a data set that is to be written; its files are copied there.

    Pictures of one name in several folders get those of the folders in front: "a_1.jpg", "b_1.jpg".

    Args:
        dataset: What is written.
        folder: Where to.
        pictures: Picture folder of the format ("images", "JPEGImages", "image_2").
        images: Root of the data set's image paths; None leaves paths and files as they are.
        by_subset: Keep pictures of a named subset in a folder of that name.

    Raises:
        DatasetError: Two images would be one file (a.jpg and a.png).
    """
    paths: list[str] = []
    owner: dict[str, str] = {}
    targets = [image.path for image in dataset]
    if images is not None:
        targets = _flat(dataset, pictures, by_subset)
    for image, target in zip(dataset, targets, strict=True):
        key = _stem(target)
        if key in owner:
            raise DatasetError(
                f"{images or folder}: {owner[key]} and {image.path} would both be annotated as "
                f"{PurePosixPath(target).stem}; rename one"
            )
        owner[key] = image.path
        paths.append(target)
        if images is not None:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images / image.path, folder / target)
    return paths


def _flat(dataset: Dataset, pictures: str, by_subset: bool) -> list[str]:
    """Paths in one folder, or one a subset, with the folders before in the name where it needs."""
    below = [_below(image.path) for image in dataset]
    folders = [
        f"{pictures}/{image.subset}" if by_subset and image.subset else pictures
        for image in dataset
    ]
    plain = [f"{folder}/{parts[-1]}" for folder, parts in zip(folders, below, strict=True)]
    count = Counter(map(_stem, plain))
    return [
        path if count[_stem(path)] == 1 else f"{folder}/{'_'.join(parts)}"
        for path, folder, parts in zip(plain, folders, below, strict=True)
    ]


def _stem(path: str) -> str:
    """What a label file shares with its picture."""
    return fold(str(PurePosixPath(path).with_suffix("")))


def _below(path: str) -> tuple[str, ...]:
    """Parts of a path below the format's picture folder, if it starts with one."""
    parts = PurePosixPath(path).parts
    return parts[1:] if parts[0] in PICTURE_FOLDERS else parts


def label_path(picture: str, labels: str, suffix: str) -> str:
    """Path of the label file of a picture: "images/train/a.jpg" -> "labels/train/a.txt"."""
    return str(PurePosixPath(labels, *_below(picture)).with_suffix(suffix))
