"""A source while it is read: its files, its pictures, and what is found wrong."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pocketdet.config import Orientation, Unannotated
from pocketdet.config import Source as Entry
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_text, walk
from pocketdet.formats.pictures import Frame, Pictures
from pocketdet.formats.rows import Finding, ReadResult, Rows


@dataclass(frozen=True, slots=True)
class ReadRules:
    """What a folder does not say about itself.

    Attributes:
        images: Root of the pictures; None where they lie in the source's own folder.
        orientation: Which pixels the annotator saw: "upright" as viewers show them, or "stored"
            as the file has them, whatever its EXIF orientation says.
        unannotated: What a picture without annotation is: an error, a picture without objects, or
            left out and counted. None does as the loaders of the format do: YOLO takes it for a
            negative, COCO leaves it out, VOC and KITTI refuse.
        lenient: Count what makes a source doubtful (a picture that is not there, a class without
            name, a broken file), and go on without it. False makes it an error.
    """

    images: Path | None = None
    orientation: Orientation = "upright"
    unannotated: Unannotated | None = None
    lenient: bool = False

    @classmethod
    def of(cls, entry: Entry) -> "ReadRules":
        """What params.yaml says of a source."""
        return cls(
            orientation=entry.orientation,
            unannotated=entry.unannotated,
            lenient=entry.doubtful == "drop",
        )


USUAL = ReadRules()
EMPTY: tuple[object, ...] = (None, "", [], {})  # fields that say nothing


@dataclass(slots=True)
class Source:
    """What the readers of all formats share.

    Attributes:
        folder: Of the annotations.
        rules: How to read.
        files: POSIX paths below the folder, sorted.
        pictures: Index of the picture files.
        findings: What was found wrong so far.
        unread: What the annotations hold besides boxes, which is not read: kind -> number.
    """

    folder: Path
    rules: ReadRules
    files: list[str]
    pictures: Pictures
    findings: list[Finding] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)

    @classmethod
    def open(cls, folder: Path, rules: ReadRules) -> "Source":
        """List the folder.

        Raises:
            DatasetError: It is no folder, or a link leads out of it.
        """
        files = walk(folder)
        if rules.images is None:
            return cls(folder, rules, files, Pictures(folder, files))
        return cls(folder, rules, files, Pictures(rules.images, walk(rules.images)))

    @property
    def root(self) -> Path:
        """Folder that the image paths start from."""
        return self.pictures.folder

    def rows(self, file: str) -> Rows:
        """Takes in the rows of one of the annotation files."""
        return Rows(file, self.findings, self.rules.lenient)

    def leave(self, fields: Mapping[str, Any], read: Set[str]) -> None:
        """Count the fields of a record that say something and are not among those read."""
        for name in fields.keys() - read:
            self.unread[str(name)] += fields[name] not in EMPTY

    def text(self, rows: Rows) -> str | None:
        """The text of the file of these rows, or None when it is dropped as broken.

        Raises:
            DatasetError: It is not UTF-8, and the rules are not lenient.
        """
        file = self.folder / rows.file
        return rows.attempt(lambda: read_text(file), "file", "broken file", 0)

    def picture_of(self, rows: Rows, swap: tuple[str, str], suffix: str, boxes: int) -> str | None:
        """The picture of the label file of these rows, or None when it is dropped without one.

        Args:
            rows: Of the label file.
            swap: See `Pictures.of_label`.
            suffix: A likely one of the picture (".jpg"), for the error.
            boxes: Number of boxes that would go.

        Raises:
            DatasetError: No picture fits, or several, and the rules are not lenient.
        """
        file = self.folder / rows.file

        def find() -> str:
            path = self.pictures.of_label(rows.file, swap, file)
            if path is None:
                name = file.stem + suffix
                raise DatasetError(f"{file}: picture {name} not found below {self.root}; add it")
            return path

        return rows.attempt(find, "file", "picture not found", boxes)

    def frame(self, path: str, rows: Rows, record: str, boxes: int) -> Frame | None:
        """The pixels that the annotator of a picture saw, or None when it is dropped as broken.

        Raises:
            DatasetError: The picture cannot be opened, and the rules are not lenient.
        """
        orientation = self.rules.orientation
        return rows.attempt(
            lambda: self.pictures.frame(path, orientation), record, "broken picture", boxes
        )

    def of_lines(
        self,
        label: str,
        swap: tuple[str, str],
        suffix: str,
        box: Callable[[Rows, str, str, Frame], Box | None],
    ) -> tuple[str | None, Image | None]:
        """The picture of a text file, and the image with a box a line; None where it was dropped.

        Args:
            label: The file.
            swap: See `Pictures.of_label`.
            suffix: See `picture_of`.
            box: Reads a line: the file's rows, the record ("line 3"), the line, the frame.
        """
        rows = self.rows(label)
        text = self.text(rows)
        lines = [(n, line) for n, line in enumerate((text or "").splitlines(), 1) if line.strip()]
        path = self.picture_of(rows, swap, suffix, len(lines))
        if path is None or text is None:
            return path, None
        frame = self.frame(path, rows, "file", len(lines))
        if frame is None:
            return path, None
        boxes = (box(rows, f"line {n}", line, frame) for n, line in lines)
        return path, Image(path, frame.upright_wh, tuple(filter(None, boxes)))

    def result(
        self,
        classes: Iterable[str],
        images: Sequence[Image],
        files: Sequence[str],
        negatives: Sequence[Image],
    ) -> ReadResult:
        """What was read: annotated images, each with its file, then those without annotation."""
        return ReadResult(
            Dataset(tuple(classes), (*images, *negatives)),
            tuple(self.findings),
            (*files, *(image.path for image in negatives)),
            Counter(dict(sorted((+self.unread).items()))),  # without what never occurred
        )

    def negatives(self, used: Iterable[str], expected: str, own: Unannotated) -> list[Image]:
        """Pictures that no annotation names, as images without objects where the rules want them.

        Args:
            used: Pictures that have an annotation.
            expected: Where one would be ("label_2/*.txt"), for the error.
            own: What the format's own loaders do.

        Raises:
            DatasetError: There are such pictures, and they are refused.
        """
        paths = self.pictures.unused(used)
        rule = self.rules.unannotated or own
        if rule == "refuse" and self.rules.lenient:
            rule = "leave out"
        if paths and rule == "refuse":
            raise DatasetError(
                f"{self.root}: {len(paths)} pictures have no {expected}, first "
                f"{paths[0]}; annotate or remove them or, if they show no objects, say so: "
                "--negatives, in params.yaml unannotated: negative"
            )
        images = []
        for path in paths:
            rows = self.rows(path)
            rows.note("picture", "picture without annotation", dropped=rule == "leave out", boxes=0)
            if rule == "negative" and (frame := self.frame(path, rows, "picture", 0)):
                images.append(Image(path, frame.upright_wh))
        return images

    def refuse_ids(self, below: str, ids: Collection[str], expected: str) -> None:
        """Pictures that the official lists name and that have no annotation.

        Raises:
            DatasetError: There are some, and the rules are not lenient.
        """
        for name in ids:
            error = DatasetError(
                f"{self.folder}: {len(ids)} pictures of the official lists have no {expected}, "
                f"first {name}; add them or shorten the list"
            )
            self.rows(below).doubt(error, name, "listed without annotation", 0)
