import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats import ReadRules, yolo


@pytest.fixture
def source(tmp_path, picture):
    """Writes labels/a.txt beside images/a.jpg (40 x 30 px) and reads both."""
    picture("images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "data.yaml").write_text("train: ../elsewhere\nnames: [person, bicycle]\n")

    def read(text):
        (tmp_path / "labels/a.txt").write_text(text, newline="")
        return yolo.read(tmp_path)

    return read


def test_centre_and_size_are_shares_of_the_picture(source):
    """The drawing in yolo.py."""
    (image,) = source("1 0.5 0.5 0.25 0.5\r\n").dataset
    assert (image.boxes[0].label, image.boxes[0].xyxy) == ("bicycle", (15, 7.5, 25, 22.5))


def test_a_polygon_gives_its_bounding_box(source):
    (image,) = source("0 0.25 0.1 0.5 0.9 0.75 0.5\n").dataset
    assert image.boxes[0].xyxy == pytest.approx((10, 3, 30, 27))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.5", "malformed row"),
        ("0 0.5 0.5 0.5 0.5 0.9", "malformed row"),
        ("0 0.5 0.5 x 0.5", "not a number"),
        ("0 0.5 0.5 -0.1 0.5", "reversed"),
        ("0 0.5 0.5 0 0.5", "zero area"),
        ("0 1 0.5 0.5 0.5", "reaches out of the picture"),
        ("0 20 15 10 10", "outside the picture"),
    ],
)
def test_rows_in_need_of_mending_are_counted(source, line, reason):
    result = source(f"0 0.5 0.5 0.5 0.5\n{line}\n")
    assert [(f.record, f.reason) for f in result.findings] == [("line 2", reason)]


@pytest.mark.parametrize("number", ["2", "-1", "1.5", "person", "nan"])
def test_a_class_without_name_is_an_error(source, number):
    with pytest.raises(DatasetError, match=rf"labels/a\.txt: line 1: class {number} has no name"):
        source(f"{number} 0.5 0.5 0.5 0.5")


def test_a_picture_without_label_file_has_no_objects_and_is_noted(source, picture):
    picture("images/b.jpg")
    result = source("0 0.5 0.5 0.5 0.5")
    assert [len(image.boxes) for image in result.dataset] == [1, 0]
    assert [(f.file, f.reason, f.dropped) for f in result.findings] == [
        ("images/b.jpg", "picture without annotation", False)
    ]


@pytest.mark.parametrize("layout", ["{kind}/{subset}", "{subset}/{kind}"])
def test_folders_of_subsets(tmp_path, picture, layout):
    for subset in ("train", "valid"):
        images = layout.format(kind="images", subset=subset)
        labels = tmp_path / layout.format(kind="labels", subset=subset)
        picture(f"{images}/{subset}_test_1.jpg")
        labels.mkdir(parents=True)
        (labels / f"{subset}_test_1.txt").write_text("0 0.5 0.5 0.5 0.5")
    (tmp_path / "data.yaml").write_text("names:\n  0: person\n")
    subsets = [image.subset for image in yolo.read(tmp_path).dataset]
    assert sorted(subsets) == ["train", "val"]


@pytest.fixture
def listed(source, picture, tmp_path):
    """Reads three pictures with these texts as train.txt and val.txt, named in data.yaml."""
    picture("images/b.jpg")
    picture("images/c.jpg")

    def read(train, val, names="names: [person]\n", **rules):
        (tmp_path / "train.txt").write_text(train)
        (tmp_path / "val.txt").write_text(val)
        (tmp_path / "data.yaml").write_text(f"train: [train.txt]\nval: val.txt\n{names}")
        (tmp_path / "labels/a.txt").touch()
        return yolo.read(tmp_path, ReadRules(**rules))

    return read


@pytest.mark.parametrize("names", ["names: [person]\n", ""])
def test_lists_of_pictures_are_honoured(listed, tmp_path, names):
    (tmp_path / "classes.txt").write_text("person\n")
    result = listed("./images/a.jpg\r\n\r\n", "images/c.jpg\n", names)
    assert [image.subset for image in result.dataset] == ["train", "", "val"]


@pytest.mark.parametrize(
    ("val", "reason", "says"),
    [
        ("/etc/hostname", "unsafe file name", r"val\.txt: line 2: .*leaves the data folder"),
        ("../../etc/passwd", "unsafe file name", r"val\.txt: line 2: .*leaves the data folder"),
        ("images/gone.jpg", "listed picture not found", r"val\.txt: line 2: .*'images/gone\.jpg'"),
        ("images/a.jpg", "in two official lists", r"val\.txt: line 2: .*also listed for train"),
    ],
)
def test_doubtful_lines_of_lists_are_errors(listed, val, reason, says):
    texts = ("images/a.jpg\n", f"images/b.jpg\n{val}\n")
    with pytest.raises(DatasetError, match=says):
        listed(*texts)
    result = listed(*texts, lenient=True)
    assert [image.subset for image in result.dataset] == ["train", "val", ""]
    lists = [(f.file, f.record, f.reason) for f in result.findings if f.file == "val.txt"]
    assert lists == [("val.txt", "line 2", reason)]


def test_one_list_for_two_subsets_is_an_error(listed, tmp_path):
    names = "names: [person]\ntest: val.txt\n"
    with pytest.raises(DatasetError, match=r"data\.yaml: val\.txt is the list of val and of test"):
        listed("images/a.jpg", "images/b.jpg", names)


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("data.yaml", "names: {1: b, 0: a}", ("a", "b")),
        ("classes.txt", "a\r\nb\r\n", ("a", "b")),
        ("obj.names", "a\nb\n", ("a", "b")),
    ],
)
def test_class_names(source, tmp_path, name, text, names):
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "hyperparameters.yaml").write_text("lr: 0.1")  # no `names`: another file
    (tmp_path / name).write_text(text)
    assert source("0 0.5 0.5 0.5 0.5").dataset.classes == names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: {0: a, 2: b}", "numbers from 0 on"),
        ("names: [a, a]", "each once"),
        ("names: [", "not YAML"),
        ("names: 3", "expected names"),
        ("other: 3", "expected class names"),
    ],
)
def test_doubtful_class_names_are_errors(source, tmp_path, text, says):
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(DatasetError, match=says):
        source("0 0.5 0.5 0.5 0.5")


def test_a_label_without_picture_is_an_error(source, tmp_path):
    (tmp_path / "labels/b.txt").touch()
    with pytest.raises(DatasetError, match=r"labels/b\.txt: picture"):
        source("")


def test_aliases_that_stand_for_gigabytes_are_refused(source, tmp_path):
    lines = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb = "\n".join(["x0: &x0 [a]", *lines, "names: *x11"])
    (tmp_path / "data.yaml").write_text(bomb)
    with pytest.raises(DatasetError, match=r"data\.yaml: aliases"):
        source("")
