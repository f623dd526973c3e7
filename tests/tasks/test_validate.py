"""Four formats become one data set; every wrong input is refused and leaves nothing behind."""

import csv
import itertools
import json
import shutil

import pytest
import yaml
from PIL import Image as PIL

from pocketdet.dataset import Dataset

SOURCES = {"a_coco": "coco", "b_voc": "voc", "c_kitti": "kitti", "d_yolo": "yolo"}
FOLDERS = {"coco": "images", "voc": "JPEGImages", "kitti": "image_2", "yolo": "images"}


def change(folder, **rules):
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["validate"] |= rules
    path.write_text(yaml.safe_dump(params))


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def listing(folder):
    found = {p.relative_to(folder) for p in folder.rglob("*")}
    return {path for path in found if path.parts[0] != ".pocketdet"}


@pytest.fixture
def refused(small, stages, capsys):
    """Validate must fail with these words and leave nothing behind."""

    def check(says):
        before = listing(small)
        with pytest.raises(SystemExit) as stop:
            stages("validate")
        assert stop.value.code == 1
        message = capsys.readouterr().err
        for words in says:
            assert words in message
        assert listing(small) == before

    return check


def test_four_formats_become_one_data_set(small, stages):
    stages("validate")
    data = Dataset.load(small / "dataset/dataset.json")
    assert data.classes == ("person", "bicycle")
    assert len(data) == 24
    wanted = [("person", (5, 5, 25, 55)), ("bicycle", (30, 20, 70, 50))]
    for image in data:
        assert (small / "raw" / image.path).is_file()
        counting = [b for b in image.boxes if not b.ignore]
        assert [b.label for b in counting] == [label for label, _ in wanted]
        for box, (_, xyxy) in zip(counting, wanted, strict=True):
            assert box.xyxy == pytest.approx(xyxy, abs=1e-6)
    summary = json.loads((small / "validate/summary.json").read_text())["sources"]
    assert list(summary) == list(SOURCES)
    assert summary["c_kitti"] == {
        "pictures": 6,
        "boxes": 18,
        "classes": {"person": 6, "bicycle": 6},
        "ignored": {"DontCare": 6},
        "dropped": {},
        "changed": {},
        "mapped_to_drop": {},
        "dropped_by_policy": {},
        "pictures_rejected_by_policy": {},
        "pictures_without_objects_left_out": 0,
        "violations": {},
        "judged": 12,
        "annotators": {},
        "boxes_are": None,
    }


def test_every_drop_is_a_row(small, stages):
    label = small / "raw/c_kitti/label_2/000003.txt"
    label.write_text(
        label.read_text() + "bicycle 0 0 -10 9 9 9 20 -1 -1 -1 -1000 -1000 -1000 -10\n"
    )
    change(small, max_dropped=0.05)
    stages("validate")
    rows = table(small / "validate/drops.csv")
    assert len(rows) == 1
    assert (rows[0]["source"], rows[0]["file"], rows[0]["record"], rows[0]["reason"]) == (
        "c_kitti",
        "label_2/000003.txt",
        "line 4",
        "zero area",
    )


def test_too_many_drops(small, refused):
    label = small / "raw/c_kitti/label_2/000003.txt"
    label.write_text("bicycle 0 0 -10 9 9 9 20 -1 -1 -1 -1000 -1000 -1000 -10\n" * 20)
    refused(["zero area", "20", "label_2/000003.txt: line 1"])


def test_missing_image(small, refused):
    (small / "raw/b_voc/JPEGImages/000002.jpg").unlink()
    refused(["Annotations/000002.xml", "not found"])


@pytest.mark.parametrize(("source", "name"), SOURCES.items())
def test_truncated_jpeg(small, refused, source, name):
    path = small / "raw" / source / FOLDERS[name] / "000002.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    refused([f"{source}/{FOLDERS[name]}/000002.jpg", "not a whole"])


@pytest.mark.parametrize("source", ["a_coco", "b_voc", "c_kitti", "d_yolo"])
def test_label_of_an_unknown_class(small, refused, source):
    where = {
        "a_coco": "annotations.json",
        "b_voc": "Annotations/000000.xml",
        "c_kitti": "label_2/000000.txt",
        "d_yolo": "data.yaml",
    }[source]
    path = small / "raw" / source / where
    path.write_text(path.read_text().replace("pedestrian", "pedestrain", 1))
    says = ["'pedestrain'", "validate.classes", "validate.mapping", "box 1"]
    refused([*says, source])


@pytest.mark.parametrize("source", SOURCES)
def test_empty_source(small, refused, source):
    shutil.rmtree(small / "raw" / source)
    refused([source, "import it"])
    (small / "raw" / source).mkdir()
    refused([source, "found n"])


def test_entity_bomb(small, refused):
    names = [f"e{n}" for n in range(12)]
    entities = "".join(f'<!ENTITY {b} "{10 * f"&{a};"}">' for a, b in itertools.pairwise(names))
    (small / "raw/b_voc/Annotations/000004.xml").write_text(
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>'
        "<annotation><filename>&e11;</filename></annotation>"
    )
    refused(["000004.xml", "declares entities"])


def test_file_name_out_of_the_folder(small, refused):
    path = small / "raw/a_coco/annotations.json"
    path.write_text(path.read_text().replace('"000001.jpg"', '"../../../etc/passwd"'))
    refused(["../../../etc/passwd", "leaves the data folder"])


def test_a_doubtful_source_may_drop_what_makes_it_so(small, stages):
    params = yaml.safe_load((small / "params.yaml").read_text())
    params["validate"]["sources"]["b_voc"] |= {"doubtful": "drop", "unannotated": "negative"}
    params["validate"]["max_dropped"] = 0.2
    (small / "params.yaml").write_text(yaml.safe_dump(params))
    (small / "raw/b_voc/JPEGImages/000001.jpg").write_bytes(b"no picture")
    (small / "raw/b_voc/Annotations/000002.xml").unlink()
    stages("validate")
    source = json.loads((small / "validate/summary.json").read_text())["sources"]["b_voc"]
    assert source["dropped"] == {"broken picture": 1}
    assert source["changed"] == {"picture without annotation": 1}
    assert (source["pictures"], source["boxes"]) == (5, 15)


def test_boxes_drawn_on_stored_pixels(small, stages):
    path = small / "raw/b_voc/JPEGImages/000001.jpg"
    exif = PIL.Exif()
    exif[0x0112] = 6
    with PIL.open(path) as picture:
        picture.save(path, exif=exif)
    params = yaml.safe_load((small / "params.yaml").read_text())
    params["validate"]["sources"]["b_voc"]["orientation"] = "stored"
    (small / "params.yaml").write_text(yaml.safe_dump(params))
    stages("validate")
    images = {i.path: i for i in Dataset.load(small / "dataset/dataset.json")}
    turned = images["b_voc/JPEGImages/000001.jpg"]
    assert (turned.size_wh, turned.boxes[0].xyxy) == ((60, 80), (5, 5, 55, 25))
