"""The chart of two tasks, looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from movierec_cli.reports.web.plot import write_plot
from movierec_cli.reports.web.report_page import write_report
from tests.reports.browser import Browser, needs_chromium
from tests.reports.studies import joint_study

pytestmark = needs_chromium

STUDY = joint_study()
RECORDS = [record for one in STUDY.models if not one.is_baseline for record in one.records]
FITS = "document.scrollingElement.scrollWidth <= innerWidth"
NOTES = "[...document.querySelectorAll('#ratings-chart .annotation-text')].map(note => note.textContent)"
FIRST = "getComputedStyle(document.querySelector('#ratings-chart .points path')).stroke"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("pages")
    plot = write_plot(RECORDS, folder / "plot.html", STUDY)
    return {"plot": (plot, ""), "report": (write_report(STUDY, folder / "report.html"), "#ratings")}


@pytest.mark.parametrize("name", ["plot", "report"])
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_both_pages_draw_it_and_the_selector_changes_it(
    chromium: Browser, pages: dict[str, tuple[Path, str]], name: str, width: int, height: int
) -> None:
    chromium.show(width, height)
    chromium.open(*pages[name])
    chromium.wait_until("document.querySelectorAll('#ratings-chart .trace.scatter').length === 5")
    assert chromium.evaluate(NOTES) == ["biased MF", "retrieval alone"]
    chromium.choose("#ratings-chart-view", "all models")
    chromium.wait_until(f"{NOTES}.length === 3")
    assert chromium.evaluate(NOTES) == ["biased MF", "user + movie bias", "global mean"]
    assert chromium.evaluate("document.querySelectorAll('#ratings-chart .xerror').length") == 4
    assert chromium.evaluate("document.querySelectorAll('#ratings-chart .yerror').length") == 4
    assert chromium.evaluate(FITS)
    assert chromium.complaints() == []
    assert chromium.requests() == []


@pytest.mark.parametrize("name", ["plot", "report"])
def test_its_colours_follow_the_readers_system(
    chromium: Browser, pages: dict[str, tuple[Path, str]], name: str
) -> None:
    chromium.show(1280, 900)
    chromium.open(*pages[name])
    chromium.wait_until("document.querySelector('#ratings-chart .points path') !== null")
    light = chromium.evaluate(FIRST)
    chromium.show(1280, 900, scheme="dark")
    chromium.wait_until(f"{FIRST} !== '{light}'")
    assert (light, chromium.evaluate(FIRST)) == ("rgb(0, 114, 178)", "rgb(86, 180, 233)")
    assert chromium.complaints() == []
