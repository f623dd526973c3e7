"""Where the files of a data set go when it is written in a format's layout."""

import shutil
from pathlib import Path, PurePosixPath

from pocketdet.dataset import Dataset
from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import fold

PICTURE_FOLDERS = ("images", "JPEGImages", "image_2")


def place(
    dataset: Dataset, folder: Path, pictures: str, images: Path | None, *, by_subset: bool = False
) -> list[str]:
    """Layout path of each image of a data set that is to be written; its files are copied there.

    Args:
        dataset: What is written.
        folder: Where to.
        pictures: Picture folder of the format ("images", "JPEGImages", "image_2").
        images: Root of the data set's image paths; None leaves paths and files as they are.
        by_subset: Keep pictures of a named subset in a folder of that name.

    Raises:
        DatasetError: Two images would be one file (same name in two folders, or a.jpg and a.png).
    """
    paths: list[str] = []
    owner: dict[str, str] = {}
    for image in dataset:
        pure = PurePosixPath(image.path)
        target = image.path
        if images is not None:
            between = image.subset if by_subset else ""
            target = "/".join(filter(None, (pictures, between, pure.name)))
        key = fold(str(PurePosixPath(target).with_suffix("")))
        if key in owner:
            raise DatasetError(
                f"{folder}: {owner[key]} and {image.path} would both be annotated as "
                f"{PurePosixPath(target).stem}; rename one"
            )
        owner[key] = image.path
        paths.append(target)
        if images is not None:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(images / image.path, folder / target)
    return paths


def label_path(picture: str, labels: str, suffix: str) -> str:
    """Path of the label file of a picture: "images/train/a.jpg" -> "labels/train/a.txt"."""
    pure = PurePosixPath(picture)
    below = pure.parts[1:] if pure.parts[0] in PICTURE_FOLDERS else pure.parts
    return str(PurePosixPath(labels, *below).with_suffix(suffix))
