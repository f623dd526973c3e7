"""Readers against anything that files may hold: what they raise is a DatasetError, or nothing.

FUZZ_SECONDS says for how long each reader is tried (default 3; `make fuzz` takes 600). What breaks
one is shrunk by hypothesis and printed; it comes back by the seed that is printed with it.
"""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats import ReadRules

SECONDS = float(os.environ.get("FUZZ_SECONDS", "3"))
ROUND = 100  # examples between two looks at the clock
FOLDERS = {"coco": "images", "voc": "JPEGImages", "kitti": "image_2", "yolo": "images"}
# What is likely to meet a reader's assumptions.
TOKENS = [
    b"", b"\x00", b"\xff", b"\r\n", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"nan", b"-inf", b"1e999",
    b"-1", b"0", b"9" * 400, b"1_0", b"0x1", b"\xd9\xa3", b"true", b"null", b"[]", b"{}", b'""',
    b"../", b"/etc/passwd", b"C:\\", b"<!DOCTYPE a>", b"<![CDATA[", b"&amp;", b"<object>",
    b"&", b"!!",
    b"\\ud800", b"*a", b"&a ", b": ", b"- ", b" DontCare ", b'"bbox":', b'"id":', b'"image_id": 1',
    b'"iscrowd": []', b'"width": {}', b'"subset": 3', b"\xc3\x84", b"?" * 300,
    b"<a>" * 3000, b"[" * 3000,
]  # fmt: skip
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 40), st.sampled_from(TOKENS) | st.binary(max_size=8)),
    max_size=6,
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["a.png", "images/b.png", "../a.png", "train", "person", "DontCare", "1"])
)
KEYS = [
    "id", "image_id", "category_id", "bbox", "iscrowd", "ignore", "ignore_reason", "file_name",
    "width", "height", "name", "names", "segmentation", "occlusion", "truncation", "subset", "path",
    "rows", "boxes", "row", "xyxy", "label", "classes", "images", "annotations", "categories",
    "train", "val", "nc",
]  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)
names = st.sampled_from(
    ["pocketdet.json", "annotations/extra_train.json", "labels/classes.txt", "data.yaml", "x.xml",
     "ImageSets/Main/train.txt", "ImageSets/val.txt", "labels/train/a.txt", "obj.names", "a/b.png",
     "annotations.json", "images/A.PNG", "label_2/c.txt"]
)  # fmt: skip
words = st.sampled_from(
    [
        "Car",
        "0",
        "1",
        "0.5",
        "-1",
        "nan",
        "1e9",
        "DontCare",
        "0.25",
        "7",
        "x",
        "\u0663",
        "-0",
        "a b",
    ]
)
rows = st.lists(st.lists(words, max_size=18).map(" ".join), max_size=4).map("\n".join)


def valid(name: str, folder: Path) -> None:
    images = []
    for stem in "ab":
        path = f"{FOLDERS[name]}/{stem}.png"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        PIL.new("L", (40, 30)).save(folder / path)
        boxes = (Box("person", (1, 2, 11, 12), "iscrowd", 1, 0.5), Box("dog", (1, 2, 9, 9)))
        images.append(Image(path, (40, 30), boxes, subset="train" if stem == "a" else "val"))
    formats.write(name, Dataset(("person", "dog"), tuple(images)), folder, with_sidecar=True)


@st.composite
def harms(draw, files: list[str]):
    """Files to write over, and edits of others: (name, content or edits)."""
    harm = []
    for name in draw(st.lists(st.sampled_from(files), min_size=1, max_size=3)):
        kind = draw(st.sampled_from(("edit", "value", "rows")))
        if kind == "edit" or name.endswith(".png"):
            harm.append((name, draw(edits)))
        elif kind == "rows":
            harm.append((name, draw(rows).encode()))
        else:
            value = draw(values)
            dump = yaml.safe_dump if name.endswith("yaml") else json.dumps
            harm.append((name, dump(value).encode("utf-8", "surrogatepass")))
    if draw(st.booleans()):
        value = draw(values)
        harm.append((draw(names), json.dumps(value).encode("utf-8", "surrogatepass")))
    return harm


def apply(harm: list, folder: Path) -> None:
    for name, change in harm:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(change, bytes):
            path.write_bytes(change)
            continue
        data = path.read_bytes() if path.exists() else b""
        for where, length, new in change:
            at = int(where * len(data))
            data = data[:at] + new + data[at + length :]
        path.write_bytes(data)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["coco", "voc", "kitti", "yolo"])
def test_a_reader_raises_dataset_errors_alone(name, tmp_path):
    pristine = tmp_path / "pristine"
    valid(name, pristine)
    files = sorted(p.relative_to(pristine).as_posix() for p in pristine.rglob("*") if p.is_file())
    end = time.monotonic() + SECONDS
    number, read = 0, 0
    while time.monotonic() < end:

        @seed(number)
        @settings(
            max_examples=ROUND,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(harm=harms(files), lenient=st.booleans(), stored=st.booleans())
        def attack(harm, lenient, stored):
            nonlocal read
            with tempfile.TemporaryDirectory(dir=tmp_path) as room:
                folder = Path(room) / "source"
                shutil.copytree(pristine, folder)
                apply(harm, folder)
                rules = ReadRules(orientation="stored" if stored else "upright", lenient=lenient)
                try:
                    result = formats.read(name, folder, rules)
                    formats.write("voc", result.dataset, folder / "out", folder)
                    read += 1
                except DatasetError:
                    pass

        attack()
        number += 1
    assert read, "everything was refused: the attack is too coarse to reach the rows"
    print(f"{name}: {number * ROUND} folders, {read} of them readable")  # noqa: T201
