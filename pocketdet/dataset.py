"""The data set as values: what every format is read into and every stage works on."""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pocketdet.errors import DatasetError

DONT_CARE = "DontCare"
"""KITTI's label, and ours, of a region to ignore for every class."""

SUBSETS = ("train", "val", "test")
"""Names of the subsets that the split stage makes."""

ALL = "(all)"
"""In place of a class, or of a source, in tables: the row of them together."""

PADDING, ANY_CLASS = -1, -2
"""In place of class numbers while training: of a row without a box, and of DontCare."""


@dataclass(frozen=True, slots=True)
class Box:
    """One annotated object.

    Attributes:
        label: Class name.
        xyxy: Pixel edges (x1, y1, x2, y2), absolute, float, origin top-left.
        ignore: Why neither loss nor score may reward or punish what is found here: "iscrowd",
            "difficult", "DontCare", "policy: ..."; empty for an object that counts.
        occlusion: KITTI's level 0 (visible) to 3 (unknown), or None where the format has none.
        truncation: Share of the object outside the image, 0 to 1, or None.
        annotator: Who drew it, where the format says.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    ignore: str = ""
    occlusion: int | None = None
    truncation: float | None = None
    annotator: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not a box.

        Raises:
            DatasetError: Coordinates are not finite, or x1 >= x2 or y1 >= y2.
        """
        x1, y1, x2, y2 = self.xyxy
        if not all(map(math.isfinite, self.xyxy)) or x1 >= x2 or y1 >= y2:
            raise DatasetError(
                f"box {self.label!r} {self.xyxy}: expected finite x1 < x2 and y1 < y2"
            )

    @property
    def area(self) -> float:
        """Area in square pixels."""
        x1, y1, x2, y2 = self.xyxy
        return (x2 - x1) * (y2 - y1)


@dataclass(frozen=True, slots=True)
class Image:
    """One photo with its boxes.

    Attributes:
        path: POSIX path below the data set's root folder; also the image's identity.
        size_wh: Width and height in pixels, of the upright picture (EXIF orientation applied).
        boxes: Its objects, in the order of the annotation file.
        source: Name of the source that it came from.
        subset: Subset that the source's own lists put it in ("train", "val", ...), or "".
        group: Pictures of one group (a video, a place, a person) share a subset; "" = on its own.
    """

    path: str
    size_wh: tuple[int, int]
    boxes: tuple[Box, ...] = ()
    source: str = ""
    subset: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        """Refuse a path that leaves the data folder, and an empty picture.

        Raises:
            DatasetError: The path is absolute or climbs out, or a side is below 1 px.
        """
        pure = PurePosixPath(self.path)
        if pure.is_absolute() or ".." in pure.parts or "\\" in self.path or not pure.parts:
            raise DatasetError(
                f"image {self.path!r}: expected a path inside the data folder, "
                "without '..', backslash or a leading '/'"
            )
        if min(self.size_wh) < 1:
            raise DatasetError(f"image {self.path!r}: size {self.size_wh} px, expected at least 1")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images in a fixed order and the classes in the order of their numbers (0-based)."""

    classes: tuple[str, ...]
    images: tuple[Image, ...] = field(default=())

    def __iter__(self) -> Iterator[Image]:
        """Iterate over the images."""
        return iter(self.images)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def subset(self, paths: list[str]) -> "Dataset":
        """The images of these paths, in the order given.

        Raises:
            DatasetError: A path is not in the data set.
        """
        by_path = {image.path: image for image in self.images}
        missing = [path for path in paths if path not in by_path]
        if missing:
            raise DatasetError(f"{len(missing)} images are not in the data set, first {missing[0]}")
        return replace(self, images=tuple(by_path[path] for path in paths))

    def save(self, path: Path) -> None:
        """Write as JSON, one image a line, so that a text diff shows what changed."""
        rows = ",\n".join(json.dumps(_bare(i), ensure_ascii=False) for i in self.images)
        classes = json.dumps(self.classes, ensure_ascii=False)
        path.write_text(f'{{"classes": {classes}, "images": [\n{rows}\n]}}\n', encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Dataset":
        """Read what `save` wrote.

        Raises:
            DatasetError: The file is not such a data set.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            images = tuple(
                Image(
                    path=row["path"],
                    size_wh=(row["size_wh"][0], row["size_wh"][1]),
                    boxes=tuple(
                        Box(**{**box, "xyxy": tuple(box["xyxy"])}) for box in row.get("boxes", ())
                    ),
                    source=row.get("source", ""),
                    subset=row.get("subset", ""),
                    group=row.get("group", ""),
                )
                for row in raw["images"]
            )
            return cls(tuple(raw["classes"]), images)
        except (LookupError, TypeError, ValueError) as error:
            raise DatasetError(f"{path}: not a pocketdet data set: {error}") from error


def _bare(image: Image) -> dict[str, Any]:
    """An image without what equals its default: a third of the file at COCO's size.

    Written out, because `dataclasses.asdict` copies deeply and takes ten times as long.
    """
    row: dict[str, Any] = {name: getattr(image, name) for name in IMAGE_FIELDS}
    row["boxes"] = [
        {name: value for name in BOX_FIELDS if (value := getattr(box, name)) not in ("", None)}
        for box in image.boxes
    ]
    return {name: value for name, value in row.items() if value not in ("", [])}


BOX_FIELDS = [each.name for each in fields(Box)]
IMAGE_FIELDS = [each.name for each in fields(Image)]


def write_paths(paths: Iterable[str], file: Path) -> None:
    """Write a subset: one image path a line."""
    file.write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")


def read_paths(file: Path) -> list[str]:
    """The image paths of a subset, as `write_paths` wrote them."""
    return file.read_text(encoding="utf-8").splitlines()
