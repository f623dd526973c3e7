from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PIL


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Makes a plain picture below tmp_path: picture("images/a.jpg", (40, 30))."""

    def make(name: str, size_wh: tuple[int, int] = (40, 30), mode: str = "RGB", **save) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.new(mode, size_wh).save(path, **save)
        return path

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets beside the repository."""
    folder = Path(__file__).resolve().parents[3] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the real data sets (shared/data beside the repository) are not here")
    return folder.resolve()
