"""A new source for a project: checked first, then copied into data/raw and named in params.yaml."""

import filecmp
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pocketdet import formats, params_file
from pocketdet.config import Source, Validate
from pocketdet.curation import checks
from pocketdet.dataset import DONT_CARE
from pocketdet.errors import DatasetError
from pocketdet.files import whole_folder
from pocketdet.formats.files import walk
from pocketdet.formats.rows import Finding

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Imported:
    """What came in.

    Attributes:
        folder: Where it lies now.
        copied: Whether this import put it there; False if it was there already.
        images: Number of pictures.
        boxes: Number of boxes, ignored ones included.
        labels: Boxes per annotated name.
        findings: Rows that the pipeline will drop or change.
        unread: What the annotations hold besides boxes, which is not read: kind -> number.
    """

    folder: Path
    copied: bool
    images: int
    boxes: int
    labels: dict[str, int]
    findings: tuple[Finding, ...]
    unread: dict[str, int]


def import_source(source: Path, entry: Source, name: str, raw: Path) -> Imported:
    """Check an annotated folder and copy it to `raw`/`name`, whole or not at all.

    A folder that is there already with the same files is taken as it is, so that an import that was
    cut short carries on. It is copied, not linked: DVC makes the files that it keeps read-only, and
    an edit of the original must not reach into DVC's cache.

    Args:
        source: The folder.
        entry: How it is annotated and to be read, as params.yaml will say.
        name: Of the source in the project.
        raw: The project's folder of sources.

    Raises:
        DatasetError: The name is taken or unfit, the source cannot be read, or a picture is broken.
    """
    if not NAME.fullmatch(name):
        raise DatasetError(
            f"source name {name!r}: expected letters, digits, '_' and '-', without a space"
        )
    if raw.resolve().is_relative_to(source.resolve()):
        raise DatasetError(f"{source}: holds the project's own sources; name a folder of photos")
    target = raw / name
    present = target.exists()
    taken = target.with_name(f"{name}.dvc").exists()
    if (present and not _same_files(source, target)) or (taken and not present):
        raise DatasetError(f"{target}: there is another source of this name; choose another name")
    result = formats.read(entry.format, source, formats.ReadRules.of(entry))
    with checks.Memory(None) as memory:
        checks.inspect(result.dataset, source, memory, os.cpu_count() or 1)
    if not present:
        _copy(source, target)
    labels = Counter(box.label for image in result.dataset for box in image.boxes)
    del labels[DONT_CARE]
    boxes = sum(len(image.boxes) for image in result.dataset)
    return Imported(
        target,
        not present,
        len(result.dataset),
        boxes,
        dict(labels),
        result.findings,
        dict(result.unread),
    )


def _same_files(source: Path, target: Path) -> bool:
    paths = list(walk(source))
    return paths == list(walk(target)) and all(
        filecmp.cmp(source / path, target / path, shallow=False) for path in paths
    )


def _copy(source: Path, target: Path) -> None:
    with whole_folder(target) as partial:
        for path in walk(source):
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, partial / path)


def add_to_params(
    path: Path,
    name: str,
    entry: Source,
    classes: list[str] | None = None,
    others: Literal["drop", "ignore"] | None = None,
) -> Validate:
    """Name a source in params.yaml, with its comments kept as they are.

    The first source of the user's own takes the place of the built-in sample. Mappings to a class
    that is no more are taken out, and so are its limits.

    Args:
        path: Of params.yaml.
        name: Of the source.
        entry: How it is annotated and to be read.
        classes: New validate.classes; None or empty leaves them.
        others: What becomes of all names that are no class; None leaves the mapping.

    Returns:
        The section `validate` as it is now.

    Raises:
        ParamsError: The result would break a rule; the file stays as it was.
    """
    from ruamel.yaml.comments import CommentedMap

    def change(params: Any) -> None:
        rules = params["validate"]
        for sample in list(params["sample"]["sources"]):
            rules["sources"].pop(sample, None)
        del params["sample"]["sources"][:]
        keys = CommentedMap(entry.model_dump(exclude_defaults=True))
        keys.fa.set_flow_style()
        rules["sources"][name] = keys
        if classes:
            rules["classes"][:] = classes
            targets = {*classes, "ignore", "drop"}
            for label in [label for label, to in rules["mapping"].items() if to not in targets]:
                del rules["mapping"][label]
            for label in [label for label in rules["policy"]["classes"] if label not in targets]:
                del rules["policy"]["classes"][label]
        if others:
            rules["mapping"]["*"] = others

    return params_file.edit(path, change, repr(name)).validate_


def absent(classes: Iterable[str], labels: Iterable[str], mapping: Mapping[str, str]) -> list[str]:
    """The classes that no annotated name stands for, by itself or by the mapping."""
    shown = {mapping.get(label, label) for label in labels} | {mapping.get("*")}
    return [label for label in classes if label not in shown]
