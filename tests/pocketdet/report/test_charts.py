import math
import xml.etree.ElementTree as ElementTree

import pytest

from pocketdet.report.charts import Point, Series, lines, ticks


def svg(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{markup}</div>")


def paths(markup: str) -> list[str]:
    return [e.attrib["d"] for e in svg(markup).iter("path") if "line" in e.attrib["class"].split()]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 30, [5, 10, 15, 20, 25, 30]),
        (0.5, 1.5, [0.6, 0.8, 1, 1.2, 1.4]),
        (0, 0.002, [0, 0.0005, 0.001, 0.0015, 0.002]),
    ],
)
def test_ticks_are_round_numbers_inside(low, high, expected) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_corners_of_the_range_are_corners_of_the_plot() -> None:
    (path,) = paths(lines([Series("a", [0, 1], [0, 1])], "x", "y", (0, 1), (0, 1)))
    assert path == "M46.0 260.0L446.0 30.0"


def test_missing_values_break_the_line_and_a_line_of_them_is_left_out() -> None:
    series = [
        Series("a", [0, 1, 2, 3], [1, math.nan, 2, 3]),
        Series("b", [0, 1], [math.nan, math.nan]),
    ]
    markup = lines(series, "x", "y")
    (path,) = paths(markup)
    assert path.count("M") == 2
    assert "b</span>" not in markup


def test_names_are_escaped_and_one_value_has_an_axis() -> None:
    markup = lines([Series("<b>&", [1], [2])], "a<b", "y", points=[Point(1, 2, "1 < 2")])
    texts = [e.text for e in svg(markup).iter() if e.text]
    assert "1 < 2" in texts
    assert "a<b" in texts
    assert "nan" not in markup


def test_no_values_at_all_is_an_empty_chart() -> None:
    assert paths(lines([Series("a", [], [])], "x", "y")) == []
