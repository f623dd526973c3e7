from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(
    convert_tiny: Callable[[str, str], Path], tiny_converted: Path
) -> None:
    # Another hash seed, as Python draws one for every process: sets come in another order.
    again = convert_tiny("again", "2")
    names = sorted(p.relative_to(again) for p in again.rglob("*") if p.is_file())
    assert names == sorted(
        p.relative_to(tiny_converted) for p in tiny_converted.rglob("*") if p.is_file()
    )
    assert names
    for name in names:
        assert (again / name).read_bytes() == (tiny_converted / name).read_bytes(), name
