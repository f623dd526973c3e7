"""Fetching, from a local server that mimics the archives and knows ranges as the real ones do."""

import contextlib
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image as PIL

from pocketdet import formats
from pocketdet.errors import DatasetError
from pocketdet.sources import fetching, remote

WHOLE = ["a.jpg", "b.jpg", "c.jpg"]


class Server:
    """Files in memory behind an address; `asked` lists what was transferred, in bytes."""

    def __init__(self):
        self.files, self.asked, self.fail_after = {}, [], None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                data = outer.files.get(self.path)
                spec = self.headers.get("Range", "")
                if data is None:
                    return self.send_error(404)
                if outer.fail_after is not None and len(outer.asked) >= outer.fail_after:
                    return self.send_error(503)
                first, last = 0, len(data) - 1
                if spec:
                    start, _, end = spec.removeprefix("bytes=").partition("-")
                    first, last = int(start), min(int(end or last), last)
                part = data[first : last + 1]
                self.send_response(206 if spec else 200)
                self.send_header("Content-Length", str(len(part)))
                if spec:
                    self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
                self.end_headers()
                outer.asked.append((self.path, len(part)))
                with contextlib.suppress(OSError):  # who asked for all may stop reading
                    self.wfile.write(part)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server():
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


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


@pytest.fixture
def kitti(server, monkeypatch):
    row = "0 0 0 5 5 25 35 1 1 1 1 1 1 1"
    kinds = ["Car", "Pedestrian", "Person_sitting", "Car", "Pedestrian"]
    labels = {f"training/label_2/{n:06}.txt": f"{k} {row}\n" for n, k in enumerate(kinds)}
    images = {f"training/image_2/{n:06}.png": picture(n) for n in range(5)}
    images["testing/image_2/000000.png"] = bytes(4_000_000)
    server.files = {"/labels.zip": zipped(labels), "/images.zip": zipped(images)}
    monkeypatch.setattr(fetching, "KITTI_LABELS", f"{server.url}/labels.zip")
    monkeypatch.setattr(fetching, "KITTI_IMAGES", f"{server.url}/images.zip")
    return server


def fetch(name, folder, classes=(), most=100, split="train"):
    return fetching.fetch(name, folder, classes, most, split, lambda line: None)


def test_kitti_takes_what_shows_the_class_and_no_more(kitti, tmp_path):
    assert fetch("kitti", tmp_path, ["person"], most=2) == 2
    dataset = formats.read("kitti", tmp_path).dataset
    assert [image.path for image in dataset] == ["image_2/000001.png", "image_2/000002.png"]
    transferred = sum(size for path, size in kitti.asked if path == "/images.zip")
    assert transferred < 400_000  # the directory and two pictures, of 4 MB


def test_kitti_carries_on_without_fetching_twice(kitti, tmp_path):
    assert fetch("kitti", tmp_path, ["Pedestrian"], most=1) == 1
    path = tmp_path / "image_2/000001.png"
    before = path.stat().st_mtime_ns
    assert fetch("kitti", tmp_path, ["Pedestrian"]) == 2
    assert path.stat().st_mtime_ns == before
    assert len(formats.read("kitti", tmp_path).dataset) == 2


@pytest.fixture
def voc(server, monkeypatch):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:

        def add(name, data):
            info = tarfile.TarInfo(f"VOCdevkit/VOC2012/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

        for n, label in enumerate(("person", "cat", "person")):
            xml = (
                f"<annotation><filename>{n}.jpg</filename><object><name>{label}</name><bndbox>"
                "<xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
                "</annotation>"
            )
            add(f"Annotations/{n}.xml", xml.encode())
            add(f"JPEGImages/{n}.jpg", picture(n, "JPEG"))
        add("ImageSets/Main/train.txt", b"2\n0\n1\n")
    server.files["/voc.tar"] = stream.getvalue()
    monkeypatch.setattr(fetching, "VOC_TAR", f"{server.url}/voc.tar")
    monkeypatch.setattr(fetching, "VOC_MD5", hashlib.md5(stream.getvalue()).hexdigest())
    monkeypatch.setattr(remote, "CHUNK", 4096)
    return server


def test_voc_with_its_list(voc, tmp_path):
    assert fetch("voc-2012", tmp_path, ["Person"]) == 2
    dataset = formats.read("voc", tmp_path).dataset
    assert [(i.path, i.subset) for i in dataset] == [
        ("JPEGImages/0.jpg", "train"),
        ("JPEGImages/2.jpg", "train"),
    ]


def test_an_interrupted_transfer_goes_on_where_it_ended(voc, tmp_path):
    voc.fail_after = 3  # the length, and two pieces
    with pytest.raises(DatasetError, match="503"):
        fetch("voc-2012", tmp_path)
    assert (tmp_path / ".fetch/VOCtrainval.tar.partial").stat().st_size == 2 * 4096
    voc.fail_after = None
    assert fetch("voc-2012", tmp_path) == 3


def test_a_file_of_another_content_is_refused_and_deleted(voc, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "VOC_MD5", "0" * 32)
    with pytest.raises(DatasetError, match=r"md5 is .* expected 0000"):
        fetch("voc-2012", tmp_path)
    assert not list((tmp_path / ".fetch").iterdir())


def test_what_cannot_be_had_is_an_error(kitti, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="no picture of train shows zebra"):
        fetch("kitti", tmp_path, ["zebra"])
    with pytest.raises(DatasetError, match="no split 'test'; one of train"):
        fetch("kitti", tmp_path, split="test")
    monkeypatch.setattr(fetching, "KITTI_LABELS", f"{kitti.url}/gone.zip")
    with pytest.raises(DatasetError, match=r"gone\.zip: 404"):
        fetch("kitti", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_coco_through_fiftyone(server, tmp_path, monkeypatch):
    def annotation(n, image_id, category_id):
        box = {"bbox": [2, 2, 20, 20], "area": 400, "iscrowd": 0}
        return {"id": n, "image_id": image_id, "category_id": category_id, **box}

    content = {
        "images": [
            {"id": n, "file_name": name, "width": 60, "height": 40,
             "coco_url": f"{server.url}/{name}"}
            for n, name in enumerate(WHOLE)
        ],
        "annotations": [annotation(1, 0, 1), annotation(2, 1, 2), annotation(3, 2, 1)],
        "categories": [{"id": 1, "name": "person"}, {"id": 2, "name": "cat"}],
        "licenses": [], "info": {},
    }  # fmt: skip
    server.files = {f"/{name}": picture(n, "JPEG") for n, name in enumerate(WHOLE)}
    labels = {"annotations/instances_val2017.json": json.dumps(content)}
    server.files["/annotations.zip"] = zipped(labels)
    monkeypatch.setattr(fetching, "COCO_ANNOTATIONS", f"{server.url}/annotations.zip")
    assert fetch("coco-2017", tmp_path, ["person"], split="val") == 2
    dataset = formats.read("coco", tmp_path).dataset
    assert [image.path for image in dataset] == ["data/a.jpg", "data/c.jpg"]
    assert all(len(image.boxes) == 1 for image in dataset)
    torn = tmp_path / "data/c.jpg"
    torn.write_bytes(torn.read_bytes()[:100])
    server.asked.clear()
    assert fetch("coco-2017", tmp_path, ["person"], split="val") == 2
    assert [path for path, _ in server.asked] == ["/c.jpg"]
    assert torn.stat().st_size > 100
