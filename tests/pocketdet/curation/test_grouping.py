import pytest

from pocketdet.config import Source
from pocketdet.curation.grouping import named
from pocketdet.dataset import Dataset, Image
from pocketdet.errors import DatasetError

PATHS = ("a/video1_001.jpg", "a/video1_002.jpg", "a/video2_001.jpg", "b/video1_001.jpg")
DATA = Dataset(("person",), tuple(Image(p, (9, 9), source=p[0]) for p in PATHS))


def groups(raw, **settings):
    sources = {name: Source(format="coco", **settings.get(name, {})) for name in "ab"}
    return [image.group for image in named(DATA, raw, sources)]


def test_without_pattern_and_file_nothing_is_grouped(tmp_path):
    assert groups(tmp_path) == [""] * 4


def test_by_pattern_within_a_source(tmp_path):
    found = groups(tmp_path, a={"group": r"(video\d+)_"}, b={"group": r"^(.*)\.jpg$"})
    assert found == ["a/video1", "a/video1", "a/video2", "b/video1_001"]


def test_a_group_that_matches_nothing_is_none(tmp_path):
    assert groups(tmp_path, a={"group": "^video(2)?"}) == ["", "", "a/2", ""]


def test_the_file_wins_over_the_pattern(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/groups.csv").write_text("image,group\r\nvideo2_001.jpg,Köln\r\n")
    found = groups(tmp_path, a={"group": r"(video\d+)_"})
    assert found == ["a/video1", "a/video1", "a/Köln", ""]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,group\n", "expected the header image,group"),
        ("image,group\nx.jpg,1\n", "line 2: no picture 'x.jpg'"),
        ("image,group\nvideo1_001.jpg,\n", "line 2: no group"),
        ("image,group\n../x,1\n", "leaves the data folder"),
        ("image,group\nvideo1_001.jpg,1\nvideo1_001.jpg,2\n", "line 3: .* in two groups"),
    ],
)
def test_a_broken_file_is_an_error_with_its_line(tmp_path, text, says):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/groups.csv").write_text(text)
    with pytest.raises(DatasetError, match=says):
        groups(tmp_path)


def test_a_pattern_that_fits_nothing_is_an_error(tmp_path):
    with pytest.raises(DatasetError, match=r"validate\.sources\.a\.group.*fits none of 3"):
        groups(tmp_path, a={"group": "(clip)"})


@pytest.mark.parametrize("pattern", ["(", "video"])
def test_a_pattern_without_group_is_refused(pattern):
    with pytest.raises(ValueError, match="group"):
        Source(format="coco", group=pattern)
