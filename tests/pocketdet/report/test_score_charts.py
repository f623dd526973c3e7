import re
from dataclasses import fields

from pocketdet.report import score_charts
from pocketdet.report.facts import Facts
from pocketdet.report.row_charts import Whisker, bars, whiskers


def history(**columns: list[str]) -> list[dict[str, str]]:
    epochs = range(1, 4)
    losses = {f"{prefix}{key}_loss": ["3", "2", "1"] for prefix in ("", "val_")
              for key in ("class", "box")}  # fmt: skip
    every = {"epoch": [str(n) for n in epochs], **losses, **columns}
    return [{name: values[n - 1] for name, values in every.items()} for n in epochs]


def test_ap_while_training_is_shown_where_it_was_measured() -> None:
    titles = [title for title, _ in score_charts.training(history())]
    assert titles == ["Loss of the scores", "Loss of the boxes"]
    measured = history(val_AP=["", "0.2", "0.3"], val_AP50=["", "0.5", "0.6"])
    title, chart = score_charts.training(measured)[-1]
    assert title == "Average precision while training"
    assert chart.count('class="line"') == 2
    assert score_charts.training(None) == []


def test_of_many_classes_the_worst_are_shown() -> None:
    ap50 = {"(all)": "0.5", **{f"c{n:02}": f"{n / 100}" for n in range(50, 0, -1)}, "x": ""}
    rows = [{"subset": "test", "class": name, "AP50": ap} for name, ap in ap50.items()]
    title, chart = score_charts.headline(facts(per_class=rows))[0]
    assert "the 20 worst classes" in title
    assert ">all classes<" in chart
    assert (">c20<" in chart, ">c21<" in chart, ">x<" in chart) == (True, False, False)


def facts(**known: object) -> Facts:
    return Facts(**{field.name: known.get(field.name) for field in fields(Facts)})


def test_whiskers_lie_in_order_and_an_undefined_number_is_a_dash() -> None:
    chart = whiskers([Whisker("a", 0.5, 0.4, 0.6), Whisker("b <", None)], "AP")
    ((low, high),) = re.findall(r'class="whisker" d="M([\d.]+) [\d.]+H([\d.]+)"', chart)
    (dot,) = re.findall(r'cx="([\d.]+)"', chart)
    assert float(low) < float(dot) < float(high)
    assert ">–<" in chart
    assert "b &lt;" in chart


def test_differences_have_a_line_at_zero_and_signs() -> None:
    chart = whiskers([Whisker("a", -0.02, -0.05, 0.01)], "difference", zero=True)
    assert 'class="zero"' in chart
    assert ">-0.020<" in chart


def test_bars_are_as_long_as_their_amounts() -> None:
    chart = bars([("much", 0.4), ("half", 0.2), ("nothing", None)], "AP50")
    much, half, nothing = map(float, re.findall(r'class="bar" [^>]*width="([\d.]+)"', chart))
    assert abs(much - 2 * half) < 0.2
    assert nothing == 0
