"""Reads the performance report that Xcode makes of a Core ML file on a connected iPhone.

In Xcode: open the .mlpackage, tab Performance, "+", the phone, the compute units; then "Show in
Finder" gives NAME.mlperf, a folder with report.json. Apple documents no format. The keys are those
of Xcode 16's reports as two programs that read them state:

    modelMetadata.fileName              the model's name, without .mlpackage
    deviceInfo.modelName                such as "iPhone 16"
    deviceInfo.osNameAndVersionWithoutBuildNumber
    computeUnit                         of MLComputeUnits: 0 to 3
    deviceResults.predict.samples       seconds, one a run
    deviceResults.load.samples          the same of loading the compiled model

No report of a real phone was at hand.
"""

from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from pocketdet.devices.measured import MeasurementError, Positive, Times
from pocketdet.errors import broken_rules

UNITS = ("cpu", "cpu_and_gpu", "all", "cpu_and_neural_engine")  # MLComputeUnits in its order
MAX_BYTES = 50_000_000  # a report lists every operation; more is none


class _Model(BaseModel):
    fileName: str


class _Device(BaseModel):
    modelName: str
    osNameAndVersionWithoutBuildNumber: str


class _Samples(BaseModel):
    samples: list[Positive] = Field(min_length=1)


class _Results(BaseModel):
    predict: _Samples
    load: _Samples | None = None


class _Report(BaseModel):
    modelMetadata: _Model
    deviceInfo: _Device
    computeUnit: int = Field(ge=0, lt=len(UNITS))
    deviceResults: _Results


def read(path: Path, model: str) -> Times:
    """The times of a report.

    Args:
        path: NAME.mlperf, or the report.json inside.
        model: The file's name without suffix, that the report must be of.

    Raises:
        MeasurementError: It is missing, of another model, or lacks a key.
    """
    file = path / "report.json" if path.is_dir() else path
    if not file.is_file():
        raise MeasurementError(f"{file}: not found; expected Xcode's NAME.mlperf, a folder")
    if file.stat().st_size > MAX_BYTES:
        raise MeasurementError(f"{file}: larger than {MAX_BYTES:,} bytes, so no report")
    try:
        report = _Report.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise MeasurementError(
            f"{file}: not a performance report as Xcode 16 writes it ({broken_rules(error)[0]})"
        ) from None
    if report.modelMetadata.fileName != model:
        raise MeasurementError(
            f"{file}: is of {report.modelMetadata.fileName!r}, expected {model!r}; name that file"
        )
    results, device = report.deviceResults, report.deviceInfo
    ms = np.array(results.predict.samples) * 1e3
    return Times(
        device=f"{device.modelName}, {device.osNameAndVersionWithoutBuildNumber}",
        unit=UNITS[report.computeUnit],
        mean_ms=float(ms.mean()),
        min_ms=float(ms.min()),
        max_ms=float(ms.max()),
        std_ms=float(ms.std()),
        runs=len(ms),
        start_ms=float(np.median(results.load.samples) * 1e3) if results.load else None,
        memory_mb=None,
    )
