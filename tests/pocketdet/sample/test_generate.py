import io

import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.errors import ParamsError
from pocketdet.sample import Picture, convention, count_of, generate

SIZE_WH = (160, 120)


def some(source: str = "street_coco", count: int = 5, seed: int = 0, workers: int = 1):
    return list(generate(source, count, seed, SIZE_WH, workers))


@pytest.fixture(scope="module")
def five() -> list[Picture]:
    return some()


def test_the_same_bytes_twice_and_in_a_pool(five: list[Picture]):
    assert some() == five
    assert some(workers=2) == five


def test_more_pictures_change_none_of_the_earlier_ones(five: list[Picture]):
    assert some(count=7)[:5] == five


@pytest.mark.parametrize(("source", "seed"), [("street_coco", 1), ("other_coco", 0)])
def test_seed_and_source_change_every_picture(five: list[Picture], source: str, seed: int):
    others = some(source, seed=seed)
    assert not {picture.jpeg for picture in others} & {picture.jpeg for picture in five}


def test_a_picture_is_a_jpeg_of_the_size_it_says(five: list[Picture]):
    for picture in five:
        with PIL.open(io.BytesIO(picture.jpeg)) as jpeg:
            assert jpeg.format == "JPEG"
            assert jpeg.size == picture.image.size_wh
            assert np.asarray(jpeg).std() > 10


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("street_coco", "images/000001.jpg"),
        ("street_voc", "JPEGImages/000001.jpg"),
        ("street_kitti", "image_2/000000.jpg"),
    ],
)
def test_files_are_named_as_the_convention_does(source: str, first: str):
    assert [p.image.path for p in some(source, count=1)] == [first]


@pytest.mark.parametrize("size_wh", [(64, 64), (64, 400), (640, 64)])
def test_any_allowed_size_can_be_drawn(size_wh: tuple[int, int]):
    for picture in generate("street_kitti", 6, 3, size_wh, 1):
        assert min(picture.image.size_wh) >= 50


def test_images_are_shared_out_and_none_is_lost():
    sources = ("a_coco", "a_voc", "a_kitti")
    assert [count_of(source, sources, 600) for source in sources] == [200, 200, 200]
    assert [count_of(source, sources, 14) for source in sources] == [5, 5, 4]


def test_wrong_names_are_refused():
    with pytest.raises(ParamsError, match=r"street_yolo.*_coco, _voc, _kitti"):
        convention("street_yolo")
    with pytest.raises(ParamsError, match=r"'b_voc'.*\['a_coco'\]"):
        count_of("b_voc", ("a_coco",), 12)
