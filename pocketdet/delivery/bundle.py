"""What goes to the phone, in one folder and the same as a zip, each file named with its hash.

    arch.json            the net: specification, layers, costs
    params.json          deployment parameters: model file, operating point, preprocessing
    labels.txt           class names, one a line, in the order of their numbers
    golden/              a photo with all that an app computes from it, see exporting.golden
    contract.json        inputs and outputs of every model file
    *.tflite, *.mlpackage/, *.onnx
    weights.safetensors  the trained weights
    stats.json           data, subsets, scores, conversion ledger, profile, verdict
    README.md, LICENSES.md
    manifest.json        sha256 and size of all the others

The same files give the same bytes: sorted names, no dates, nothing compressed (how zlib compresses
differs between its versions, and weights hardly shrink).
"""

import hashlib
import json
import stat
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pocketdet.errors import BundleError

MANIFEST = "manifest.json"
FORMAT = 1
REQUIRED = ("arch.json", "contract.json", "labels.txt", "params.json", "stats.json")
MAX_BYTES = (
    1 << 30
)  # a phone bundle has some 60 MB with all its files; far more is an accident or an attack
MAX_FILES = 10_000
MAX_JSON = 50_000_000  # bytes; stats.json with thousands of classes has a few million
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked.

    Attributes:
        name: As the manifest says.
        files: Name -> content.
    """

    name: str
    files: Mapping[str, bytes]

    def json(self, name: str) -> Any:
        """A JSON file's value."""
        return loads(self.files[name])

    def model(self, files: Collection[str]) -> str:
        """The one of the model files that an app runs.

        Raises:
            BundleError: params.json names none of them.
        """
        params = self.json("params.json")
        model = params.get("model") if isinstance(params, dict) else None
        if model not in files:
            raise BundleError(f"{self.name}: params.json names {model!r}, which is no model of it")
        return str(model)

    def unpack(self, folder: Path) -> None:
        """Write all files into an existing folder; names were checked when it was opened."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def write(parent: Path, name: str, files: Mapping[str, bytes]) -> tuple[Path, Path]:
    """Write a bundle as the folder `parent`/`name` and the file `parent`/`name`.zip.

    Args:
        parent: An existing folder.
        name: Of the bundle.
        files: POSIX path inside the bundle -> content, without the manifest.

    Returns:
        The folder and the zip.
    """
    listed = {path: {"bytes": len(c), "sha256": _sha256(c)} for path, c in files.items()}
    everything = {**files, MANIFEST: _manifest(name, listed)}
    folder, archive = parent / name, parent / f"{name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for path in sorted(everything):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(everything[path])
            entry = zipfile.ZipInfo(f"{name}/{path}", DATE)
            entry.create_system = 3  # Unix, whatever the system that writes
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            zipped.writestr(entry, everything[path])
    return folder, archive


def open(path: Path) -> Bundle:
    """Read a bundle, folder or zip, and check all of it against its manifest.

    Raises:
        BundleError: It is no bundle, a file is missing, altered or not in the manifest, a name
            would leave the folder, or it is larger than a bundle can be.
    """
    if path.is_dir():
        files = _read_folder(path)
    elif path.is_file():
        files = _read_zip(path)
    else:
        raise BundleError(f"{path}: not found; expected a bundle's folder or zip")
    if MANIFEST not in files:
        raise BundleError(f"{path}: no bundle, {MANIFEST} is missing")
    name, listed = _read_manifest(path, files.pop(MANIFEST))
    for lost in sorted(listed.keys() - files.keys()):
        raise BundleError(f"{path}: {lost} is missing; copy the bundle again")
    for extra in sorted(files.keys() - listed.keys()):
        raise BundleError(f"{path}: {extra} is not in {MANIFEST}; remove it or copy again")
    for file, content in sorted(files.items()):
        if _sha256(content) != listed[file]:
            raise BundleError(f"{path}: {file} was altered, its sha256 is not that of {MANIFEST}")
    for file in REQUIRED:
        if file not in files:
            raise BundleError(f"{path}: {file} is missing from the bundle")
    return Bundle(name, files)


def _read_folder(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = MAX_BYTES
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BundleError(f"{folder}: {name} is a link; a bundle holds plain files")
        if path.is_file():
            room -= path.stat().st_size
            if room < 0 or len(files) >= MAX_FILES:
                raise BundleError(f"{folder}: too large for a bundle; is it the right folder?")
            files[name] = path.read_bytes()
    return files


def _read_zip(archive: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
            # zipfile unpacks no more than an entry's stated size, so the sum of these bounds all.
            if sum(e.file_size for e in entries) > MAX_BYTES or len(entries) > MAX_FILES:
                raise BundleError(f"{archive}: unpacks to more than a bundle can hold; refused")
            for entry in entries:
                top, _, name = entry.filename.partition("/")
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if not _safe(entry.filename) or not name or kind not in (0, stat.S_IFREG):
                    raise BundleError(
                        f"{archive}: entry {entry.filename!r} is no plain file inside the bundle's "
                        "folder; refused"
                    )
                if name in files or top != entries[0].filename.partition("/")[0]:
                    raise BundleError(f"{archive}: {entry.filename!r} is there twice or elsewhere")
                files[name] = _unpack(archive, zipped, entry, name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise BundleError(f"{archive}: not a whole zip file ({error}); copy it again") from error
    return files


def _unpack(archive: Path, zipped: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> bytes:
    import zlib

    try:
        return zipped.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise BundleError(f"{archive}: {name} was altered ({error}); copy it again") from error


def _read_manifest(path: Path, raw: bytes) -> tuple[str, dict[str, str]]:
    """The bundle's name and the sha256 of each file."""
    try:
        manifest = loads(raw)
        name = str(manifest["name"])
        # Only what `write` would write: no digit and no blank of it can change unnoticed.
        if _manifest(name, manifest["files"]) != raw:
            raise ValueError
        listed = {str(file): str(entry["sha256"]) for file, entry in manifest["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{path}: {MANIFEST} was altered or is of another version") from error
    return name, listed


def _safe(name: str) -> bool:
    """Whether a zip entry's name stays inside the folder that it is unpacked into."""
    pure = PurePosixPath(name)
    return not (
        pure.is_absolute()
        or ".." in pure.parts
        or any(character in name for character in "\\:\0")
        or pure.as_posix() != name
    )


def _manifest(name: str, files: Mapping[str, Any]) -> bytes:
    """The manifest's bytes, its own hash among them."""
    value = {"format": FORMAT, "name": name, "files": files}
    return dump({**value, "sha256": _sha256(dump(value))})


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def dump(value: object) -> bytes:
    """JSON as it is written into a bundle: the same value, the same bytes."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def loads(content: bytes) -> Any:
    """JSON of a bundle, which may come from anywhere.

    Raises:
        ValueError: It is no JSON, or nested or long beyond what a bundle needs.
    """
    if len(content) > MAX_JSON:
        raise ValueError(f"{len(content):,} bytes of JSON, expected at most {MAX_JSON:,}")
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error
