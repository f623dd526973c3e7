"""Training pictures at the net's size in a few large files: `augment` writes, `train` reads them.

    SHARDS/manifest.json              identity: sha256 of the contents, recipe, counts
    SHARDS/SUBSET/pictures-000.bin    JPEG after JPEG, nothing between them
    SHARDS/SUBSET/index.safetensors   where each begins, and what is in it
    SHARDS/SUBSET/images.json         path of each photo

Each photo has the same number of variants: the plain resize first, then random views. Picture
number = photo number * variants + variant. Nothing is pickled.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PIL

from pocketdet.config import Augment
from pocketdet.dataset import ANY_CLASS, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.files import sha256
from pocketdet.inputs.augment import Objects, Picture, draw_fill, draw_view, render
from pocketdet.parallel import in_order
from pocketdet.preprocess import Preprocessing, View, load_rgb, to_input

MANIFEST = "manifest.json"
INDEX = "index.safetensors"
IMAGES = "images.json"
FILE_BYTES = 64_000_000  # a file of pictures is closed once it is larger


def write(
    folder: Path,
    raw: Path,
    dataset: Dataset,
    rule: Preprocessing,
    recipe: Augment,
    seed: int,
    copies: int,
    workers: int,
) -> Iterator[int]:
    """Write one subset, photo by photo.

    Args:
        folder: New folder, SHARDS/SUBSET.
        raw: Folder that the images' paths start from.
        dataset: The subset.
        rule: How a photo becomes an input.
        recipe: Ranges of the random views, quality of the JPEGs.
        seed: A picture depends on this, its photo's path and the variant's number: more photos
            or more copies change none that were there.
        copies: Random views of each photo.
        workers: Threads; they change nothing but the time.

    Yields:
        The number of photos drawn so far. The subset is whole when the iterator has ended.

    Raises:
        DatasetError: The subset is empty, a photo cannot be read or has another size than its
            annotations say, or a label is unknown.
    """
    if not len(dataset):
        raise DatasetError(f"{folder.name}: no photos in this subset; give it a share in split")

    def draw(image: Image) -> list[tuple[bytes, Objects]]:
        rgb, objects = _load(raw, image, dataset.classes)
        return [
            (
                _jpeg(picture, recipe.jpeg_quality),
                objects.seen(view, image.size_wh, rule.input_wh, recipe.min_visible),
            )
            for picture, view in _views(rgb, image.path, rule, recipe, seed, copies)
        ]

    folder.mkdir(parents=True)
    where: list[tuple[int, int, int]] = []  # file, first byte, bytes of each picture
    contents: list[Objects] = []
    stream = _file(folder, 0).open("wb")
    try:
        for i, pictures in enumerate(in_order(draw, dataset, workers, ahead=4 * workers)):
            for jpeg, objects in pictures:
                number = where[-1][0] if where else 0
                if stream.tell() > FILE_BYTES:
                    stream.close()
                    number += 1
                    stream = _file(folder, number).open("wb")
                where.append((number, stream.tell(), len(jpeg)))
                contents.append(objects)
                stream.write(jpeg)
            yield i + 1
    finally:
        stream.close()
    _write_index(folder / INDEX, where, contents)
    images = json.dumps([image.path for image in dataset], ensure_ascii=False, indent=0)
    (folder / IMAGES).write_text(images + "\n", encoding="utf-8")


def write_manifest(shards: Path, recipe_sha256: str) -> dict[str, Any]:
    """Write the identity of the subsets that are there, and return it.

    Args:
        shards: Folder that holds the subsets' folders.
        recipe_sha256: Hash of what they were made by.
    """
    subsets = {}
    for folder in sorted(path for path in shards.iterdir() if path.is_dir()):
        shard = Shards.open(folder)
        hashes = {file.name: sha256(file) for file in sorted(folder.iterdir())}
        subsets[folder.name] = {
            "images": len(shard),
            "variants": shard.variants,
            "boxes": shard.boxes,
            "ignored": shard.ignored,
            "most_boxes": shard.most_boxes,
            "sha256": digest(hashes),
        }
    manifest = {
        "recipe_sha256": recipe_sha256,
        "sha256": digest({name: subset["sha256"] for name, subset in subsets.items()}),
        "subsets": subsets,
    }
    (shards / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return manifest


@dataclass(frozen=True)
class Shards:
    """One subset, opened for reading; pictures are decoded when asked for.

    Attributes:
        images: Path of each photo.
        variants: Pictures of each photo.
    """

    images: tuple[str, ...]
    variants: int
    _files: tuple[npt.NDArray[np.uint8], ...]
    _index: dict[str, npt.NDArray[Any]]

    @classmethod
    def open(cls, folder: Path) -> "Shards":
        """Open SHARDS/SUBSET.

        Raises:
            DatasetError: A file is missing, damaged or of another length than the index says.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            images = tuple(json.loads((folder / IMAGES).read_text(encoding="utf-8")))
            index = load_file(folder / INDEX)
            where = index["where"]
            files = []
            for number in range(int(where[-1, 0]) + 1):
                file = np.memmap(_file(folder, number), np.uint8, mode="r")
                size = int(where[where[:, 0] == number, 1:].sum(1).max())
                if len(file) != size:
                    raise ValueError(f"{_file('', number)} has {len(file)} of {size} bytes")
                files.append(file)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise DatasetError(f"{folder}: no whole shard: {error}; run augment again") from error
        return cls(images, len(where) // len(images), tuple(files), index)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.images)

    @property
    def boxes(self) -> int:
        """Objects in all pictures, ignored ones included."""
        return len(self._index["labels"])

    @property
    def ignored(self) -> int:
        """Ignored objects in all pictures."""
        return int(self._index["ignore"].sum())

    @property
    def classes(self) -> list[set[int]]:
        """Classes of which each photo, in its plain variant, has an object that counts."""
        first, labels, ignore = (self._index[name] for name in ("first", "labels", "ignore"))
        numbers = range(0, len(self) * self.variants, self.variants)
        rows = [slice(int(first[n]), int(first[n + 1])) for n in numbers]
        return [set(labels[row][~ignore[row]].tolist()) for row in rows]

    @property
    def objects(self) -> Counter[int]:
        """Objects of each class that count, in all pictures."""
        return Counter(self._index["labels"][~self._index["ignore"]].tolist())

    @property
    def most_boxes(self) -> int:
        """Objects in the fullest picture."""
        return int(np.diff(self._index["first"]).max())

    def picture(self, image: int, variant: int) -> tuple[Picture, Objects]:
        """A picture (input_h, input_w, 3) and what is in it; variant 0 is the plain resize.

        OpenCV decodes as Pillow does, to the byte, in two thirds of the time.
        """
        import cv2

        number = image * self.variants + variant
        file, start, size = self._index["where"][number].tolist()
        rgb = cv2.imdecode(self._files[file][start : start + size], cv2.IMREAD_COLOR_RGB)
        if rgb is None:
            raise DatasetError(f"{self.images[image]}: damaged in its shard; run augment again")
        first = self._index["first"]
        rows = slice(int(first[number]), int(first[number + 1]))
        names = ("boxes", "labels", "ignore", "visible")
        return rgb, Objects(*(self._index[name][rows] for name in names))


def _load(raw: Path, image: Image, classes: tuple[str, ...]) -> tuple[Picture, Objects]:
    """A photo and what is in it, in the photo's px."""
    rgb = load_rgb(raw / image.path)
    found = (rgb.shape[1], rgb.shape[0])
    if found != image.size_wh:
        raise DatasetError(
            f"{raw / image.path}: {found} px, its annotations say {image.size_wh}; validate again"
        )
    numbers = {name: i for i, name in enumerate(classes)}
    for box in image.boxes:
        if box.label not in numbers and not box.ignore:
            raise DatasetError(
                f"{image.path}: label {box.label!r} is none of {', '.join(classes)}; validate again"
            )
    n = len(image.boxes)
    return rgb, Objects(
        np.array([box.xyxy for box in image.boxes], np.float32).reshape(n, 4),
        np.array([numbers.get(box.label, ANY_CLASS) for box in image.boxes], np.int32),
        np.array([bool(box.ignore) for box in image.boxes], bool),
        np.ones(n, np.float32),
    )


def _views(
    rgb: Picture, path: str, rule: Preprocessing, recipe: Augment, seed: int, copies: int
) -> Iterator[tuple[Picture, View]]:
    """The pictures of a photo at the net's size: the plain resize, then random views."""
    photo_wh = (rgb.shape[1], rgb.shape[0])
    plain = rule.view(photo_wh)
    yield to_input(rgb, rule), plain
    # What is larger than its largest view is brought to that size once, not for each copy.
    most = recipe.scale[1] * (1 + recipe.aspect) ** 0.5
    w, h = np.minimum(np.rint(np.array(plain.size_wh) * most), photo_wh).astype(int).tolist()
    near = render(rgb, View((0, 0), (w, h)), (w, h), (0, 0, 0)) if copies else rgb
    photo = int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big")
    for copy in range(copies):
        rng = np.random.default_rng((seed, photo, copy))
        view = draw_view(recipe, plain, rule.input_wh, rng)
        yield render(near, view, rule.input_wh, draw_fill(near, rng)), view


def _jpeg(rgb: Picture, quality: int) -> bytes:
    """A picture as JPEG with colour at full resolution (4:4:4), which small objects need."""
    stream = io.BytesIO()
    PIL.fromarray(rgb).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def _write_index(path: Path, where: list[tuple[int, int, int]], contents: list[Objects]) -> None:
    from safetensors.numpy import save_file

    first = np.cumsum([0, *map(len, contents)])
    arrays = {
        "where": np.array(where, np.int64),
        "first": first.astype(np.int64),
        "boxes": np.concatenate([objects.boxes_xyxy for objects in contents]),
        "labels": np.concatenate([objects.labels for objects in contents]),
        "ignore": np.concatenate([objects.ignore for objects in contents]),
        "visible": np.concatenate([objects.visible for objects in contents]),
    }
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _file(folder: Path | str, number: int) -> Path:
    return Path(folder) / f"pictures-{number:03}.bin"


def digest(value: dict[str, Any]) -> str:
    """sha256 of what JSON can hold, in any order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
