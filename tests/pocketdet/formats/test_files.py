import os

import pytest

from pocketdet.errors import DatasetError
from pocketdet.formats.files import read_rows, safe, walk


def test_walk_is_sorted_and_leaves_hidden_files_out(tmp_path):
    for name in ("b/z.txt", "b/.hidden", ".git/x", "a.txt", "__MACOSX/a.txt", "b/ä ö.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert walk(tmp_path) == ["a.txt", "b/z.txt", "b/ä ö.txt"]


def test_links_inside_the_folder_are_files(tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert walk(tmp_path) == ["a.txt", "b.txt"]


def test_a_link_to_a_folder_is_refused(tmp_path):
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "in/b").symlink_to("a")
    with pytest.raises(DatasetError, match="b is a link to a folder"):
        walk(tmp_path / "in")
    (tmp_path / "in/b").unlink()
    (tmp_path / "in/b").symlink_to(tmp_path)
    with pytest.raises(DatasetError, match="b is a link out of the folder"):
        walk(tmp_path / "in")


@pytest.mark.parametrize("target", ["b", "gone"])
def test_a_link_that_leads_nowhere_is_refused(tmp_path, target):
    (tmp_path / "b").symlink_to(target)
    with pytest.raises(DatasetError, match="b is a link that leads nowhere"):
        walk(tmp_path)


def test_rows_of_a_table(tmp_path):
    file = tmp_path / "a.csv"
    file.write_bytes(b"\xef\xbb\xbfa,b\r1\r\n2,3,4\n")
    assert list(read_rows(file, ["a", "b"])) == [(2, ["1", ""]), (3, ["2", "3"])]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("b,a\n", r"expected the header a,b, found \['b', 'a'\]"),
        ("a,b\n1," + "2" * 200_000, "line 2: not CSV: field larger"),
    ],
)
def test_what_is_no_table_is_an_error(tmp_path, text, says):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DatasetError, match=says):
        list(read_rows(tmp_path / "a.csv", ["a", "b"]))


@pytest.mark.parametrize("name", [b"a\xff.txt", b"a\nb.txt", "a\u2028b.txt".encode()])
def test_names_that_no_list_can_hold_are_refused(tmp_path, name):
    os.close(os.open(os.path.join(os.fsencode(tmp_path), name), os.O_CREAT))  # noqa: PTH118
    with pytest.raises(DatasetError, match="rename it"):
        walk(tmp_path)


@pytest.mark.parametrize(
    ("name", "path"),
    [("a.jpg", "a.jpg"), ("./a.jpg", "a.jpg"), ("b\\a.jpg", "b/a.jpg"), ("a..b.jpg", "a..b.jpg")],
)
def test_safe_names(tmp_path, name, path):
    assert safe(name, tmp_path, "image 1") == path


@pytest.mark.parametrize(
    "name", ["", " ", "../a", "b/../../a", "/a", "\\\\host\\a", "c:a", "a\0b", None]
)
def test_unsafe_names(tmp_path, name):
    with pytest.raises(DatasetError, match="image 1"):
        safe(name, tmp_path, "image 1")
