"""The chart of two tasks, looked at."""

from pathlib import Path

import pytest

from movierec_cli.reports.web.report_page import write_report
from tests.reports.browser import FITS, Browser, needs_chromium
from tests.reports.studies import joint_study

pytestmark = needs_chromium

STUDY = joint_study()
NOTES = "[...document.querySelectorAll('#ratings-chart .annotation-text')].map(note => note.textContent)"
FIRST = "getComputedStyle(document.querySelector('#ratings-chart .points path')).stroke"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(STUDY, tmp_path_factory.mktemp("pages") / "report.html")


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_page_draws_it_and_the_selector_changes_it(
    chromium: Browser, report: Path, width: int, height: int
) -> None:
    chromium.show(width, height)
    chromium.open(report, "#ratings")
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


def test_its_colours_follow_the_readers_system(chromium: Browser, report: Path) -> None:
    chromium.show(1280, 900)
    chromium.open(report, "#ratings")
    chromium.wait_until("document.querySelector('#ratings-chart .points path') !== null")
    light = chromium.evaluate(FIRST)
    chromium.show(1280, 900, scheme="dark")
    chromium.wait_until(f"{FIRST} !== '{light}'")
    assert (light, chromium.evaluate(FIRST)) == ("rgb(0, 114, 178)", "rgb(86, 180, 233)")
    assert chromium.complaints() == []
