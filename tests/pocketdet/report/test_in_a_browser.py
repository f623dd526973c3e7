"""Both pages in a real browser, at the width of a phone and of a desk, and printed."""

import base64
from pathlib import Path

import pytest
from browsing import chromium, show
from stage_results import make

from pocketdet.config import Budget
from pocketdet.report import comparison, facts, page, paired, verdict
from pocketdet.scoring.bootstrap import Plan

BUDGET = Budget(model_mb=4.0, mmac=300, peak_mb=2.0, latency_ms=100)
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def browser():
    with chromium() as chrome:
        yield chrome


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = make(tmp_path_factory.mktemp("results") / "run")
    found = facts.read(
        root / "reports", root / "subsets", root / "models/design", root / "models/point.json"
    )
    run, plan = paired.read("a run", root), Plan(20, 0.95, 0)
    texts = {
        "report": page.render("street", found, verdict.judge(found, BUDGET, 0.5), root / "reports"),
        "comparison": comparison.render(run, run, plan, paired.paired(run, run, plan)),
    }
    written = {name: root / f"{name}.html" for name in texts}
    for name, text in texts.items():
        written[name].write_text(text, encoding="utf-8")
    return written


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_page_loads_whole_fits_its_width_and_the_console_is_silent(
    browser, pages, name, width
) -> None:
    show(browser, pages[name], width)
    assert browser.get_log("browser") == []
    shown = browser.execute_script("return document.documentElement.scrollWidth")
    assert shown <= width, "the page scrolls sideways"
    broken = browser.execute_script(
        "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    )
    assert broken == 0
    loaded = browser.execute_script("return performance.getEntriesByType('resource').length")
    assert loaded == 0, "something came from outside"
    spilling = browser.execute_script(
        "return [...document.querySelectorAll('svg.chart text')].filter(t => {"
        "  const box = t.getBoundingClientRect();"
        "  return box.left < -1 || box.right > innerWidth + 1; }).map(t => t.textContent)"
    )
    assert spilling == [], "letters of a chart are cut off"


def test_a_tap_flips_a_picture_and_another_flips_it_back(browser, pages) -> None:
    show(browser, pages["comparison"], 390)
    flip = browser.find_elements("css selector", ".flip")[0]

    def seen() -> list[bool]:
        return [
            flip.find_element("css selector", f".{side}").is_displayed() for side in ("old", "new")
        ]

    assert seen() == [True, False]
    for expected in ([False, True], [True, False]):
        browser.execute_script("arguments[0].click()", flip.find_element("css selector", "input"))
        assert seen() == expected


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_page_can_be_printed(browser, pages, name) -> None:
    show(browser, pages[name], 700)  # A4 between its margins, at 96 px an inch
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 700
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert base64.b64decode(printed["data"]).startswith(b"%PDF")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
