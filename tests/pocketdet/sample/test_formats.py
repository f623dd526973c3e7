from pathlib import Path

import pytest

from pocketdet import formats
from pocketdet.dataset import Dataset
from pocketdet.sample import convention, generate


@pytest.mark.parametrize("source", ["street_coco", "street_voc", "street_kitti"])
def test_what_is_written_is_read_back(source: str, tmp_path: Path):
    """Pixel rules, ignore flags, occlusion and truncation survive the files of each convention."""
    pictures = list(generate(source, 16, 1, (240, 180), 1))
    for picture in pictures:
        file = tmp_path / picture.image.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture.jpeg)
    images = tuple(picture.image for picture in pictures)
    labels = sorted({box.label for image in images for box in image.boxes if not box.ignore})
    lost = formats.write(convention(source), Dataset(tuple(labels), images), tmp_path)
    assert not lost
    result = formats.read(convention(source), tmp_path)
    assert not result.findings
    assert result.dataset.images == images
    assert sum(len(image.boxes) for image in images) > 30
    assert any(box.ignore for image in images for box in image.boxes)
    assert not list(tmp_path.rglob("*ImageSets*"))  # the split stage decides
