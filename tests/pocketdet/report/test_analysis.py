import numpy as np
import pytest
from PIL import Image as PIL

from pocketdet.analysis import exploration
from pocketdet.analysis.stats import Histogram
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.preprocess import Preprocessing
from pocketdet.report import analysis, analysis_plots, analysis_sheets, distributions

NAME = "<script>alert('a & b')</script>"
RULE = Preprocessing((96, 64), "stretch")
LIMITS = {
    "min_side_px": [4, "ignore"],
    "min_area_share": [0, "ignore"],
    "max_occlusion": [2, "drop"],
    "max_truncation": [0.8, "ignore"],
    "crowds": "ignore",
}
ACCOUNT = {
    "judged": 200,
    "violations": {"min_side_px": 3},
    "annotators": {NAME: {"boxes": 10, "violations": 2}},
}
VIOLATION = {"source": "s", "image": "s/0.jpg", "class": NAME, "rule": "min_side_px", "found": "3",
             "x1": "1", "y1": "1", "x2": "4", "y2": "30"}  # fmt: skip


@pytest.fixture(scope="module")
def data():
    """A class whose name is an attack, in two pictures of one source."""
    boxes = (Box(NAME, (1, 1, 20, 30)), Box("DontCare", (30, 5, 39, 20), "DontCare"))
    return Dataset((NAME,), tuple(Image(f"s/{n}.jpg", (40, 30 + n), boxes, "s") for n in range(2)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("analysis")


@pytest.fixture(scope="module")
def page(data, folder):
    (folder / "s").mkdir()
    for image in data:
        PIL.new("RGB", image.size_wh).save(folder / image.path)
    spec = NetSpec("mobilenet_v2", 0.35, "none", 16, 1, RULE.input_wh, (NAME,),
                   (Level(16, ((8.0, 8.0),)),))  # fmt: skip
    members = {"train": ["s/0.jpg"], "val": ["s/1.jpg"]}
    found = exploration.explore(data, members, [[0], [1]], [], {"s": None}, RULE, spec, 8)
    analysis_plots.draw(found, folder)
    analysis_sheets.samples(data, "s", folder).save(folder / "pictures_s.jpg")

    def render(duplicates=()):
        found.rows["duplicates"] = [("group", "path", "subset", "straddles"), *duplicates]
        hashes = {"train": "a" * 64, "val": "b" * 64}
        return analysis.render(found, 16, hashes, {"s": ACCOUNT}, {NAME: LIMITS}, folder)

    return render


def test_names_from_the_data_are_escaped(page):
    html = page()
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_what_the_page_says(page):
    html = page()
    assert "2 pictures from 1 source with 2 objects of 1 class" in html
    assert "2 sources" not in html
    assert "NO LEAKAGE" in html
    assert "aaaaaaaaaaaa" in html
    assert html.count("data:image/png;base64,") == len(analysis.CAPTIONS)


def test_the_policy_with_its_rate_by_source_and_annotator(page):
    html = page()
    assert "at most 2, else drop" in html
    assert "1.5%" in html  # 3 of 200
    assert "20.0%" in html  # 2 of 10


def test_violations_are_shown_in_turn(page, folder):
    rows = [VIOLATION] * 40 + [{**VIOLATION, "rule": "max_truncation"}]
    sheet = analysis_sheets.violations(rows, folder)
    assert sheet.width > 6 * 100
    sheet.save(folder / "violations.jpg")
    assert "of every source and rule in turn" in page()


def test_leakage_is_the_first_word(page):
    html = page([(1, "s/0.jpg", "train", "yes"), (1, "s/1.jpg", "val", "yes")])
    assert "NO LEAKAGE" not in html
    assert "1 of them straddle subsets" in html


def test_long_tables_are_cut_with_a_word_on_it(page):
    rows = [(n, f"s/{n}.jpg", "train", "no") for n in range(500)]
    html = page(rows)
    assert '<td colspan="4">… and 440 more rows in the CSV file</td>' in html


def test_sizes_of_the_pictures_the_most_frequent_first():
    sizes = [(40, 30), (30, 40), (40, 30)]
    images = tuple(Image(f"s/{n}.jpg", size, (), "s") for n, size in enumerate(sizes))
    rows = exploration.picture_sizes(Dataset(("a",), images))
    assert rows[1:] == [("s", 40, 30, 2), ("s", 30, 40, 1)]


def test_plots_are_the_same_bytes_each_time(tmp_path):
    values = Histogram("x", np.array([1.0, 2.0, 4.0]), {"a": np.array([1, 2])})
    for name in ("a.png", "b.png"):
        distributions.histogram(values, tmp_path / name, log=True)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_panels_are_high_enough_for_all_of_them(tmp_path, monkeypatch):
    figures = []
    panels = distributions._panels
    monkeypatch.setattr(
        distributions, "_panels", lambda *a: figures.append(panels(*a)) or figures[0]
    )
    edges = np.array([1.0, 2.0, 4.0])
    parts = {
        "all": Histogram("x", edges, {"a": np.array([5, 5]), "b": np.array([4, 4])}),
        "one": Histogram("x", edges, {"a": np.array([0, 0]), "b": np.array([0, 4])}),
    }
    distributions.histograms(parts, tmp_path / "a.png")
    for axes in figures[0][1].flat:
        assert axes.get_ylim()[1] > 1  # all of b's in "one" are in one bin
        assert axes.get_xlim() == (1, 4)
