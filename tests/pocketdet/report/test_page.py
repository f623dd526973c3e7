import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from stage_results import make

from pocketdet.config import Budget
from pocketdet.errors import PocketdetError
from pocketdet.report import card, facts, page, tables, verdict

BUDGET = Budget(model_mb=4.0, mmac=300, peak_mb=2.0, latency_ms=100)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("results"))


def read(root: Path) -> facts.Facts:
    return facts.read(
        root / "reports", root / "subsets", root / "models/design", root / "models/point.json"
    )


def render(root: Path, min_ap50: float = 0.5) -> str:
    found = read(root)
    return page.render("street", found, verdict.judge(found, BUDGET, min_ap50), root / "reports")


class Page(HTMLParser):
    """Checks nesting; gathers addresses, ids and texts."""

    VOID = ("meta", "link", "img", "br", "path", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.addresses, self.ids, self.texts = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[name] for name in ("src", "href") if name in values]
        self.ids += [values["id"]] if "id" in values else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_the_epochs_that_matter_are_listed(results) -> None:
    training = tables.training(read(results))
    rows = [("1", "last frozen", "–"), ("2", "kept", "0.500"), ("3", "last unfrozen", "0.250")]
    assert [(row[0], row[1], row[-1]) for row in training.rows] == rows


def test_page_and_card_name_the_teacher(results, tmp_path) -> None:
    root = shutil.copytree(results, tmp_path / "results")
    summary = root / "reports/train/summary.json"
    changes = {"teacher": "big.safetensors", "teacher_sha256": "12" * 32}
    for taught in ({}, changes):
        summary.write_text(json.dumps(json.loads(summary.read_text()) | taught))
        found = read(root)
        judged = verdict.judge(found, BUDGET, 0.5)
        for text in (render(root), card.model_card("a", found, judged)):
            named = f"another net, big.safetensors (sha256 {'12' * 32})"
            assert (named in text) is bool(taught)


def test_page_is_whole_and_needs_nothing_from_outside(results) -> None:
    text = render(results)
    found = Page(text)
    assert [a for a in found.addresses if not a.startswith(("data:", "#"))] == []
    assert "url(" not in text
    assert "<script" not in text
    assert {a[1:] for a in found.addresses if a.startswith("#")} == set(found.ids)
    assert len(text) < 15_000_000


def test_verdict_comes_first_and_names_the_broken_promise(results) -> None:
    assert "PASS" in Page(render(results)).texts
    texts = Page(render(results, min_ap50=0.9)).texts
    broken = texts.index("AP50 of person")
    assert texts.index("FAIL") < broken < texts.index("The worst of the test subset")
    assert "fail" in texts[broken - 2 : broken]
    assert texts.count("fail") == 1


def test_names_from_outside_are_escaped(results) -> None:
    text = render(results)
    assert "<b>&Fähre" not in text
    assert "&lt;b&gt;&amp;Fähre" in text
    assert "a &lt;fast&gt; one" in text


def test_what_devices_took_is_a_table_of_its_own(results, tmp_path) -> None:
    texts = Page(render(results)).texts
    row = texts[texts.index("redmi_note_7") :]
    assert row[1:6] == ["A <phone>, Android 10", "int8", "cpu", "55", "53.1"]
    root = shutil.copytree(results, tmp_path / "some")
    path = root / "reports/profile/profile.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "measured": []}))
    assert "On devices" not in Page(render(root)).texts


def test_a_measured_latency_is_not_called_estimated(results, tmp_path) -> None:
    assert "estimated to need 40 ms" in render(results)
    root = shutil.copytree(results, tmp_path / "some")
    path = root / "reports/design/design.json"
    path.write_text(path.read_text().replace('"estimated"', '"measured (int8 on a phone)"'))
    text = render(root)
    assert "measured to need 40 ms" in text
    assert "measured (int8 on a phone), 20 to 80 ms" in text


def test_the_net_is_shown_among_the_candidates(results, tmp_path) -> None:
    texts = Page(render(results)).texts
    start = texts.index("this net") - 1
    assert texts[start : start + 5] == [
        "1",
        "this net",
        "efficientnet_lite0, width 1",
        "96 x 64",
        "40 (20 to 80), estimated",
    ]
    assert "GPU: 2 partitions, PAD outside, first pad (pad with zeros)" in texts
    assert "model file" in texts[start + 9 :]
    root = shutil.copytree(results, tmp_path / "some")
    path = root / "reports/design/candidates.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    assert "Among others" not in Page(render(root)).texts


def test_each_block_of_the_backbone_is_shown_with_its_cost(results, tmp_path) -> None:
    root = shutil.copytree(results, tmp_path / "some")
    path = root / "reports/design/costs.csv"
    header, _ = path.read_text().splitlines()
    values = "Conv2D,1x1,1,2x3x8,{},1000,0,0,0,0.5"
    names = {"backbone_stem": 0, "backbone_10_2_expand": 10**6, "backbone_10_2_project": 10**6,
             "neck_lateral_8": 10**6, "scores_8": 10**6}  # fmt: skip
    rows = (f"{name},{values.format(macs)}" for name, macs in names.items())
    path.write_text("\n".join([header, *rows]))
    texts = [text for text in Page(render(root)).texts if text]
    start = texts.index("backbone_stem")
    block = ["backbone_10_2", "2 x 3 x 8", "2.0", "50.0%", "2.0", "40.0%", "1.00", "40.0%"]
    assert texts[start + 8 : start + 16] == block
    assert (texts[start + 16], texts[start + 23]) == ("neck", "head")  # they have no output


def test_same_results_give_the_same_bytes(results) -> None:
    assert render(results) == render(results)


def test_what_was_not_run_is_said_and_never_passes(results, tmp_path) -> None:
    root = shutil.copytree(results, tmp_path / "some")
    for stage in ("validate", "design", "train", "verify", "profile"):
        shutil.rmtree(root / "reports" / stage)
    texts = " ".join(Page(render(root)).texts)
    for what in ("Training", "Verification", "Profiling", "Design"):
        assert f"{what}: not run." in texts
    assert "INCOMPLETE" in texts
    shutil.rmtree(root)
    (root / "reports").mkdir(parents=True)
    texts = " ".join(Page(render(root)).texts)
    assert "Evaluation: not run." in texts
    assert "INCOMPLETE" in texts


def test_link_to_the_analysis_appears_with_it(results, tmp_path) -> None:
    root = shutil.copytree(results, tmp_path / "some")
    (root / "reports/analyse").mkdir()
    (root / "reports/analyse/index.html").touch()
    assert "../analyse/index.html" in Page(render(root)).addresses


def test_pictures_beyond_the_pages_size_are_left_out_and_counted(results, monkeypatch) -> None:
    assert "more pictures lie in" not in render(results)
    monkeypatch.setattr(page, "MAX_PICTURE_BYTES", 1000)
    text = render(results)
    drawn = len(list((results / "reports/evaluate").rglob("*.jpg")))
    assert f"{drawn} more pictures lie in the folder evaluate" in text
    assert "data:image/jpeg" not in text


def test_headline_numbers_have_intervals_and_slices_a_hash(results) -> None:
    texts = Page(render(results)).texts
    row = next(
        r for r in csv_rows(results, "per_class") if (r["subset"], r["class"]) == ("test", "person")
    )
    around = f"{float(row['AP50_low']):.2f} to {float(row['AP50_high']):.2f}"
    assert texts.count(around) >= 2, "in a tile and in the table"
    at = texts.index("side < 80")
    notes = json.loads((results / "reports/evaluate/notes.json").read_text())
    assert notes["slices"]["small"]["sha256"][:12] in texts[at:]
    assert texts.index("small") < texts.index("nowhere"), "the undefined comes last"


def csv_rows(root: Path, name: str) -> list[dict[str, str]]:
    with (root / f"reports/evaluate/{name}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_broken_report_of_a_stage_is_named(results, tmp_path) -> None:
    root = shutil.copytree(results, tmp_path / "some")
    (root / "reports/verify/ledger.json").write_text("{")
    with pytest.raises(PocketdetError, match=r"ledger\.json: cannot be read"):
        read(root)


def test_model_card_has_verdict_scores_and_how_to_run(results) -> None:
    found = read(results)
    text = card.model_card("street", found, verdict.judge(found, BUDGET, 0.5))
    assert "## Verdict: PASS" in text
    assert "| person | test | 2 |" in text
    assert "pocketdet detect photo.jpg --bundle street.zip" in text
    assert "not run: no coremltools" in text
    assert "| none | none in words |  | 0 | 3 | 1 | 2.5 |" in text
    assert "| more_pictures | more_pictures in words | shipped |" in text
    assert "Apache License 2.0" in card.licences(found)
    assert "EfficientNet-Lite0" in card.licences(found)
