"""Checks a bundle: hashes, layout, values that must agree, and its golden vectors on every runtime.

Behind `pocketdet verify`. What a bundle is made of is `pocketdet.delivery.packing`'s affair.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pocketdet.delivery import bundle as bundles
from pocketdet.delivery.bundle import Bundle
from pocketdet.errors import BundleError, ExportError
from pocketdet.exporting import golden
from pocketdet.exporting.contract import Contract
from pocketdet.exporting.golden import Check
from pocketdet.runtimes import Runtime, RuntimeMissingError
from pocketdet.runtimes.opening import open_runtime

JSON = ("arch.json", "params.json", "stats.json")


def verify(path: Path) -> tuple[Bundle, list[Check]]:
    """Open a bundle, which checks every byte of it, and run what can be run here.

    Args:
        path: Folder or zip.

    Raises:
        BundleError: It is altered, incomplete, unsafe, or its files do not agree with each other.
    """
    opened = bundles.open(path)
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        root = Path(folder)
        opened.unpack(root)
        contract = Contract.load(root / "contract.json")
        if problems := list(_problems(path, opened, contract)):
            raise BundleError("\n  ".join([f"{path}: files that do not agree", *problems]))
        if f"{golden.FOLDER}/golden.json" not in opened.files:
            return opened, [Check(golden.FOLDER, "not run", "the bundle has no golden vectors")]
        files = {v.name: _opened(root / v.file, contract) for v in contract.variants}
        return opened, list(golden.check(opened.files, contract, files))


def _opened(path: Path, contract: Contract) -> Runtime | str:
    try:
        return open_runtime(path, contract.net)
    except RuntimeMissingError as error:
        return str(error)
    except ExportError as error:
        raise BundleError(f"{path.name}: its runtime refuses it: {error}") from error


def _problems(path: Path, opened: Bundle, contract: Contract) -> Iterator[str]:
    """What contradicts the contract, which is the one place of all it says."""
    values: dict[str, Any] = {}
    for name in JSON:
        try:
            values[name] = opened.json(name)
        except ValueError as error:
            raise BundleError(f"{path}: {name} is no JSON: {error}") from error
        if not isinstance(values[name], dict):
            raise BundleError(f"{path}: {name} holds no object, but {type(values[name]).__name__}")
    stated = bundles.loads(opened.files["contract.json"])
    for name, key, place in (
        ("params.json", "operating_point", "operating_point"),
        ("params.json", "preprocessing", "preprocessing"),
        ("arch.json", "net", "net"),
    ):
        if values[name].get(key) != stated.get(place):
            yield f"{name}: {key} is not {place} of contract.json"
    labels = opened.files["labels.txt"].decode("utf-8", "replace").splitlines()
    if labels != list(contract.net.classes):
        yield "labels.txt: not the classes of contract.json"
    files = {variant.file for variant in contract.variants}
    if values["params.json"].get("model") not in files:
        yield "params.json: model is no file of contract.json"
    present = {name.split("/")[0] for name in opened.files}
    for file in sorted(files - present):
        yield f"contract.json: names {file}, which is not in the bundle"
