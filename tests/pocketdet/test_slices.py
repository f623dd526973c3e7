from pathlib import Path

import numpy as np
import pytest

from pocketdet.errors import ParamsError
from pocketdet.slices import BOX_ATTRIBUTES, IMAGE_ATTRIBUTES, Expression, by_source, parse

COLUMNS = {
    "source": np.asarray(["a", "b", "b"]),
    "path": np.asarray(["a/1.jpg", "b/night/2.jpg", "b/3.jpg"]),
    "label": np.asarray(["person", "person", "dog"]),
    "height": np.asarray([50.0, 70.0, 20.0]),
    "width": np.asarray([10.0, 35.0, 40.0]),
    "occlusion": np.asarray([0.0, np.nan, 2.0]),
}


def truth(text: str) -> tuple[list[bool], list[bool]]:
    found = Expression("s", text).truth(COLUMNS, 3)
    return found.yes.tolist(), found.no.tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source == 'b'", [0, 1, 1]),
        ("label == 'person' and height < 60", [1, 0, 0]),
        ("label == 'dog' or height >= 70", [0, 1, 1]),
        ("not label == 'dog'", [1, 1, 0]),
        ("20 < height <= 70", [1, 1, 0]),
        ("width / height > 1", [0, 0, 1]),
        ("height - 2 * width > -1", [1, 1, 0]),
        ("label in ['dog', 'cat']", [0, 0, 1]),
        ("label not in ('dog', 'cat')", [1, 1, 0]),
        ("'night' in path", [0, 1, 0]),
        ("height in [20, 50]", [1, 0, 1]),
        ("'person' != label", [0, 0, 1]),
    ],
)
def test_expressions(text, expected) -> None:
    yes, no = truth(text)
    assert yes == [bool(v) for v in expected]
    assert no == [not v for v in yes]


def test_the_unknown_is_neither_true_nor_false() -> None:
    assert truth("occlusion >= 1") == ([False, False, True], [True, False, False])
    assert truth("not occlusion >= 1") == ([True, False, False], [False, False, True])
    assert truth("occlusion >= 1 or label == 'person'")[0] == [True, True, True]
    assert truth("occlusion >= 1 and label == 'dog'")[1] == [True, True, False]
    # An attribute that a row cannot have at all, as detections have no truncation.
    assert truth("truncation > 0.5") == ([False] * 3, [False] * 3)
    assert truth("truncation > 0.5 and height > 60") == ([False] * 3, [True, False, True])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hieght < 60", "unknown attribute 'hieght'; did you mean height?"),
        ("label < 5", "cannot compare label with 5"),
        ("label + 1 == 2", "'label' is a text, expected a number"),
        ("height", "'height' is no comparison"),
        ("height <", "no expression"),
        ("", "no expression"),
        ("__import__('os').system('x') == 1", "unknown attribute '__import__'"),
        ("height.real > 1", "'height.real' is no number, text or attribute"),
        ("(lambda: 1)() > 1", "is no number, text or attribute"),
        ("height ** 999999 > 1", "is no number, text or attribute"),
        ("height > True", "is no number, text or attribute"),
        ("height in 5", "`in` needs a list"),
        ("height is 5", "cannot compare"),
        ("(" * 400 + "1" + ")" * 400 + " > height", "no expression"),
        ("height > 1 and " * 100 + "height > 1", "longer than 1000 characters"),
        ("height > 1" + "0" * 350, "too large"),
        ("height > " + "-" * 900 + "1", "too deeply"),
    ],
)
def test_what_is_no_slice_is_refused_by_name(text, says) -> None:
    with pytest.raises(ParamsError) as error:
        parse({"mine": text})
    assert "evaluate.slices.mine" in str(error.value)
    assert says in str(error.value)


def test_each_source_is_a_slice_where_there_are_several() -> None:
    assert by_source(["a", "a", ""]) == []
    named = by_source(["b", "a", "b"])
    assert [each.name for each in named] == ["source_a", "source_b"]
    assert named[1].truth(COLUMNS, 3).yes.tolist() == [False, True, True]


def test_the_guide_names_every_attribute() -> None:
    guide = (Path(__file__).parents[2] / "docs/slices.md").read_text()
    for name, meaning in {**IMAGE_ATTRIBUTES, **BOX_ATTRIBUTES}.items():
        assert f"| `{name}` | {meaning} |" in guide
