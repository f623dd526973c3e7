from pathlib import Path

import pytest

from pocketdet.errors import ExportError
from pocketdet.exporting.contract import Contract
from pocketdet.profiling import startup


def test_a_fresh_process_does_not_have_this_ones_memory(tiny_converted: Path) -> None:
    contract = Contract.load(tiny_converted / "contract.json")
    ballast = bytearray(400_000_000)
    found = startup.in_fresh_process(tiny_converted / "int8.tflite", contract)
    assert len(ballast) / 1e6 > found.peak_mb > found.file_mb > 0
    assert found.start_ms > 0
    assert startup.peak_bytes() > len(ballast)


def test_a_broken_file_says_so(tiny_converted: Path, tmp_path: Path) -> None:
    (tmp_path / "int8.tflite").write_bytes(b"no net")
    with pytest.raises(ExportError, match=r"does not start: .*int8\.tflite: LiteRT cannot load"):
        startup.in_fresh_process(
            tmp_path / "int8.tflite", Contract.load(tiny_converted / "contract.json")
        )
