import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.curation import checks
from pocketdet.dataset import Dataset, Image
from pocketdet.errors import DatasetError

FOREIGN = (
    b"foreign\n[9, 8]\n7\n\xff\n"
    b'[1, [], 3, 4, "ff"]\n[1, "a", 3, 4, "no digits"]\n' + b"[" * 100_000 + b"\n"
)


@pytest.fixture
def photos(tmp_path):
    """Three photos of noise, and the data set of them."""
    rng = np.random.default_rng(0)
    images = []
    for n in range(3):
        pixels = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        PIL.fromarray(pixels).save(tmp_path / f"{n}.jpg")
        images.append(Image(f"{n}.jpg", (40, 30)))
    return Dataset((), tuple(images))


@pytest.fixture
def decoded(monkeypatch):
    """Paths that were really decoded."""
    seen = []
    load = checks.load_grey
    monkeypatch.setattr(checks, "load_grey", lambda path: (seen.append(path.name), load(path))[1])
    return seen


def inspect(dataset, root, memory=None, **other):
    with checks.Memory(memory) as known:
        return checks.inspect(dataset, root, known, workers=2, **other)


def test_second_run_decodes_nothing_and_says_the_same(photos, tmp_path, decoded):
    memory = tmp_path / "scratch/decoded.jsonl"
    first = inspect(photos, tmp_path, memory)
    assert sorted(decoded) == ["0.jpg", "1.jpg", "2.jpg"]
    decoded.clear()
    assert inspect(photos, tmp_path, memory) == first
    assert decoded == []
    assert list(first) == ["0.jpg", "1.jpg", "2.jpg"]


def test_a_changed_file_is_decoded_again(photos, tmp_path, decoded):
    memory = tmp_path / "decoded.jsonl"
    inspect(photos, tmp_path, memory)
    decoded.clear()
    PIL.new("RGB", (40, 30)).save(tmp_path / "1.jpg")
    inspect(photos, tmp_path, memory)
    assert decoded == ["1.jpg"]


@pytest.mark.parametrize("cut", [1, 40, 120])
def test_a_memory_torn_by_a_crash_costs_one_line(photos, tmp_path, decoded, cut):
    memory = tmp_path / "decoded.jsonl"
    first = inspect(photos, tmp_path, memory)
    memory.write_bytes(FOREIGN + memory.read_bytes()[:-cut])
    decoded.clear()
    assert inspect(photos, tmp_path, memory) == first
    assert len(decoded) <= 1
    decoded.clear()
    assert inspect(photos, tmp_path, memory) == first
    assert decoded == []


def test_every_broken_picture_is_named(photos, tmp_path):
    (tmp_path / "0.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:-300])
    (tmp_path / "2.jpg").unlink()
    with pytest.raises(DatasetError) as error:
        inspect(photos, tmp_path)
    assert str(error.value).startswith("2 of 3 pictures are broken")
    assert "0.jpg: not a whole picture" in str(error.value)
    assert "2.jpg: image file not found" in str(error.value)


def test_broken_pictures_are_not_remembered(photos, tmp_path):
    memory = tmp_path / "decoded.jsonl"
    (tmp_path / "0.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:-300])
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"0\.jpg"):
            inspect(photos, tmp_path, memory)


def test_another_size_than_the_header_said(photos, tmp_path):
    PIL.new("RGB", (41, 30)).save(tmp_path / "1.jpg")
    with pytest.raises(DatasetError, match=r"1\.jpg: decodes to \(41, 30\) px"):
        inspect(photos, tmp_path)


def test_progress_counts_every_picture(photos, tmp_path):
    seen = []
    inspect(photos, tmp_path, progress=seen.append)
    assert seen == [1, 2, 3]


def test_written_and_read(photos, tmp_path):
    found = inspect(photos, tmp_path)
    checks.save(found, tmp_path / "pictures.csv")
    assert checks.load(tmp_path / "pictures.csv") == found
    assert checks.hashes(photos, found)[0] == [found[i.path].sha256 for i in photos]
    with pytest.raises(DatasetError, match=r"0\.jpg: not among the inspected"):
        checks.hashes(photos, {})
