"""An annotated folder in another format."""

from dataclasses import dataclass
from pathlib import Path

from pocketdet import formats
from pocketdet.config import FormatName
from pocketdet.errors import DatasetError
from pocketdet.files import whole_folder
from pocketdet.formats import Finding, ReadResult, ReadRules


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of it.

    Attributes:
        read: The source as read; its findings say what was dropped or changed.
        lost: What the new format cannot hold by itself.
    """

    read: ReadResult
    lost: tuple[Finding, ...]


def convert(
    source: Path, from_format: FormatName, to_format: FormatName, out: Path, rules: ReadRules
) -> Converted:
    """Write a folder with its pictures in another format, whole or not at all.

    Args:
        source: The folder, or one COCO file.
        from_format: How it is annotated.
        to_format: How to annotate.
        out: New or empty folder.
        rules: How to read. Boxes are written for the upright picture, as viewers show it; the
            files of the pictures are copied as they are, EXIF orientation included.

    Raises:
        DatasetError: The source cannot be read, or not be written so, or `out` is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(f"{out}: is there already; name a new folder")
    result = formats.read(from_format, source, rules)
    root = rules.images or (source if source.is_dir() else source.parent)
    with whole_folder(out) as partial:
        try:
            lost = formats.write(to_format, result.dataset, partial, root, with_sidecar=True)
        except DatasetError as error:  # it is about what was read; the partial folder goes
            raise DatasetError(str(error).replace(str(partial), str(source))) from error
    return Converted(result, lost)
