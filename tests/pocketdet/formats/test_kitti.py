import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats import kitti

SPACE = "1.89 0.48 1.20 1.84 1.47 8.41 0.01"


@pytest.fixture
def source(tmp_path, picture):
    """Writes label_2/000000.txt beside image_2/000000.png and reads both."""
    picture("image_2/000000.png")
    (tmp_path / "label_2").mkdir()

    def read(text):
        (tmp_path / "label_2/000000.txt").write_text(text, newline="")
        return kitti.read(tmp_path)

    return read


def test_sides_are_edges(source):
    """The first row of KITTI's own first training label, on a smaller picture."""
    (image,) = source(f"Pedestrian 0.25 1 -0.20 12.40 3.00 20.73 27.92 {SPACE}\n").dataset
    (box,) = image.boxes
    assert (box.label, box.xyxy) == ("Pedestrian", (12.40, 3.00, 20.73, 27.92))
    assert (box.occlusion, box.truncation, box.ignore) == (1, 0.25, "")


def test_dontcare_is_ignored_for_every_class(source):
    text = "DontCare -1 -1 -10 1.5 1.5 9.5 9.5 -1 -1 -1 -1000 -1000 -1000 -10\r\n"
    result = source(text)
    (box,) = result.dataset.images[0].boxes
    assert (box.label, box.ignore) == ("DontCare", "DontCare")
    assert (box.occlusion, box.truncation) == (None, None)
    assert result.dataset.classes == ()


def test_scores_and_types_with_a_space(source):
    result = source(
        f"Car 0.00 0 -1.57 1 1 9 9 {SPACE} 0.97\ntraffic light 0.00 0 -1.57 1 1 9 9 {SPACE}\n\n"
    )
    assert [box.label for box in result.dataset.images[0].boxes] == ["Car", "traffic light"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Car 0.00 0 -1.57 1 1 9", "malformed row"),
        (f"Car 0.00 0 -1.57 1 one 9 9 {SPACE}", "not a number"),
        (f"Car 0.00 0 -1.57 9 1 1 9 {SPACE}", "reversed"),
        (f"Car 0.00 0 -1.57 1 1 1 9 {SPACE}", "zero area"),
    ],
)
def test_a_row_that_is_no_box_is_dropped_and_counted(source, line, reason):
    result = source(f"Car 0.00 0 -1.57 1 1 9 9 {SPACE}\n{line}\n")
    assert [(f.file, f.record, f.reason) for f in result.drops] == [
        ("label_2/000000.txt", "line 2", reason)
    ]


def test_leftovers_are_errors(source, tmp_path, picture):
    picture("image_2/000001.png")
    with pytest.raises(DatasetError, match=r"1 pictures have no label_2.*000001\.png"):
        source("")
    (tmp_path / "label_2/000001.txt").touch()
    assert [len(image.boxes) for image in source("").dataset] == [0, 0]
    (tmp_path / "image_2/000001.png").unlink()
    with pytest.raises(DatasetError, match=r"label_2/000001\.txt: picture"):
        source("")


def test_the_training_folder_of_the_download(tmp_path, picture):
    picture("training/image_2/000000.png")
    (tmp_path / "training/label_2").mkdir()
    (tmp_path / "training/label_2/000000.txt").write_text(f"Car 0 0 0 1 1 9 9 {SPACE}")
    assert kitti.read(tmp_path).dataset.images[0].path == "training/image_2/000000.png"
