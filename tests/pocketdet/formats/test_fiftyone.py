"""Reading beside FiftyOne's importers, which need no database.

Its boxes are relative to the picture. Two of its conventions differ from ours, and are its own:
VOC's xmin is taken for an edge, so that a box is one pixel narrower and lies one pixel to the
right; a crowd of COCO is an attribute.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pocketdet import formats

pytestmark = pytest.mark.slow

READ = """
import json, sys
from fiftyone.utils import coco, kitti, voc, yolo

name, folder = sys.argv[1:]
importer = {
    "coco": lambda: coco.COCODetectionDatasetImporter(
        data_path=folder + "/images", label_types="detections",
        labels_path=folder + "/annotations/instances_train2017.json"),
    "voc": lambda: voc.VOCDetectionDatasetImporter(
        data_path=folder + "/JPEGImages", labels_path=folder + "/Annotations"),
    "kitti": lambda: kitti.KITTIDetectionDatasetImporter(
        data_path=folder + "/image_2", labels_path=folder + "/label_2"),
    "yolo": lambda: yolo.YOLOv5DatasetImporter(yaml_path=folder + "/data.yaml", split="train"),
}[name]()
found = {}
with importer:
    for path, metadata, label in importer:
        if isinstance(label, dict):
            label = label.get("detections")
        found[path.rpartition("/")[2]] = [
            [d.label, d.bounding_box] for d in (label.detections if label else ())
        ]
print(json.dumps(found))
"""


def fiftyone(name: str, folder: Path, tmp_path: Path) -> dict[str, list]:
    """Image name -> (label, [x, y, width, height], relative) of each box, as FiftyOne reads it."""
    environment = {
        **os.environ,
        "FIFTYONE_DATABASE_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500",
        "FIFTYONE_DO_NOT_TRACK": "1",
        "FIFTYONE_DATABASE_DIR": str(tmp_path / "database"),
    }
    done = subprocess.run(
        [sys.executable, "-c", READ, name, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "source", "narrower_px"),
    [
        ("coco", "coco128", 0),
        ("voc", "voc100", 1),
        ("voc", "bccd", 1),
        ("kitti", "kitti_sample", 0),
        ("yolo", "", 0),
    ],
)
def test_fiftyone_reads_the_same(shared, tmp_path, name, source, narrower_px):
    folder = shared / source
    if name == "yolo":  # no real set in this layout: one of ours
        dataset = formats.read("coco", shared / "coco128").dataset
        folder = tmp_path / "yolo"
        formats.write(name, dataset, folder, shared / "coco128")
        data = (folder / "data.yaml").read_text()
        (folder / "data.yaml").write_text(f"path: {folder}\n{data}")
    theirs = fiftyone(name, folder, tmp_path)
    ours = {Path(image.path).name: image for image in formats.read(name, folder).dataset}
    assert {path for path, boxes in theirs.items() if boxes} == {
        path for path, image in ours.items() if image.boxes
    }
    total = 0
    for path, boxes in theirs.items():
        w, h = ours[path].size_wh
        for box, (label, (x, y, bw, bh)) in zip(ours[path].boxes, boxes, strict=True):
            x1, y1, x2, y2 = box.xyxy
            assert label == box.label
            assert (x * w, y * h, (x + bw) * w, (y + bh) * h) == pytest.approx(
                (x1 + narrower_px, y1 + narrower_px, x2, y2), abs=0.02
            )
            total += 1
    assert total >= {"coco128": 929, "voc100": 273, "bccd": 4888, "kitti_sample": 10}.get(source, 9)
