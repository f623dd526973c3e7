from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PIL

from pocketdet import preprocess
from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import stored_frame
from pocketdet.preprocess import RESIZE, Preprocessing, Resize, load_grey, load_rgb, to_input


@pytest.fixture
def picture() -> PIL.Image:
    """4 x 2 px: the left half red, the right half blue."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, :2, 0] = 255
    pixels[:, 2:, 2] = 255
    return PIL.fromarray(pixels)


def test_specification_survives_its_file(tmp_path: Path):
    spec = Preprocessing((224, 160), "stretch")
    spec.save(tmp_path / "preprocessing.json")
    assert Preprocessing.load(tmp_path / "preprocessing.json") == spec


def test_letterbox_keeps_the_aspect_and_fills_the_rest_with_grey():
    white = np.full((20, 10, 3), 255, np.uint8)
    rgb = to_input(white, Preprocessing((64, 32), "letterbox"))
    assert rgb.shape == (32, 64, 3)
    assert (rgb[:, 24:40] == 255).all()
    assert (rgb[:, :24] == 127).all()
    assert (rgb[:, 40:] == 127).all()


def test_stretch_fills_the_input():
    white = np.full((20, 10, 3), 255, np.uint8)
    assert (to_input(white, Preprocessing((64, 32), "stretch")) == 255).all()


@given(
    st.sampled_from(sorted(RESIZE)),
    st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.booleans(),
)
def test_boxes_come_back_from_the_input(resize: Resize, photo_wh: tuple[int, int], flip: bool):
    w, h = photo_wh
    boxes = np.array([[0, 0, w, h], [0.2 * w, 0.1 * h, 0.7 * w, 0.9 * h]], np.float32)
    view = replace(
        Preprocessing((288, 192), resize).view(photo_wh), flip=flip, upside_down=not flip
    )
    corners = np.concatenate([boxes.reshape(-1, 2), np.ones((4, 1))], 1) @ view.matrix(photo_wh).T
    inside = np.sort(corners[:, :2].reshape(2, 2, 2), 1).reshape(2, 4)
    assert (inside >= -1e-3).all()
    assert (inside <= np.array([288, 192, 288, 192]) + 1e-3).all()
    assert view.back(inside, photo_wh) == pytest.approx(boxes, abs=1e-3 * max(photo_wh))


def test_interpolation_of_mediapipe_is_opencvs_perspective_warp():
    """As its ImageToTensorCalculator calls it on a CPU."""
    import cv2

    rng = np.random.default_rng(0)
    photo = np.asarray(
        PIL.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((400, 300))
    )
    found = to_input(photo, Preprocessing((96, 64), "stretch", "mediapipe"))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    large, small = (corners * np.float32(size) for size in ([400, 300], [96, 64]))
    warp = cv2.getPerspectiveTransform(large, small)
    expected = cv2.warpPerspective(
        photo, warp, (96, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    np.testing.assert_array_equal(found, expected)
    smooth = to_input(photo, Preprocessing((96, 64), "stretch"))
    assert np.abs(smooth.astype(int) - expected).max() > 20


def test_exif_orientation_is_applied(tmp_path: Path, picture: PIL.Image):
    exif = PIL.Exif()
    exif[0x0112] = 6  # "turn 90 degrees clockwise to view"
    picture.save(tmp_path / "turned.png", exif=exif)
    rgb = load_rgb(tmp_path / "turned.png")
    assert rgb.shape == (4, 2, 3)
    assert (rgb[:2] == [255, 0, 0]).all()  # what was left is on top


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, picture: PIL.Image, mode: str):
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    picture.convert(mode).save(path)
    rgb = load_rgb(path)
    assert rgb.shape == (2, 4, 3)
    assert rgb.dtype == np.uint8
    if mode in ("P", "RGBA", "CMYK"):
        assert (rgb == np.asarray(picture)).all()


def test_16_bit_grey_keeps_its_upper_bits(tmp_path: Path):
    PIL.fromarray(np.array([[0, 128 << 8, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert load_rgb(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 128, 255]


def test_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DatasetError, match=r"nowhere\.jpg: image file not found"):
        load_rgb(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("keep", [0, 4, 200, 900])
def test_truncated_jpeg_is_an_error_not_grey_pixels(tmp_path: Path, keep: int):
    path = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    PIL.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DatasetError, match=r"cut\.jpg: not a whole picture"):
        load_rgb(path)


@pytest.mark.parametrize("format", ["EPS", "TGA", "SGI", "ICO"])
def test_a_rare_format_is_refused_whatever_it_is_called(
    tmp_path: Path, picture: PIL.Image, format: str
) -> None:
    picture.save(tmp_path / "a.jpg", format)
    with pytest.raises(DatasetError, match=r"a\.jpg: not a whole picture"):
        load_rgb(tmp_path / "a.jpg")


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch, picture: PIL.Image):
    picture.save(tmp_path / "a.png")
    monkeypatch.setattr(preprocess, "MAX_PIXELS", 7)
    with pytest.raises(DatasetError, match="4 x 2 px, expected at most 7"):
        load_rgb(tmp_path / "a.png")


def test_a_header_that_claims_huge_sides_is_refused(tmp_path: Path):
    path = tmp_path / "huge.png"
    PIL.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(DatasetError, match=r"huge\.png"):
        load_rgb(path)


def test_stretches_whatever_the_aspect(picture: PIL.Image):
    rgb = to_input(np.asarray(picture), Preprocessing((8, 8), "stretch"))
    assert rgb.shape == (8, 8, 3)
    assert (rgb[:, :3] == [255, 0, 0]).all()
    assert (rgb[:, 5:] == [0, 0, 255]).all()


def test_shrinks_with_antialiasing():
    stripes = np.zeros((8, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    rgb = to_input(stripes, Preprocessing((8, 8), "stretch"))
    assert (np.abs(rgb.astype(int) - 127) <= 6).all()  # nearest or plain bilinear: 0 or 255


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of a damaged EXIF block
def test_flipped_bytes_raise_nothing_but_our_own_error(tmp_path: Path):
    rng = np.random.default_rng(0)
    exif = PIL.Exif()
    exif[0x0112] = 6
    path = tmp_path / "damaged.jpg"
    PIL.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(path, exif=exif)
    whole = path.read_bytes()
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(200)] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            load_rgb(path)
        except DatasetError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_colour_and_grey_stand_upright_whatever_the_file_says(tmp_path, suffix, orientation):
    stored = np.zeros((30, 40, 3), np.uint8)
    stored[:10, :10] = 255
    exif = PIL.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    PIL.fromarray(stored).save(path, exif=exif)
    frame = stored_frame(path)
    x1, y1, x2, y2 = (round(value) for value in frame.upright((1, 1, 9, 9)))
    rgb, grey = load_rgb(path), load_grey(path)
    assert (rgb.shape[1], rgb.shape[0]) == grey.size == frame.upright_wh
    for values in (rgb, np.asarray(grey)):
        assert values[y1:y2, x1:x2].min() > 200
        assert values.mean() < 40


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_torn_jpeg_is_found_in_grey_as_in_colour(tmp_path, mode):
    path = tmp_path / "a.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    PIL.fromarray(noise).convert(mode).save(path)
    difference = np.asarray(load_grey(path), int) - np.asarray(
        PIL.fromarray(load_rgb(path)).convert("L"), int
    )
    assert abs(difference).mean() < 4  # colours outside of RGB are cut there, and not in luma
    path.write_bytes(path.read_bytes()[:-50])
    for load in (load_rgb, load_grey):
        with pytest.raises(DatasetError, match="not a whole picture"):
            load(path)
