import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PIL
from PIL import ImageOps

from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import EXIF_ORIENTATION, stored_frame


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "L"),
        ("b.JPEG", "CMYK"),
        ("c.png", "I;16"),
        ("d.PNG", "P"),
        ("e.png", "LA"),
        ("f.bmp", "RGB"),
        ("g.webp", "RGB"),
        ("h.tif", "RGB"),
    ],
)
def test_size_of_every_kind(picture, name, mode):
    assert stored_frame(picture(name, (40, 30), mode)).upright_wh == (40, 30)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40))])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation_turns_the_size(picture, suffix, orientation, size):
    exif = PIL.Exif()
    exif[EXIF_ORIENTATION] = orientation
    assert stored_frame(picture(f"a.{suffix}", (40, 30), exif=exif)).upright_wh == size


@pytest.mark.parametrize("side", [50_000, 12_000])
@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_a_header_that_claims_too_much_is_refused_before_decoding(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    with pytest.raises(DatasetError, match=r"bomb\.png.*(120,000,000)"):
        stored_frame(path)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_an_error(tmp_path, data):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(DatasetError, match=r"a\.jpg: not a picture"):
        stored_frame(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_follow_the_pixels_into_the_upright_picture(tmp_path, orientation, suffix):
    """The oracle is Pillow: paint the box, turn the picture, see where the paint is."""
    stored = np.zeros((32, 48), np.uint8)
    stored[8:16, 8:32] = 255  # whole 8 x 8 blocks, which JPEG keeps
    exif = PIL.Exif()
    exif[EXIF_ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    # Pillow 13.0.0 itself misreads plain TIFFs that are turned by a quarter; packed ones it reads.
    packed = {"compression": "tiff_lzw"} if suffix == "tif" else {}
    PIL.fromarray(stored).save(path, exif=exif, **packed)
    frame = stored_frame(path)
    assert frame.size_wh == (48, 32)
    with PIL.open(path) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture)) > 127
    assert frame.upright_wh == upright.shape[::-1]
    (x1, y1, x2, y2) = frame.upright((8, 8, 32, 16))
    expected = np.zeros_like(upright)
    expected[y1:y2, x1:x2] = True
    assert (upright == expected).all()
