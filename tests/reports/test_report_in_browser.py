import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.reports.web.pages import N_COLOURS
from movierec_cli.reports.web.report_page import write_report
from tests.reports.browser import FITS, Browser, needs_chromium
from tests.reports.studies import study

pytestmark = needs_chromium

STUDY = study()
LEGEND = "#epochs-chart .legend .traces:first-of-type .legendtoggle"
BACKGROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(STUDY, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture
def page(chromium: Browser, report: Path) -> Iterator[Browser]:
    """The report on a desktop; whatever a test does there, the browser has nothing to complain of."""
    chromium.show()
    chromium.open(report)
    yield chromium
    assert chromium.complaints() == []
    assert chromium.requests() == []


def shown_panels(page: Browser) -> object:
    return page.evaluate(
        "[...document.querySelectorAll('[role=tabpanel]')].filter(p => p.checkVisibility()).map(p => p.id)"
    )


def ranked(page: Browser) -> object:
    return page.evaluate(
        "[...document.querySelectorAll('#ranking th[scope=row]')].map(header => header.dataset.value)"
    )


def test_a_click_on_a_name_hides_its_lines_and_another_shows_them(page: Browser) -> None:
    group = "document.getElementById('epochs-chart').data.filter(t => t.legendgroup === '0')"
    assert page.evaluate(f"{group}.length") == 1 + 3 + 3
    page.click(LEGEND)
    page.wait_until(f"{group}.every(trace => trace.visible === 'legendonly')")
    assert page.evaluate(
        "document.getElementById('epochs-chart').data.filter(t => t.visible === true).length"
    ) == 3 * (1 + 3 + 3)
    page.click(LEGEND)
    page.wait_until(f"{group}.every(trace => trace.visible === true)")


def test_tabs_open_by_mouse_and_by_keyboard(page: Browser) -> None:
    assert shown_panels(page) == ["epochs"]
    page.click("#tab-segments")
    assert shown_panels(page) == ["segments"]
    page.press("ArrowRight")
    assert shown_panels(page) == ["more"]
    page.press("End")
    page.press("ArrowRight")
    assert shown_panels(page) == ["epochs"]
    page.press("ArrowLeft")
    assert shown_panels(page) == ["reproduce"]
    assert page.evaluate("document.activeElement.id") == "tab-reproduce"
    selected = "[...document.querySelectorAll('[aria-selected=true]')].map(tab => [tab.id, tab.tabIndex])"
    assert page.evaluate(selected) == [["tab-reproduce", 0]]


def test_a_chart_behind_a_tab_is_drawn_to_the_width_of_the_page(page: Browser) -> None:
    page.click("#tab-features")
    page.wait_until("document.querySelector('#ablation-chart .bars path') !== null")
    widths = "['ablation-chart', 'forest'].map(id => document.querySelector(`#${id} .main-svg`).clientWidth)"
    ablation, forest = page.evaluate(widths)
    assert ablation == forest > 900


def test_a_link_to_a_part_opens_it(page: Browser, report: Path) -> None:
    page.click(".notice a")
    page.wait_until("document.getElementById('leakage').checkVisibility()")
    assert shown_panels(page) == ["leakage"]
    page.open(report, "#segments")
    assert shown_panels(page) == ["segments"]


def test_a_header_sorts_its_column_and_turns_it_round(page: Browser) -> None:
    best_first = ranked(page)
    assert isinstance(best_first, list)
    headers = "[...document.querySelectorAll('#ranking th[aria-sort]')].map(th => th.ariaSort)"
    assert page.evaluate(headers)[:2] == ["none", "descending"]
    page.click("#ranking th:nth-child(2) button")
    assert page.evaluate(headers)[:2] == ["none", "ascending"]
    assert ranked(page) == best_first[:4][::-1] + best_first[4:][::-1]
    page.click("#ranking th:nth-child(1) button")
    assert page.evaluate(headers)[:2] == ["ascending", "none"]
    assert ranked(page) == sorted(best_first[:4], key=str.lower) + sorted(best_first[4:], key=str.lower)


def test_the_selectors_change_what_is_shown(page: Browser) -> None:
    page.choose("#metric", "auc")
    page.wait_until("document.querySelector('#forest .xtitle').textContent === 'auc'")
    first = "document.getElementById('forest').data[0].x[0]"
    assert page.evaluate(first) == STUDY.models[0].metrics["auc"].mean
    page.choose("#epochs-chart-view", "recall@10")
    page.wait_until("document.querySelector('#epochs-chart .ytitle').textContent === 'validation recall@10'")
    page.choose("#epochs-chart-view", "top-10 accuracy, all movies")
    page.wait_until("document.querySelector('#epochs-chart .ytitle').textContent.includes('all movies')")
    kept = "document.getElementById('epochs-chart').data[2].y"
    history = STUDY.models[0].records[0].history
    assert page.evaluate(f"{kept}[0]") == history[2].validation.all[10]


def test_one_switch_of_the_metric_changes_all(page: Browser) -> None:
    def shown() -> object:
        return page.evaluate(
            "[...document.querySelectorAll('[data-metric]')].filter(one => !one.hidden)"
            ".map(one => one.dataset.metric)"
        )

    n = len(page.evaluate("[...document.querySelectorAll('[data-metric=auc]')].map(one => 1)"))
    assert n == 4 and shown() == [STUDY.headline] * n
    page.click("#tab-features")
    page.choose("#metric", "ndcg@10")
    page.wait_until("document.querySelector('#forest .xtitle').textContent === 'ndcg@10'")
    page.wait_until("document.querySelector('#ablation-chart .xtitle').textContent.includes('ndcg@10')")
    assert shown() == ["ndcg@10"] * n
    assert page.evaluate("document.querySelector('header [data-metric]:not([hidden])').textContent") == (
        "Another verdict, by ndcg@10"
    )
    place = list(STUDY.models[0].metrics).index("ndcg@10") + 1
    headers = "[...document.querySelectorAll('#ranking th[aria-sort]')]"
    assert page.evaluate(f"{headers}.findIndex(th => th.ariaSort === 'descending')") == place
    page.click("#tab-epochs")
    page.wait_until("document.querySelector('#epochs-chart .ytitle').textContent === 'validation ndcg@10'")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_numbers_are_seen_without_scrolling(width: int, height: int, chromium: Browser, report: Path) -> None:
    chromium.show(width, height)
    chromium.open(report)
    best = (
        "document.querySelector('#ranking tbody:last-of-type tr:not(.group)').getBoundingClientRect().bottom"
    )
    assert chromium.evaluate(best) < height


def test_a_table_that_is_wider_than_the_screen_says_so(chromium: Browser, report: Path) -> None:
    hint = "document.querySelector('.scroll-hint').checkVisibility()"
    chromium.show(390, 844)
    chromium.open(report)
    chromium.wait_until(hint)
    box = "document.getElementById('ranking').closest('.scroll')"
    assert chromium.evaluate(f"{box}.classList.contains('more')")
    chromium.evaluate(f"{box}.scrollLeft = 10000")
    chromium.wait_until(f"!{box}.classList.contains('more')")
    chromium.show(1440, 900)
    chromium.wait_until(f"!{hint}")
    assert chromium.complaints() == []


def test_colours_of_models_are_told_apart_in_both_schemes(page: Browser) -> None:
    for scheme in ("light", "dark"):
        page.show(scheme=scheme)
        seen = [oklab(colour(page, f"c{index}")) for index in range(N_COLOURS)]
        apart = [math.dist(a, b) for a, b in itertools.combinations(seen, 2)]
        assert min(apart) > 0.085, (scheme, min(apart))
        assert min(math.dist(one, oklab(colour(page, "paper"))) for one in seen) > 0.25


def oklab(rgb: list[int]) -> list[float]:
    """Björn Ottosson's perceptual space, in which distances are differences that are seen."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb))
    long, medium, short = (
        math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b),
        math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
        math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
    )
    return [
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    ]


def test_one_user_is_shown_at_a_time(page: Browser) -> None:
    page.click("#tab-recommendations")
    users = (
        "[...document.querySelectorAll('.user')].filter(u => u.checkVisibility()).map(u => u.dataset.user)"
    )
    assert page.evaluate(users) == ["1"]
    page.choose("#user", "4169")
    assert page.evaluate(users) == ["4169"]


def test_the_command_can_be_copied(page: Browser) -> None:
    page.click("#tab-reproduce")
    page.click("[data-copy]")
    page.wait_until("document.querySelector('[data-copy]').textContent !== 'Copy'")
    if page.evaluate("document.querySelector('[data-copy]').textContent") == "Selected":
        assert page.evaluate("getSelection().toString().trim()") == STUDY.commands[0]


def test_paper_has_every_part_in_light_colours(page: Browser) -> None:
    page.show(scheme="dark")
    assert sum(page.evaluate(BACKGROUND)) < 120
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    n_panels = page.evaluate("document.querySelectorAll('[role=tab]').length")
    shown = shown_panels(page)
    assert isinstance(shown, list) and len(shown) == n_panels
    assert sum(page.evaluate(BACKGROUND)) > 600
    assert page.evaluate("document.querySelector('#ablation-chart .bars path') !== null")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert shown_panels(page) == ["epochs"]


def test_no_part_is_wider_than_a_phone(chromium: Browser, report: Path) -> None:
    chromium.show(390, 844)
    chromium.open(report)
    assert chromium.evaluate("innerWidth") == 390
    for tab in chromium.evaluate("[...document.querySelectorAll('[role=tab]')].map(tab => tab.id)"):
        chromium.click(f"#{tab}")
        assert chromium.evaluate(FITS), tab
    assert sum(chromium.evaluate(BACKGROUND)) > 600
    chromium.show(390, 844, scheme="dark")
    chromium.wait_until(f"{BACKGROUND}.every(part => part < 40)")
    assert chromium.evaluate(FITS)
    assert chromium.complaints() == []


def test_text_stands_out_from_its_background_in_both_schemes(page: Browser) -> None:
    for scheme in ("light", "dark"):
        page.show(scheme=scheme)
        pairs = "ink/paper faint/paper accent/paper leak/paper on-chosen/chosen warn/warn-paper warn/paper"
        for pair in f"{pairs} ink/heat faint/quiet ink/quiet".split():
            text, behind = pair.split("/")
            assert contrast(colour(page, text), colour(page, behind)) >= 4.5, (scheme, text, behind)


def colour(page: Browser, name: str) -> list[int]:
    page.evaluate(f"document.body.style.outlineColor = 'var(--{name})'")
    rgb = page.evaluate("getComputedStyle(document.body).outlineColor.match(/\\d+/g).map(Number)")
    assert isinstance(rgb, list)
    return rgb[:3]


def contrast(a: list[int], b: list[int]) -> float:
    """WCAG 2.2's contrast ratio."""
    darker, lighter = sorted((luminance(a), luminance(b)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(rgb: list[int]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_without_javascript_every_part_is_readable(chromium: Browser, report: Path) -> None:
    chromium.show(390, 844)
    chromium.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(report)
        hidden = "[...document.querySelectorAll('.panel, .user')].filter(p => !p.checkVisibility()).length"
        assert chromium.evaluate(hidden) == 0
        assert not chromium.evaluate("document.querySelector('.tabs').checkVisibility()")
        assert chromium.evaluate(FITS)
    finally:
        chromium.send("Emulation.setScriptExecutionDisabled", value=False)


def test_a_model_without_a_number_is_sorted_last_in_either_order(chromium: Browser, tmp_path: Path) -> None:
    first, *others = STUDY.models
    without = replace(first, metrics={name: one for name, one in first.metrics.items() if name != "auc"})
    chromium.show()
    chromium.open(write_report(replace(STUDY, models=(without, *others)), tmp_path / "report.html"))
    orders = []
    for _ in range(2):
        chromium.click("#ranking th:nth-child(7) button")
        found = ranked(chromium)
        assert isinstance(found, list)
        orders.append(found[:4])
    assert [order[-1] for order in orders] == [first.label, first.label]
    assert orders[0][:3] == orders[1][:3][::-1]
