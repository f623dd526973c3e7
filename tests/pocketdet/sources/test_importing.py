import shutil
from pathlib import Path

import pytest
from PIL import Image as PIL
from typer.testing import CliRunner

from pocketdet import formats, project
from pocketdet.cli import app
from pocketdet.config import Source
from pocketdet.curation import policy
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError, ParamsError
from pocketdet.sources import importing
from tasks import params

PARAMS = Path(__file__).resolve().parents[3] / "params.yaml"
VOC = Source(format="voc")


@pytest.fixture
def source(tmp_path):
    """Two annotated pictures in VOC's layout."""
    folder = tmp_path / "source"
    (folder / "JPEGImages").mkdir(parents=True)
    images = []
    for n, label in enumerate(("RBC", "WBC")):
        path = f"JPEGImages/{n}.jpg"
        PIL.effect_noise((40, 30), 90).save(folder / path)
        boxes = (Box(label, (1, 1, 9, 9)), Box("RBC", (3, 3, 20, 20), "difficult"))
        images.append(Image(path, (40, 30), boxes))
    formats.write("voc", Dataset(("RBC", "WBC"), tuple(images)), folder)
    return folder


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def own_params(tmp_path):
    return Path(shutil.copy(PARAMS, tmp_path / "params.yaml"))


def test_what_is_not_read_is_counted(source, raw):
    file = source / "Annotations/0.xml"
    file.write_text(file.read_text().replace("<bndbox>", "<pose>Left</pose><bndbox>", 1))
    assert importing.import_source(source, VOC, "blood", raw).unread == {"pose": 1}


def test_a_good_source_is_copied_whole_and_counted(source, raw):
    (source / ".DS_Store").touch()
    added = importing.import_source(source, VOC, "blood", raw)
    assert (added.folder, added.images, added.boxes) == (raw / "blood", 2, 4)
    assert added.labels == {"RBC": 3, "WBC": 1}
    assert added.unread == {}
    assert formats.read("voc", raw / "blood") == formats.read("voc", source)
    assert sorted(p.name for p in raw.rglob("*") if p.is_file()) == [
        "0.jpg",
        "0.xml",
        "1.jpg",
        "1.xml",
    ]


def test_editing_the_original_does_not_reach_the_copy(source, raw):
    importing.import_source(source, VOC, "blood", raw)
    before = (raw / "blood/Annotations/0.xml").read_bytes()
    with (source / "Annotations/0.xml").open("a") as file:
        file.write("<!-- edited -->")
    assert (raw / "blood/Annotations/0.xml").read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "a b", "a/b", "-a", ".hidden"])
def test_unfit_names_are_refused(source, raw, name):
    with pytest.raises(DatasetError, match="source name"):
        importing.import_source(source, VOC, name, raw)
    assert list(raw.iterdir()) == []


@pytest.mark.parametrize("taken", ["blood", "blood.dvc"])
def test_a_taken_name_is_refused(source, raw, taken):
    (raw / taken).mkdir()
    with pytest.raises(DatasetError, match="choose another"):
        importing.import_source(source, VOC, "blood", raw)


def test_a_broken_picture_leaves_nothing_behind(source, raw):
    path = source / "JPEGImages/1.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"1\.jpg: not a whole picture"):
        importing.import_source(source, VOC, "blood", raw)
    assert list(raw.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing_behind(source, raw, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(importing.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        importing.import_source(source, VOC, "blood", raw)
    assert list(raw.iterdir()) == []


def test_first_source_takes_the_place_of_the_sample(own_params):
    before = own_params.read_text().splitlines()
    importing.add_to_params(own_params, "blood", VOC, ["RBC", "WBC"])
    found = params.load(own_params)
    assert {n: s.format for n, s in found.validate_.sources.items()} == {"blood": "voc"}
    assert found.sample.sources == ()
    assert found.validate_.classes == ("RBC", "WBC")
    assert "person" not in found.validate_.mapping.values()
    after = own_params.read_text().splitlines()
    changed = [line for line in before if line not in after]
    assert all("#" not in line or "sources:" in line or "classes:" in line for line in changed)
    comments = [line.partition("#")[2] for line in before if "#" in line]
    assert [c for c in comments if c not in "\n".join(after)] == []


def test_second_source_joins_the_first(own_params):
    importing.add_to_params(own_params, "one", VOC)
    importing.add_to_params(own_params, "two", Source(format="kitti"))
    found = params.load(own_params).validate_
    assert list(found.sources) == ["one", "two"]
    assert found.classes == params.load(PARAMS).validate_.classes


def test_params_that_would_break_a_rule_are_left_alone(own_params):
    before = own_params.read_bytes()
    with pytest.raises(ParamsError, match="each name once"):
        importing.add_to_params(own_params, "blood", VOC, ["RBC", "RBC"])
    assert own_params.read_bytes() == before
    assert [p.name for p in own_params.parent.iterdir()] == ["params.yaml"]


def test_others_names_what_becomes_of_all_other_labels(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes(PARAMS.read_bytes())
    rules = importing.add_to_params(path, "mine", VOC, ["cat"])
    assert policy.unmapped(["cat", "Dog", "cyclist"], rules) == ["Dog"]
    rules = importing.add_to_params(path, "mine", VOC, ["cat"], "drop")
    assert policy.unmapped(["cat", "Dog", "cyclist"], rules) == []
    assert rules.mapping["*"] == "drop"


def test_classes_that_a_source_does_not_show_are_found() -> None:
    labels, mapping = ["pedestrian", "cat"], {"pedestrian": "person"}
    assert importing.absent(["person", "cat", "nope"], labels, mapping) == ["nope"]
    assert importing.absent(["thing"], labels, {"*": "thing"}) == []


@pytest.fixture
def import_(source, tmp_path, monkeypatch):
    """Runs the command in a project without DVC's part; returns the source's entry in params."""
    shutil.copy(PARAMS, tmp_path / "params.yaml")
    shutil.copy(PARAMS.with_name("dvc.yaml"), tmp_path / "dvc.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "output", lambda *_: "")

    def run(*options):
        words = ["import", str(source), "--format", "voc", "--name", "blood", *options]
        CliRunner().invoke(app, words, catch_exceptions=False)
        return params.load(tmp_path / "params.yaml").validate_.sources["blood"]

    return run


def test_pictures_without_annotation_come_in_as_negatives_if_the_user_says_so(source, import_):
    PIL.new("L", (8, 9)).save(source / "JPEGImages/nothing.png")
    with pytest.raises(DatasetError, match=r"1 pictures have no .*nothing\.png; .*--negatives"):
        import_()
    entry = import_("--negatives")
    assert "blood: {format: voc, unannotated: negative}" in Path("params.yaml").read_text()
    rules = formats.ReadRules.of(entry)
    found = formats.read(entry.format, Path("data/raw/blood"), rules).dataset
    assert {i.path: len(i.boxes) for i in found}["JPEGImages/nothing.png"] == 0


def test_boxes_on_stored_pixels_come_in_if_the_user_says_so(source, import_):
    path, exif = source / "JPEGImages/0.jpg", PIL.Exif()
    exif[0x0112] = 6
    with PIL.open(path) as picture:
        picture.save(path, exif=exif)
    entry = import_("--stored-pixels")
    assert (entry.orientation, entry.doubtful) == ("stored", "fail")
    rules = formats.ReadRules.of(entry)
    found = {i.path: i for i in formats.read("voc", Path("data/raw/blood"), rules).dataset}
    assert found["JPEGImages/0.jpg"].size_wh == (30, 40)
    assert [len(image.boxes) for image in found.values()] == [2, 2]


def test_doubtful_files_are_left_out_if_the_user_says_so(source, import_):
    (source / "Annotations/0.xml").write_text("<annotation>")
    with pytest.raises(DatasetError, match=r"0\.xml"):
        import_()
    assert import_("--drop-doubtful") == Source(format="voc", doubtful="drop")
