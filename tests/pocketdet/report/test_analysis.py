import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet import stats
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.preprocess import Preprocessing
from pocketdet.report import analysis, distributions

NAME = "<script>alert('a & b')</script>"


@pytest.fixture
def data():
    """A class whose name is an attack, in two pictures of one source."""
    boxes = (Box(NAME, (1, 1, 20, 30)), Box("DontCare", (30, 5, 39, 20), "DontCare"))
    return Dataset((NAME,), tuple(Image(f"s/{n}.jpg", (40, 30 + n), boxes, "s") for n in range(2)))


@pytest.fixture
def page(data, tmp_path):
    (tmp_path / "s").mkdir()
    for image in data:
        PIL.new("RGB", image.size_wh).save(tmp_path / image.path)
    rule = Preprocessing((96, 64), "stretch")
    table = stats.tabulate(data, {"s/0.jpg": "train", "s/1.jpg": "val"}, ("train", "val"))
    distributions.bars(data.classes, {"train": [1.0], "val": [1.0]}, "n", tmp_path / "classes.png")
    for name, values in (
        ("boxes_per_picture", stats.boxes_per_picture(table, 8)),
        ("heights", stats.heights(table, rule, 8)),
        ("aspects", stats.aspects(table, 8)),
    ):
        distributions.histogram(values, tmp_path / f"{name}.png", log=name != "boxes_per_picture")
    for name, grid in (
        ("shapes", stats.shapes(table, rule, 8)),
        ("coverage", stats.coverage(table, 8)),
    ):
        distributions.heat_maps(grid, "x", "y", tmp_path / f"{name}.png", log=name == "shapes")
    analysis.sample_sheet(data, "s", tmp_path).save(tmp_path / "pictures_s.jpg")

    def render(duplicates):
        rows = {
            "counts": stats.counts(table),
            "sizes": stats.sizes(table, rule),
            "duplicates": [("group", "path", "subset", "straddles"), *duplicates],
        }
        hashes = {"train": "a" * 64, "val": "b" * 64}
        return analysis.render(table, rule, 16, hashes, rows, tmp_path)

    return render


def test_names_from_the_data_are_escaped(page):
    html = page([])
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_what_the_page_says(page):
    html = page([])
    assert "2 pictures from 1 source with 2 objects of 1 class" in html
    assert "2 sources" not in html
    assert "NO LEAKAGE" in html
    assert "aaaaaaaaaaaa" in html
    assert html.count("data:image/png;base64,") == len(analysis.CAPTIONS)


def test_leakage_is_the_first_word(page):
    html = page([(1, "s/0.jpg", "train", "yes"), (1, "s/1.jpg", "val", "yes")])
    assert "NO LEAKAGE" not in html
    assert "1 of them straddle subsets" in html


def test_long_tables_are_cut_with_a_word_on_it(page):
    rows = [(n, f"s/{n}.jpg", "train", "no") for n in range(500)]
    html = page(rows)
    assert "and 440 more rows in the CSV file" in html


def test_plots_are_the_same_bytes_each_time(tmp_path):
    values = stats.Histogram("x", np.array([1.0, 2.0, 4.0]), {"a": np.array([1, 2])})
    for name in ("a.png", "b.png"):
        distributions.histogram(values, tmp_path / name, log=True)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
