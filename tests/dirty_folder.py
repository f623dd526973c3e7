"""Builds folders with the dirt of real life: `python tests/dirty_folder.py OUT` writes them all."""

import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image as PIL

EXIF_ORIENTATION = 0x0112
NAMES = ["person", "dog", "ghost", "person", "bike"]  # one twice, one without object


def photo(seed: int, size_wh: tuple[int, int] = (96, 72)) -> PIL.Image:
    """Smooth noise, so that two of them differ and a JPEG of one is near it."""
    w, h = size_wh
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return PIL.fromarray(noise).resize((w, h), PIL.Resampling.BICUBIC)


def yolo(folder: Path) -> Path:
    """One YOLO folder with everything that its format allows to be wrong."""
    train, val = folder / "images/train", folder / "images/val"
    labels = {train: folder / "labels/train", val: folder / "labels/val"}
    for path in (*labels, *labels.values()):
        path.mkdir(parents=True)

    def add(below: Path, name: str, picture: PIL.Image, text: str | bytes | None, **save) -> None:
        picture.save(below / name, **save)
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode()
            (labels[below] / name).with_suffix(".txt").write_bytes(data)

    person = "0 0.5 0.5 0.25 0.5\n"
    for n in range(6):  # copied annotations
        add(train, f"copied_{n}.png", photo(n), "0 0.4 0.5 0.25 0.5\n")
    add(train, "negative.png", photo(10), None)
    add(train, "empty.png", photo(11), "")
    add(train, "Ünïcode mit Leerzeichen 名前.PNG", photo(12), "1 0.5 0.5 0.25 0.51\r\n")
    add(train, "bom.png", photo(13), b"\xef\xbb\xbf" + person.encode())
    add(train, "bike.png", photo(14), "4 0.5 0.5 0.25 0.67\n")
    rows = {
        "too_few": "0 0.5 0.5 0.5",
        "no_number": "0 0.5 x 0.5 0.5",
        "nan": "0 nan 0.5 0.25 0.5",
        "inf": "0 0.5 0.5 inf 0.5",
        "polygon": "0 0.2 0.2 0.6 0.3 0.4 0.7",
        "class": "9 0.5 0.5 0.25 0.5",
        "pixels": "0 48 36 20 30",
        "spill": "0 0.95 0.5 0.25 0.5",
        "no_area": "0 0.5 0.5 0 0.5",
        "reversed": "0 0.5 0.5 -0.25 0.5",
        "tiny": "0 0.5 0.5 0.004 0.3",
        "huge": "0 0.5 0.5 0.999 0.999",
        "sliver": "0 0.5 0.5 0.99 0.015",
        "twice": "0 0.5 0.5 0.25 0.5\n0 0.5 0.5 0.251 0.5",
    }
    for n, (name, row) in enumerate(rows.items()):
        add(train, f"{name}.png", photo(20 + n), f"{row}\n0 0.3 0.{n + 10} 0.1 0.1\n")
    crowd = "".join(f"0 {(n % 10 + 0.5) / 10} {(n // 10 + 0.5) / 6} 0.08 0.12\n" for n in range(60))
    add(train, "crowd.png", photo(40), crowd)
    (train / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    (labels[train] / "corrupt.txt").write_text(person + "0 0.2 0.2 0.1 0.1\n")
    photo(41, (640, 480)).save(train / "cut.jpg")
    whole = (train / "cut.jpg").read_bytes()
    (train / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (labels[train] / "cut.txt").write_text("0 0.5 0.5 0.25 0.52\n")
    (train / "nothing.png").touch()
    (train / "bomb.png").write_bytes(bomb())
    (labels[train] / "orphan.txt").write_text(person)
    (train / "Thumbs.db").touch()
    add(train, "pair.png", photo(42), "0 0.5 0.5 0.25 0.53\n")
    photo(43).save(train / "pair.JPG")
    exif = PIL.Exif()
    exif[EXIF_ORIENTATION] = 6
    add(train, "turned.jpg", photo(44), "0 0.5 0.5 0.25 0.54\n", exif=exif)
    add(train, "cmyk.jpg", photo(45).convert("CMYK"), "0 0.5 0.5 0.25 0.55\n")
    add(train, "grey.png", photo(46).convert("L"), "0 0.5 0.5 0.25 0.56\n")
    palette = photo(47).quantize(16)
    add(train, "palette.png", palette, "0 0.5 0.5 0.25 0.57\n")
    deep = PIL.fromarray(np.asarray(photo(48).convert("L")).astype(np.uint16) << 8)
    add(train, "deep.png", deep, "0 0.5 0.5 0.25 0.58\n")
    add(train, "small.png", photo(49, (20, 20)), "0 0.5 0.5 0.5 0.59\n")
    add(train, "long.png", photo(50, (800, 33)), "0 0.5 0.5 0.25 0.61\n")
    add(train, "uniform.png", PIL.new("RGB", (96, 72), "black"), "0 0.5 0.5 0.25 0.62\n")
    for below, name in ((train, "same"), (val, "leak")):
        add(below, f"{name}.png", photo(51), "0 0.5 0.5 0.25 0.63\n")
    add(train, "again.png", photo(51), "1 0.5 0.5 0.25 0.64\n")
    add(train, "resaved.jpg", photo(0), "0 0.5 0.5 0.25 0.65\n", quality=60)
    add(val, "near_leak.jpg", photo(1), "0 0.5 0.5 0.25 0.66\n", quality=60)
    for n in range(4):
        add(val, f"dog_{n}.png", photo(60 + n), f"1 0.5 0.5 0.2{n} 0.5\n")
    add(val, "other.png", photo(70), "3 0.5 0.5 0.25 0.5\n")
    (folder / "test.txt").write_text("images/train/empty.png\nimages/train/gone.png\n")
    (folder / "data.yaml").write_text(
        "nc: 6\ntrain: [images/train, images/nowhere]\nval: images/val\ntest: test.txt\n"
        f"names: {json.dumps(NAMES)}\n"
    )
    return folder


def voc(folder: Path) -> Path:
    """What VOC's XML and lists allow to be wrong, beyond that."""
    for below in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / below).mkdir(parents=True)

    def add(name: str, box: tuple, size_wh=(96, 72), picture: bool = True, extra: str = "") -> None:
        if picture:
            photo(sum(name.encode())).save(folder / f"JPEGImages/{name}.jpg")
        corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        bndbox = "".join(f"<{key}>{value}</{key}>" for key, value in corners)
        w, h = size_wh
        (folder / f"Annotations/{name}.xml").write_bytes(
            f"<annotation>\r\n<filename>{name}.jpg</filename>{extra}"
            f"<size><width>{w}</width><height>{h}</height></size>\r\n"
            f"<object><name>person</name><bndbox>{bndbox}</bndbox></object>"
            "</annotation>".encode()
        )

    add("good", (10, 10, 40, 60))
    add("other_size", (10, 10, 40, 60), size_wh=(192, 144))
    add("turned_size", (10, 10, 40, 60), size_wh=(72, 96))
    add("no_picture", (10, 10, 40, 60), picture=False)
    add("reversed", (40, 10, 10, 60))
    add("outside", (200, 10, 240, 60))
    add("climbs", (10, 10, 40, 60), extra="<filename>../../etc/passwd</filename>")
    text = (folder / "Annotations/climbs.xml").read_text()
    text = text.replace("<filename>climbs.jpg</filename>", "")
    (folder / "Annotations/climbs.xml").write_text(text)
    (folder / "Annotations/bomb.xml").write_text(
        '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><annotation>&c;</annotation>'
    )
    photo(3).save(folder / "JPEGImages/bomb.jpg")
    photo(4).save(folder / "JPEGImages/unannotated.jpg")
    (folder / "ImageSets/Main/train.txt").write_text("good\r\nunknown\r\n")
    (folder / "ImageSets/Main/val.txt").write_text("good\n")
    return folder


def coco(folder: Path) -> Path:
    """What COCO's JSON allows to be wrong, beyond that."""
    (folder / "images").mkdir(parents=True)
    for n in (1, 2, 5):
        photo(n).save(folder / f"images/{n}.jpg")
    sizes = {"width": 96, "height": 72}
    images = [
        *({"id": n, "file_name": f"{n}.jpg", **sizes} for n in (1, 2, 3)),
        {"id": 2, "file_name": "5.jpg", **sizes},
        {"id": 6, "file_name": "1.jpg", **sizes},
        {"id": 7, "file_name": "/etc/passwd", **sizes},
    ]
    box = {"category_id": 1, "bbox": [10, 10, 30, 40], "iscrowd": 0}
    annotations = [
        {"id": 1, "image_id": 1, **box},
        {"id": 1, "image_id": 1, **box},
        {"id": 2, "image_id": 99, **box},
        {"id": 3, "image_id": 1, **box, "category_id": 4},
        {"id": 4, "image_id": 1, **box, "bbox": [1, 2, 3]},
        {"id": 5, "image_id": 1, **box, "bbox": [1, 2, None, 3]},
        {"id": 6, "image_id": 3, **box},
        {"id": 7, **box},
        {"id": 8, "image_id": 2, **box, "segmentation": [[1, 1, 5, 5, 1, 5]]},
    ]
    rows = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person"}],
    }
    (folder / "annotations.json").write_text(json.dumps(rows))
    return folder


def bomb(side: int = 50_000) -> bytes:
    """A PNG whose header claims side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + sum_

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


if __name__ == "__main__":
    for build in (yolo, voc, coco):
        build(Path(sys.argv[1]) / build.__name__)
