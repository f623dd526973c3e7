import json

import dirty_folder
import pytest
from PIL import Image as PIL
from typer.testing import CliRunner

from pocketdet import formats
from pocketdet.commands.annotations import app
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError

run = CliRunner().invoke


@pytest.fixture
def source(tmp_path):
    """A COCO folder: a person, a crowd, a picture without objects."""
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    for name in ("b", "a"):
        dirty_folder.photo(len(name)).save(folder / f"images/{name}.png")
    boxes = (Box("person", (1, 2, 30, 40)), Box("person", (5, 2, 40, 40), "iscrowd"))
    images = (Image("images/b.png", (96, 72), boxes), Image("images/a.png", (96, 72)))
    formats.write("coco", Dataset(("person",), images), folder)
    return folder


def convert(*arguments):
    return run(app, ["convert", *map(str, arguments)], catch_exceptions=False)


def check(*arguments):
    return run(app, ["check", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("name", ["voc", "kitti", "yolo", "coco"])
def test_there_and_back(source, tmp_path, name):
    done = convert(source, tmp_path / "there", "--from", "coco", "--to", name)
    assert done.exit_code == 0
    assert f"2 pictures, 2 boxes: {tmp_path / 'there'}" in done.stdout.replace("\n", "")
    lost = "only in pocketdet.json" in done.stderr
    assert lost == (name in ("kitti", "yolo"))
    back = convert(tmp_path / "there", tmp_path / "back", "--from", name, "--to", "coco")
    assert back.exit_code == 0
    before, after = (formats.read("coco", folder).dataset for folder in (source, tmp_path / "back"))
    assert [i.path for i in after] == [i.path for i in before]
    assert [b.ignore for i in after for b in i.boxes] == ["", "iscrowd"]
    for a, b in zip(before.images[0].boxes, after.images[0].boxes, strict=True):
        assert a.xyxy == pytest.approx(b.xyxy, abs=1e-3)


def test_pictures_elsewhere_and_one_file(source, tmp_path):
    (source / "images").rename(tmp_path / "pictures")
    file = source / "annotations.json"
    arguments = ("--from", "coco", "--to", "voc", "--images", tmp_path / "pictures")
    assert convert(file, tmp_path / "out", *arguments).exit_code == 0
    assert len(formats.read("voc", tmp_path / "out").dataset) == 2


def test_what_is_there_is_not_written_over(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").touch()
    with pytest.raises(DatasetError, match="name a new folder"):
        convert(source, tmp_path / "out", "--from", "coco", "--to", "voc")


def test_nothing_is_left_of_a_conversion_that_fails(source, tmp_path):
    PIL.new("RGB", (96, 72)).save(source / "images/A.jpg")
    rows = json.loads((source / "annotations.json").read_text())
    rows["images"].append({"id": 3, "file_name": "A.jpg"})
    (source / "annotations.json").write_text(json.dumps(rows))
    with pytest.raises(DatasetError, match=r"/source: images/a\.png and .*A\.jpg .*rename one"):
        convert(source, tmp_path / "out", "--from", "coco", "--to", "voc")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_what_cannot_be_written_names_the_source(source, tmp_path):
    text = (source / "annotations.json").read_text()
    (source / "annotations.json").write_text(text.replace('"person"', '"a  person"'))
    with pytest.raises(DatasetError, match=r"/source: class 'a  person'"):
        convert(source, tmp_path / "out", "--from", "coco", "--to", "voc")


@pytest.mark.parametrize("name", ["voc", "kitti", "yolo", "coco"])
def test_one_file_name_in_two_folders(source, tmp_path, name):
    for folder, picture in (("x", "b"), ("y", "a")):
        (source / f"images/{folder}").mkdir()
        (source / f"images/{picture}.png").rename(source / f"images/{folder}/1.png")
    text = (source / "annotations.json").read_text()
    text = text.replace('"b.png"', '"x/1.png"').replace('"a.png"', '"y/1.png"')
    (source / "annotations.json").write_text(text)
    assert convert(source, tmp_path / "out", "--from", "coco", "--to", name).exit_code == 0
    first, second = formats.read(name, tmp_path / "out").dataset
    assert [i.path.rpartition("/")[2] for i in (first, second)] == ["x_1.png", "y_1.png"]
    assert [len(i.boxes) for i in (first, second)] == [2, 0]
    for image, folder in ((first, "x"), (second, "y")):
        copy = (tmp_path / "out" / image.path).read_bytes()
        assert copy == (source / f"images/{folder}/1.png").read_bytes()


def test_one_file_name_in_two_subsets_stays(source, tmp_path):
    for subset, picture in (("train", "b"), ("val", "a")):
        (source / f"images/{subset}").mkdir()
        (source / f"images/{picture}.png").rename(source / f"images/{subset}/1.png")
    rows = json.loads((source / "annotations.json").read_text())
    for row, subset in zip(rows["images"], ("train", "val"), strict=True):
        row.update(file_name=f"{subset}/1.png", subset=subset)
    (source / "annotations.json").write_text(json.dumps(rows))
    assert convert(source, tmp_path / "out", "--from", "coco", "--to", "yolo").exit_code == 0
    paths = [image.path for image in formats.read("yolo", tmp_path / "out").dataset]
    assert paths == ["images/train/1.png", "images/val/1.png"]


def test_a_clean_folder_has_exit_status_0(source):
    done = check(source, "--format", "coco")
    assert done.exit_code == 0
    assert "2 pictures, 2 boxes, 1 of them ignored; 0 errors" in done.stdout


def test_a_dirty_folder_has_exit_status_1_and_a_table_of_reasons(tmp_path):
    folder = dirty_folder.coco(tmp_path / "dirty")
    done = check(folder, "--format", "coco", "--fast")
    assert done.exit_code == 1
    assert "│ reading.unknown_image_id           │     1 │     1 │" in done.stdout
    assert "\nreading.unknown_image_id: " in done.stdout
    assert "1 x segmentation" in done.stdout


def test_json_has_all_that_was_found(tmp_path):
    folder = dirty_folder.coco(tmp_path / "dirty")
    done = check(folder, "--format", "coco", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    reasons = {row["check"]: row["count"] for row in found["symptoms"]}
    assert reasons["reading.duplicate_id"] == 2
    assert (found["images"], found["boxes"], found["unread"]) == (2, 2, {"segmentation": 1})


def test_pictures_without_annotation_as_negatives(source):
    dirty_folder.photo(9).save(source / "images/c.png")
    assert check(source, "--format", "coco").exit_code == 1
    assert check(source, "--format", "coco", "--negatives").exit_code == 0


def test_stored_pixels(source, tmp_path):
    exif = PIL.Exif()
    exif[0x0112] = 6
    dirty_folder.photo(1).save(source / "images/b.png", exif=exif)
    assert check(source, "--format", "coco").exit_code == 1
    assert check(source, "--format", "coco", "--stored-pixels").exit_code == 0
    arguments = ("--from", "coco", "--to", "voc", "--stored-pixels")
    convert(source, tmp_path / "out", *arguments)
    turned = formats.read("voc", tmp_path / "out").dataset.images[0]
    assert (turned.size_wh, turned.boxes[0].xyxy) == ((72, 96), (32, 1, 70, 30))


def test_an_unknown_format_is_wrong_usage(source):
    done = check(source, "--format", "pascal")
    assert done.exit_code == 2
    assert "voc" in done.stderr
