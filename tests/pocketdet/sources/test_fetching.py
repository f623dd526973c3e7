"""Fetching through FiftyOne's own code, from a local server that mimics the archives."""

import gc
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.errors import DatasetError
from pocketdet.sources import fetching

pytestmark = pytest.mark.filterwarnings("ignore")  # FiftyOne's and PyTorch's own
WHOLE = ["a.jpg", "b.jpg", "c.jpg"]


@pytest.fixture(autouse=True)
def no_database(monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=5")
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "1")


def picture(colour=0, kind="PNG"):
    stream = io.BytesIO()
    PIL.new("RGB", (60, 40), (colour, 90, 90)).save(stream, kind)
    return stream.getvalue()


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def fetch(name, folder, classes=(), most=100, split="train"):
    lines = []
    return fetching.fetch(name, folder, classes, most, split, lines.append), lines


KITTI_ROW = "0.25 2 0 5 5 25 35 1 1 1 1 1 1 1"
KITTI_TYPES = ["Car", "Pedestrian", "Person_sitting", "Car", "Pedestrian"]
# What a process of its own has to do to fetch from the local server.
KITTI_ALONE = """
import os, sys
os.environ["FIFTYONE_DATABASE_URI"] = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"
from pathlib import Path
from fiftyone.utils import kitti
from pocketdet.sources.fetching import fetch
url, folder = sys.argv[1:]
for part in (kitti._LABELS, kitti._LEFT_IMAGES):
    part["url"] = url + "/" + part["url"].rpartition("/")[2]
fetch("kitti", Path(folder), ["person"], 2, "train", print)
"""


@pytest.fixture
def kitti(server, monkeypatch):
    from fiftyone.utils import kitti

    labels = {
        f"training/label_2/{n:06}.txt": f"{kind} {KITTI_ROW}\nDontCare -1 -1 -10 30 5 40 9"
        " -1 -1 -1 -1000 -1000 -1000 -10\n"
        for n, kind in enumerate(KITTI_TYPES)
    }
    images = {f"training/image_2/{n:06}.png": picture(n) for n in range(5)}
    images["testing/image_2/000000.png"] = bytes(4_000_000)
    for part, files in ((kitti._LABELS, labels), (kitti._LEFT_IMAGES, images)):
        path = part["url"].rpartition("/")[2]
        server.files[f"/{path}"] = zipped(files)
        monkeypatch.setitem(part, "url", f"{server.url}/{path}")
    return server


def test_kitti_takes_what_shows_the_class_and_no_more(kitti, tmp_path):
    found, lines = fetch("kitti", tmp_path, ["person"], most=2)
    assert found == 2
    assert "data_object_image_2.zip, taken whole: 0 of 4 MB" in lines
    dataset = formats.read("kitti", tmp_path / "train").dataset
    assert [image.path for image in dataset] == ["image_2/000001.png", "image_2/000002.png"]
    written = (tmp_path / "train/label_2/000001.txt").read_text().splitlines()
    assert written[0] == f"Pedestrian {KITTI_ROW}"
    assert written[1].startswith("DontCare -1 -1 -10 30 5")
    # Another choice transfers nothing, and the first one is not touched.
    kitti.asked.clear()
    with pytest.raises(DatasetError, match="train: is there already; delete it"):
        fetch("kitti", tmp_path, ["Pedestrian"])
    (tmp_path / "train").rename(tmp_path / "first")
    assert fetch("kitti", tmp_path, ["Pedestrian"])[0] == 2
    assert kitti.asked == []
    assert not list(tmp_path.rglob("*.zip"))


def test_a_torn_unpacking_is_not_taken_for_a_whole_one(kitti, tmp_path, monkeypatch):
    def torn(self, folder):
        self.extract(self.namelist()[0], folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "extractall", torn)
        with pytest.raises(KeyboardInterrupt):
            fetch("kitti", tmp_path)
    assert not (tmp_path / "train").exists()
    kitti.asked.clear()
    assert fetch("kitti", tmp_path)[0] == 5
    assert kitti.asked == []
    assert len(formats.read("kitti", tmp_path / "train").dataset) == 5


def test_it_carries_on_after_kill_9(kitti, tmp_path):
    size = len(kitti.files["/data_object_image_2.zip"])
    kitti.left = len(kitti.files["/data_object_label_2.zip"]) + size // 2
    kitti.stalls = True
    command = [sys.executable, "-c", KITTI_ALONE, kitti.url, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        assert kitti.stalled.wait(120)
        deadline = time.monotonic() + 120  # what was sent is not what has arrived
        while not any(path.stat().st_size for path in tmp_path.rglob("*image_2.zip.partial")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert not (tmp_path / "train").exists()
    kitti.left = None
    kitti.asked.clear()
    assert fetch("kitti", tmp_path, ["person"], most=2)[0] == 2
    [(path, transferred)] = kitti.asked
    assert path == "/data_object_image_2.zip"
    assert transferred < size


def test_a_member_that_leaves_the_folder_is_refused(kitti, tmp_path):
    kitti.files["/data_object_label_2.zip"] = zipped({"training/label_2/../../../../x": b""})
    with pytest.raises(DatasetError, match=r"label_2\.zip: member: .* leaves the data folder"):
        fetch("kitti", tmp_path / "in")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_damaged_zip_is_deleted(kitti, tmp_path):
    path = "/data_object_image_2.zip"
    whole = kitti.files[path]
    kitti.files[path] = whole[:60] + bytes([whole[60] ^ 1]) + whole[61:]
    with pytest.raises(DatasetError, match=r"000000\.png is damaged; run the same command again"):
        fetch("kitti", tmp_path)
    kitti.files[path] = whole
    assert fetch("kitti", tmp_path)[0] == 5


def test_what_cannot_be_had_is_an_error(kitti, tmp_path):
    with pytest.raises(DatasetError, match="no picture of train shows zebra"):
        fetch("kitti", tmp_path, ["zebra"])
    assert not (tmp_path / "train").exists()
    with pytest.raises(DatasetError, match="no split 'test'; one of train"):
        fetch("kitti", tmp_path, split="test")


XML = (
    "<annotation><filename>{n}.jpg</filename><segmented>0</segmented>"
    "<size><width>60</width><height>40</height><depth>3</depth></size>"
    "<object><name>{label}</name><pose>Left</pose><truncated>1</truncated>"
    "<difficult>{difficult}</difficult><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>9</xmax>"
    "<ymax>9</ymax></bndbox></object></annotation>"
)


def tarred(files, link=None):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link[0])
            info.type, info.linkname = tarfile.SYMTYPE, link[1]
            tar.addfile(info)
    return stream.getvalue()


@pytest.fixture
def voc(server, monkeypatch):
    voc = pytest.importorskip("torchvision.datasets.voc", reason="torchvision: not run")
    stated = dict(voc.DATASET_YEAR_DICT["2012"])
    stated["url"] = f"{server.url}/{stated['filename']}"
    monkeypatch.setitem(voc.DATASET_YEAR_DICT, "2012", stated)

    def serve(archive):
        server.files = {f"/{stated['filename']}": archive}
        stated["md5"] = hashlib.md5(archive).hexdigest()
        return stated

    files = {}
    for n, label in enumerate(("person", "cat", "person")):
        xml = XML.format(n=n, label=label, difficult=int(n == 2))
        files[f"VOCdevkit/VOC2012/Annotations/{n}.xml"] = xml.encode()
        files[f"VOCdevkit/VOC2012/JPEGImages/{n}.jpg"] = picture(n, "JPEG")
    for split, stems in {"train": "2\n1\n", "val": "0\n", "trainval": "2\n0\n1\n"}.items():
        files[f"VOCdevkit/VOC2012/ImageSets/Main/{split}.txt"] = stems.encode()
    serve(tarred(files))
    return server, serve, files


def test_voc_keeps_what_its_files_say(voc, tmp_path):
    server, _, files = voc
    assert fetch("voc-2012", tmp_path, ["Person"], split="trainval")[0] == 2
    dataset = formats.read("voc", tmp_path / "trainval").dataset
    assert [image.path for image in dataset] == ["JPEGImages/0.jpg", "JPEGImages/2.jpg"]
    assert [image.boxes[0].ignore for image in dataset] == ["", "difficult"]
    for name in ("Annotations/2.xml", "JPEGImages/2.jpg"):
        written = (tmp_path / "trainval" / name).read_bytes()
        assert written == files[f"VOCdevkit/VOC2012/{name}"]
    server.asked.clear()
    assert fetch("voc-2012", tmp_path, split="val")[0] == 1  # out of the same archive
    assert server.asked == []


def test_voc_carries_on_and_checks_its_md5(voc, tmp_path):
    server, serve, _ = voc
    server.left = 4000
    with pytest.raises(DatasetError, match="503"):
        fetch("voc-2012", tmp_path)
    server.left = None
    stated = serve(next(iter(server.files.values())))
    right, stated["md5"] = stated["md5"], "0" * 32
    with pytest.raises(DatasetError, match="expected 0000"):
        fetch("voc-2012", tmp_path)
    stated["md5"] = right
    assert fetch("voc-2012", tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        (tarred({"VOCdevkit/../../../../x": b""}), "leaves the data folder"),
        (tarred({"/tmp/x": b""}), "leaves the data folder"),
        (tarred({}, link=("VOCdevkit", "/tmp")), "VOCdevkit: neither file nor folder"),
    ],
)  # fmt: skip
def test_a_tar_that_leaves_the_folder_is_refused(voc, tmp_path, hostile, expected):
    voc[1](hostile)
    with pytest.raises(DatasetError, match=expected):
        fetch("voc-2012", tmp_path)
    assert not list((tmp_path / ".fetch/voc-2012").iterdir())


def test_voc_without_torchvision_says_what_to_install(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.datasets.voc", None)
    with pytest.raises(DatasetError, match=r"pip install -e '\.\[voc\]' in pocketdet's folder"):
        fetch("voc-2012", tmp_path)
    assert server.asked == []


def coco_labels(url):
    def annotation(n, image_id, category_id):
        box = {"bbox": [2, 2, 20, 20], "area": 400, "iscrowd": int(n == 3)}
        return {"id": n, "image_id": image_id, "category_id": category_id, **box}

    return {
        "images": [
            {"id": n, "file_name": name, "width": 60, "height": 40, "coco_url": f"{url}/{name}"}
            for n, name in enumerate(WHOLE)
        ],
        "annotations": [annotation(1, 0, 1), annotation(2, 1, 2), annotation(3, 2, 1)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}],
        "licenses": [], "info": {},
    }  # fmt: skip


@pytest.fixture
def coco(server, monkeypatch):
    from fiftyone.utils import coco

    server.files = {f"/{name}": picture(n, "JPEG") for n, name in enumerate(WHOLE)}
    monkeypatch.setitem(coco._ANNOTATION_DOWNLOAD_LINKS, "2017", f"{server.url}/annotations.zip")

    def serve(content):
        labels = {"annotations/instances_val2017.json": json.dumps(content)}
        server.files["/annotations.zip"] = zipped(labels)

    serve(coco_labels(server.url))
    yield server, serve
    gc.collect()  # FiftyOne leaves its sessions open


def test_coco(coco, tmp_path):
    server, _ = coco
    assert fetch("coco-2017", tmp_path, ["person"], split="val")[0] == 2
    dataset = formats.read("coco", tmp_path / "val").dataset
    assert [image.path for image in dataset] == ["data/a.jpg", "data/c.jpg"]
    assert [image.boxes[0].ignore for image in dataset] == ["", "iscrowd"]
    # Torn by an interruption; and another choice is not mixed with the first.
    pool = tmp_path / ".fetch/coco-2017/validation"
    for torn in (pool / "data/c.jpg", pool / "labels.json", pool.parent / "info.json"):
        torn.write_bytes(torn.read_bytes()[:100])
    (tmp_path / "val").rename(tmp_path / "first")
    server.asked.clear()
    assert fetch("coco-2017", tmp_path, ["person", "cat"], most=3, split="val")[0] == 3
    assert sorted(path for path, _ in server.asked) == ["/b.jpg", "/c.jpg"]
    (tmp_path / "val").rename(tmp_path / "second")
    assert fetch("coco-2017", tmp_path, ["cat"], split="val")[0] == 1
    dataset = formats.read("coco", tmp_path / "val").dataset
    assert [image.path for image in dataset] == ["data/b.jpg"]
    assert len(dataset) == sum(len(image.boxes) for image in dataset)


def test_coco_errors(coco, tmp_path):
    server, serve = coco
    content = coco_labels(server.url)
    content["images"][0]["file_name"] = "../../x.jpg"
    serve(content)
    with pytest.raises(DatasetError, match=r"file name '\.\./\.\./x\.jpg' leaves"):
        fetch("coco-2017", tmp_path / "hostile", split="val")
    serve(coco_labels(server.url))
    with pytest.raises(DatasetError, match=r"Unsupported classes: \['zebra'\]"):
        fetch("coco-2017", tmp_path, ["zebra"], split="val")
    del server.files["/c.jpg"]
    with pytest.raises(DatasetError, match=r"c\.jpg.*run the same command again"):
        fetch("coco-2017", tmp_path, split="val")
    with pytest.raises(DatasetError, match=r"no item named 'annotations/instances_train2017"):
        fetch("coco-2017", tmp_path)
    assert not (tmp_path / "val").exists()
