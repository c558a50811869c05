"""The page that a server shows: movies that you like, why, and a choice of model."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from movierec_cli.config import Family
from tests.reports.browser import FITS, Browser, needs_chromium
from tests.saved_runs import baseline_run, judged_run, run_config, sequence_run
from tests.serving.served import Served, serving
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset

pytestmark = needs_chromium
HOSTILE = "</script><img src=x onerror='window.hacked = 1'> (1999)"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, source = tmp_path_factory.mktemp("saved_models"), small_dataset()
    source.movies.title[:2] = [HOSTILE, "Rock, The (1996)"]
    source = replace(source, movies=replace(source.movies, imdb_number=source.movies.movie_id * 7))
    baseline_run(folder, source, Family.EASE)
    judged_run(folder, source, run_config("timestamp"))
    sequence_run(folder, source, Family.SASREC, "time_gap")
    with serving(folder) as server:
        yield server


def texts(page: Browser, selector: str) -> list[str]:
    found = page.evaluate(f"[...document.querySelectorAll('{selector}')].map(one => one.textContent)")
    assert isinstance(found, list)
    return found


def follow(page: Browser, address: str, wanted: str) -> None:
    page.events.clear()
    page.send("Page.navigate", url="about:blank")
    page.send("Page.navigate", url=address)
    page.wait_until(f"document.readyState === 'complete' && document.querySelector('{wanted}') !== null")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_three_movies_change_the_list_which_says_why_and_another_model_answers(
    width: int, scheme: str, chromium: Browser, served: Served
) -> None:
    chromium.show(width, 900, scheme=scheme)
    ease = next(run.record.name for run in served.models.runs if "ease" in run.record.name)
    follow(chromium, f"http://127.0.0.1:{served.port}/?model={ease}", "#models option")
    lists = []
    for n, title in enumerate(("the rock", "film 12", "film 13"), start=1):
        chromium.evaluate("document.getElementById('like').focus()")
        chromium.send("Input.insertText", text=title)
        chromium.press("Enter")
        chromium.wait_until(f"document.querySelectorAll('#mine > li').length === {n}")
        lists.append(texts(chromium, "#recommended > li a"))
    assert lists[0] != lists[1] != lists[2]
    assert texts(chromium, "#mine > li a")[0] == "The Rock (1996)"
    chromium.click("#recommended .score button")
    chromium.wait_until("document.querySelector('.why') !== null")
    assert texts(chromium, ".why p")[0].startswith("For you the average movie scores")
    other = chromium.evaluate("[...document.querySelectorAll('#models option')].find(o => !o.selected).value")
    chromium.choose("#models", other)
    chromium.wait_until(
        f"location.search === '?model={other}' && document.querySelector('#recommended') !== null"
    )
    assert texts(chromium, "#mine > li a")[0] == "The Rock (1996)"
    assert texts(chromium, "#recommended > li a") != lists[2]
    assert chromium.evaluate(FITS) and chromium.complaints() == []
    assert chromium.evaluate("window.hacked === undefined")


def test_movies_users_and_links_to_imdb(chromium: Browser, served: Served) -> None:
    follow(chromium, f"http://127.0.0.1:{served.port}/#movie={FIRST_MOVIE_ID}", "#near")
    links = chromium.evaluate("[...document.querySelectorAll('#panel p a')].map(a => a.href)")
    assert links == ["https://www.imdb.com/title/tt0000700/"]
    assert texts(chromium, "#panel h2") == [HOSTILE]
    follow(chromium, f"http://127.0.0.1:{served.port}/#user=9", "#recommended")
    assert texts(chromium, "#panel h2") == ["User 9"] and len(texts(chromium, "#rated > li")) == 10
    assert chromium.complaints() == [] and chromium.evaluate("window.hacked === undefined")


def test_a_model_of_sequences_continues_what_is_liked(chromium: Browser, served: Served) -> None:
    name = next(run.record.name for run in served.models.runs if "sasrec" in run.record.name)
    ids = [FIRST_MOVIE_ID + row for row in (17, 3, 30)]
    follow(
        chromium, f"http://127.0.0.1:{served.port}/?model={name}#likes={ids[0]},{ids[1]}:1,{ids[2]}", "#mine"
    )
    asked = {"watched": [ids[0], ids[2]], "disliked": [ids[1]]}
    expected = [movie["shown_title"] for movie in served.list_for(name, **asked).document["movies"]]
    chromium.wait_until("document.querySelector('#recommended') !== null")
    assert texts(chromium, "#recommended > li a") == expected
    assert "This model continues what you like, in the order in which you add it." in texts(chromium, ".note")
    assert chromium.complaints() == []


def test_the_api_has_a_page_of_its_own(chromium: Browser, served: Served) -> None:
    follow(chromium, f"http://127.0.0.1:{served.port}/docs", "pre")
    assert len(texts(chromium, "h2")) == len(served.ask("/api/openapi.json").document["paths"]) + 1
    assert "movierec recommend --json" in texts(chromium, "code")
    assert "`" not in "".join(texts(chromium, "p, td"))
    assert chromium.complaints() == []
