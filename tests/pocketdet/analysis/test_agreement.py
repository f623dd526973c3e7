import pytest

from pocketdet.analysis import agreement
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError

HERE, THERE, THIRD = (0, 0, 10, 20), (50, 50, 70, 90), (30, 0, 40, 20)


def data(first, second, scale=1):
    boxes = tuple(Box(b.label, tuple(scale * v for v in b.xyxy), b.ignore) for b in second)
    return Dataset(
        ("person", "dog"),
        (
            Image("a/1.jpg", (100, 100), tuple(first), "a"),
            Image("b/1.jpg", (100 * scale, 100 * scale), boxes, "b"),
        ),
    )


def found(first, second, scale=1):
    rows = agreement.agree(data(first, second, scale), [("b/1.jpg", "a/1.jpg")])
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}


def person(xyxy, ignore=""):
    return Box("person", xyxy, ignore)


@pytest.mark.parametrize("scale", [1, 3])
def test_who_drew_the_same_agrees_whatever_the_scale(scale):
    row = found([person(HERE), person(THERE)], [person(THERE), person(HERE)], scale)["person"]
    assert (row["source"], row["other source"], row["pairs"]) == ("a", "b", 1)
    assert (row["objects of both"], row["mean IoU"], row["height ratio"]) == (2, "1.000", "1.000")
    assert (row["only in source"], row["only in other"], row["another class"]) == (0, 0, 0)


def test_missed_extra_and_mislabelled_objects():
    rows = found(
        [person(HERE), person(THERE), Box("dog", THIRD)],
        [person(HERE), Box("dog", THERE), person((80, 0, 90, 20))],
    )
    person_ = rows["person"]
    assert (person_["objects of both"], person_["another class"]) == (1, 1)
    assert (person_["only in source"], person_["only in other"]) == (0, 1)
    assert rows["dog"]["only in source"] == 1


def test_a_visible_part_beside_the_full_extent():
    row = found([person(THERE)], [person((50, 50, 70, 75))])["person"]
    assert (row["height ratio"], row["mean IoU"]) == ("1.600", "0.625")


def test_what_the_other_excluded_is_not_missing():
    crowd = Box("DontCare", (0, 0, 45, 45), "DontCare")
    assert found([person(HERE), person(THIRD)], [crowd]) == {}
    assert found([person(HERE, "difficult")], [person(HERE)]) == {}
    assert found([person(THERE)], [crowd])["person"]["only in source"] == 1


def test_of_two_that_fit_the_one_of_the_same_class_is_the_partner():
    row = found([person(HERE)], [Box("dog", HERE), person((0, 0, 10, 18))])["person"]
    assert (row["objects of both"], row["another class"]) == (1, 0)


def test_pairs_are_near_duplicates_unless_a_list_names_them(tmp_path):
    whole = data([person(HERE)], [person(HERE)])
    assert agreement.pairs(whole, [[1, 0]], tmp_path) == [("a/1.jpg", "b/1.jpg")]
    assert agreement.pairs(whole, [[1], [0]], tmp_path) == []
    (tmp_path / "pairs.csv").write_text("image,other\nb/1.jpg,a/1.jpg\n")
    assert agreement.pairs(whole, [[1], [0]], tmp_path) == [("b/1.jpg", "a/1.jpg")]


@pytest.mark.parametrize(
    ("text", "says"), [("a,b\n", "header image,other"), ("image,other\na/1.jpg,x\n", "line 2.*'x'")]
)
def test_a_broken_list_is_an_error(tmp_path, text, says):
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(DatasetError, match=says):
        agreement.pairs(data([], []), [], tmp_path)
