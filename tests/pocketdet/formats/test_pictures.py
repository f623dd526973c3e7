import struct
import zlib

import pytest
from PIL import Image as PIL

from pocketdet.errors import DatasetError
from pocketdet.formats.pictures import EXIF_ORIENTATION, upright_size


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
    assert upright_size(picture(name, (40, 30), mode)) == (40, 30)


@pytest.mark.parametrize(("orientation", "size"), [(1, (40, 30)), (3, (40, 30)), (6, (30, 40))])
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_orientation_turns_the_size(picture, suffix, orientation, size):
    exif = PIL.Exif()
    exif[EXIF_ORIENTATION] = orientation
    assert upright_size(picture(f"a.{suffix}", (40, 30), exif=exif)) == size


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
        upright_size(path)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_an_error(tmp_path, data):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(DatasetError, match=r"a\.jpg: not a picture"):
        upright_size(tmp_path / "a.jpg")
