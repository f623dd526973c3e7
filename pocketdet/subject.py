"""What can be scored at any time: the trained net, weights of it, a converted file, a bundle."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pocketdet.config import Evaluate
from pocketdet.dataset import Dataset
from pocketdet.delivery import bundle as bundles
from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import NetSpec
from pocketdet.errors import DatasetError, PocketdetError, WeightsError
from pocketdet.evaluation import Evaluator, expressions
from pocketdet.exporting.contract import Contract
from pocketdet.preprocess import Preprocessing
from pocketdet.quiet import quiet
from pocketdet.runtimes import Runtime
from pocketdet.runtimes.opening import open_runtime
from pocketdet.scoring.results import Assessment, SubsetResult

CONTRACT = "contract.json"


@dataclass(frozen=True)
class Subject:
    """A net that is ready to be scored.

    Attributes:
        name: For people.
        runtime: Runs it.
        classes: What it finds.
        rule: From a photo to its input.
        point: Its operating point; None where none was chosen yet.
    """

    name: str
    runtime: Runtime
    classes: tuple[str, ...]
    rule: Preprocessing
    point: OperatingPoint | None


def of_weights(weights: Path, design: Path, point: Path) -> Subject:
    """Weights of a design, also those of a training that goes on.

    Args:
        weights: A .safetensors file.
        design: Folder of the design.
        point: File of the operating point, which need not exist.

    Raises:
        WeightsError: They are not of this design.
        RuntimeMissingError: Keras is not installed.
    """
    from pocketdet.runtimes.keras import KerasRuntime

    if not weights.is_file():
        raise PocketdetError(f"{weights}: not found; expected a .safetensors file")
    with TemporaryDirectory(prefix="pocketdet-") as folder, quiet():
        trained = Path(folder)
        (trained / "weights.safetensors").symlink_to(weights.resolve())
        try:
            runtime = KerasRuntime.load(design, trained)
        except WeightsError as error:
            here = str(trained / "weights.safetensors")
            raise WeightsError(str(error).replace(here, str(weights))) from None
    chosen = OperatingPoint.load(point) if point.exists() else None
    rule = Preprocessing.load(design / "preprocessing.json")
    return Subject(str(weights), runtime, runtime.spec.classes, rule, chosen)


def of_file(file: Path, design: Path, point: Path) -> Subject:
    """A converted file, with the contract beside it or else the project's design.

    Raises:
        ExportError: It is missing, broken, of an unknown kind or of another net.
        RuntimeMissingError: The package that runs it is not installed.
    """
    if (file.parent / CONTRACT).exists():
        return _by_contract(str(file), file, Contract.load(file.parent / CONTRACT))
    spec = NetSpec.load(design / "net.json")
    chosen = OperatingPoint.load(point) if point.exists() else None
    rule = Preprocessing.load(design / "preprocessing.json")
    return Subject(str(file), open_runtime(file, spec), spec.classes, rule, chosen)


@contextmanager
def of_bundle(bundle: Path) -> Iterator[Subject]:
    """The model file that a bundle's app would run, while it is unpacked.

    Raises:
        BundleError: The bundle is altered, incomplete or unsafe.
        ExportError: Its file cannot be run.
    """
    opened = bundles.open(bundle)
    with TemporaryDirectory(prefix="pocketdet-") as folder:
        opened.unpack(Path(folder))
        contract = Contract.load(Path(folder) / CONTRACT)
        model = opened.model({variant.file for variant in contract.variants})
        yield _by_contract(f"{model} of {bundle}", Path(folder) / model, contract)


def _by_contract(name: str, file: Path, contract: Contract) -> Subject:
    runtime = open_runtime(file, contract.net)
    rule, point = contract.preprocessing, contract.operating_point
    return Subject(name, runtime, contract.net.classes, rule, point)


def score(
    subject: Subject,
    name: str,
    dataset: Dataset,
    raw: Path,
    groups_file: Path,
    section: Evaluate,
    seed: int,
    progress: Callable[[str], None],
) -> tuple[SubsetResult, Assessment]:
    """Score whatever runs on a subset.

    Args:
        subject: The net; without an operating point the lowest score is taken for one.
        name: Of the subset.
        dataset: The subset.
        raw: See `Evaluator`, as the other arguments.
        groups_file: Likewise.
        section: Likewise.
        seed: Likewise.
        progress: Likewise.

    Raises:
        DatasetError: The net's classes are not those of the data set, or a photo is not as it was.
        ParamsError: A slice is wrong.
    """
    if subject.classes != dataset.classes:
        raise DatasetError(
            f"{subject.name} finds {', '.join(subject.classes)}, yet the data set is about "
            f"{', '.join(dataset.classes)}; take the net that was trained on it"
        )
    parts = expressions(section, dataset)
    net = Evaluator(subject.runtime, subject.rule, raw, groups_file, section, seed, progress)
    point = subject.point or net.scoring
    return net.score(net.detect(name, dataset, [point.nms_iou]), point, parts)
