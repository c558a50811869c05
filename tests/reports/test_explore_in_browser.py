from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.config import Family
from movierec_cli.recommend.cautions import FEW_RATINGS
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.response import similar_movies
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from movierec_cli.reports.web.explore_page import PAGE_BYTES, write_explore
from movierec_cli.text import shown_title
from tests.reports.browser import FITS, Browser, needs_chromium
from tests.saved_runs import baseline_run, judged_run, run_config
from tests.small_dataset import (
    FIRST_MOVIE_ID,
    N_USERS,
    small_dataset,
    with_duplicates,
    with_text_ids,
)

pytestmark = needs_chromium

HOSTILE = (
    "</script><img src=x onerror='window.hacked = 1'> (1999)",
    '"><b id="hacked">quotes\' & ampersands &amp; (1999)',
    "🎬 Émoji Ünïcode (1999)",
    "שלום عالم (1999)",
    "__proto__",
    "constructor",
    "</script><script>window.hacked = 1</script><!-- @{data} \\u003c \u2028 line (1999)",
    "",
    "Crème Brûlée, L' (1999)",
    "W" * 300,
)
ODD = "ü 3/#%'\""
CAUTION = "With so few ratings, what is near it is mostly chance."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    source = small_dataset()
    title = source.movies.title.copy()
    title[: len(HOSTILE)] = HOSTILE
    source = replace(source, movies=replace(source.movies, title=title))
    return judged_run(
        tmp_path_factory.mktemp("saved_models"), source, run_config("timestamp"), seed=0x4AFB23FE09E2
    )


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_explore(run, tmp_path_factory.mktemp("explore") / "explore.html").page


@pytest.fixture
def page(chromium: Browser, file: Path) -> Iterator[Browser]:
    """The page on a desktop; whatever a test does there, the browser neither complains nor asks for more."""
    chromium.show(1280, 900)
    chromium.open(file)
    yield chromium
    assert chromium.complaints() == []
    assert chromium.requests() == []
    assert chromium.evaluate("window.hacked === undefined && document.getElementById('hacked') === null")


def texts(page: Browser, selector: str) -> Any:
    return page.evaluate(f"[...document.querySelectorAll('{selector}')].map(one => one.textContent)")


def heading(page: Browser) -> Any:
    return page.evaluate("document.querySelector('#panel h2').textContent")


def follow(page: Browser, fragment: str) -> None:
    """As a link to a part of the page does."""
    page.evaluate(
        "new Promise(done => { addEventListener('hashchange', () => done(), {once: true});"
        f" location.hash = '{fragment}'; }})"
    )


def type_text(page: Browser, text: str) -> None:
    page.evaluate("document.getElementById('query').focus()")
    page.send("Input.insertText", text=text)


def unseen_best(run: Run, row: int) -> list[int]:
    scores = run.artifacts.movie_embeddings @ run.artifacts.user_embeddings[row]
    scores[run.user_ratings.movie[run.user_ratings.of(row)]] = -np.inf
    return np.argsort(-scores, kind="stable")[:10].tolist()


def test_a_link_to_a_user_shows_the_list_that_recommend_gives(page: Browser, file: Path, run: Run) -> None:
    page.open(file, "#user=1")
    expected = recommend(run, user_of(run, 1), top=10).movies
    assert texts(page, "#recommended > li a") == [movie.shown_title for movie in expected]
    shown = [text.replace("−", "-") for text in texts(page, "#recommended > li b")]
    assert shown == [f"{movie.score:.2f}" for movie in expected]


def test_every_user_gets_the_scores_and_the_list_of_numpy(page: Browser, run: Run) -> None:
    scores = np.array(page.evaluate("users.ids.map((_, user) => [...scores(user)])"))
    expected = run.artifacts.user_embeddings @ run.artifacts.movie_embeddings.T
    assert scores == pytest.approx(expected, abs=1e-5)
    lists = page.evaluate("users.ids.map((_, user) => recommended(user).map(one => one.row))")
    assert lists == [unseen_best(run, row) for row in range(N_USERS)]


@pytest.mark.parametrize("page_bytes", [PAGE_BYTES, 900])
def test_a_movie_of_several_ids_is_listed_once(page_bytes: int, chromium: Browser, tmp_path: Path) -> None:
    run = judged_run(tmp_path, with_duplicates(), run_config())
    chromium.open(write_explore(run, tmp_path / "explore.html", page_bytes=page_bytes).page)
    titles = run.catalogue.title.tolist()
    in_page = chromium.evaluate("movies.titles")
    lists = chromium.evaluate("users.ids.map((_, user) => recommended(user).map(one => movies.ids[one.row]))")
    near = chromium.evaluate("movies.ids.map((_, row) => neighbours(row).map(one => movies.titles[one.row]))")
    assert len(in_page) == (40 if page_bytes == PAGE_BYTES else 28)
    for row, one in enumerate(near):
        assert len(set(one)) == len(one) == 10 and in_page[row] not in one
    if page_bytes == PAGE_BYTES:
        every = [recommend(run, user_of(run, user + 1)).movies for user in range(N_USERS)]
        assert lists == [[str(movie.movie_id) for movie in one] for one in every]
        assert any(titles.count(movie.title) > 1 for one in every for movie in one)
    assert chromium.complaints() == []


def test_equal_scores_stay_in_the_order_of_the_catalogue(page: Browser) -> None:
    assert page.evaluate("highest([1, 3, 3, 2, 3], 4, new Set([1]))") == [2, 4, 3, 0]


def test_a_movie_has_its_nearest_by_cosine(page: Browser, file: Path, run: Run) -> None:
    movie = 21
    page.open(file, f"#movie={FIRST_MOVIE_ID + movie}")
    vectors = run.artifacts.movie_embeddings.astype(np.float64)
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = directions @ directions[movie]
    cosines[movie] = -np.inf
    best = np.argsort(-cosines)[:10]
    assert heading(page) == run.catalogue.title[movie]
    assert texts(page, "#near > li a") == run.catalogue.title[best].tolist()
    assert texts(page, "#near > li a") == [one.title for one in similar_movies(run, movie).movies]
    shown = [float(text.replace("−", "-")) for text in texts(page, "#near > li b")]
    assert shown == pytest.approx(cosines[best], abs=0.0051)


def test_a_movie_that_the_model_hardly_knows_is_said_to_be_so(page: Browser, file: Path, run: Run) -> None:
    popularity = run.user_ratings.popularity
    for movie in (int(popularity.argmin()), int(popularity.argmax())):
        page.open(file, f"#movie={FIRST_MOVIE_ID + movie}")
        cautions = texts(page, ".caution")
        assert cautions == ([] if popularity[movie] >= FEW_RATINGS else [CAUTION])
    assert popularity.min() < FEW_RATINGS <= popularity.max()


def test_reasons_are_those_of_the_program(page: Browser, run: Run) -> None:
    for user in (0, 7, N_USERS - 1):
        rows = unseen_best(run, user)
        expected = explain(run, user_of(run, user + 1), rows)
        given = page.evaluate(f"{rows}.map(movie => explained({user}, movie))")
        for why, one in zip(expected, given, strict=True):
            assert one["score"] == pytest.approx(why.score, abs=1e-6)
            assert one["average"] == pytest.approx(why.average, abs=1e-6)
            assert one["rest"] == pytest.approx(why.rest, abs=1e-6)
            assert [part["row"] for part in one["contributions"]] == [row for row, _ in why.of_movies]
            parts = [part["contribution"] for part in one["contributions"]]
            assert parts == pytest.approx([part for _, part in why.of_movies], abs=1e-6)
            assert one["average"] + sum(parts) + one["rest"] == pytest.approx(one["score"])


def test_a_click_on_why_names_their_movies_and_another_hides_them(
    page: Browser, file: Path, run: Run
) -> None:
    page.open(file, "#user=9")
    page.click("#recommended .score button")
    first = explain(run, user_of(run, 9), unseen_best(run, 8)[:1])[0]
    named = [run.catalogue.title[row] for row, _ in first.of_movies[:5]]
    assert texts(page, ".why li.movie a") == named
    n_rated = len(first.of_movies)
    assert texts(page, ".why li.rest > span") == [
        f"their other {n_rated - 5} movies",
        "what none of these accounts for",
    ]
    values = [float(text.replace("−", "-")) for text in texts(page, ".why li b")]
    assert sum(values) == pytest.approx(first.advantage, abs=0.04)
    assert page.evaluate("document.querySelector('.score button').ariaExpanded") == "true"
    page.click("#recommended .score button")
    assert texts(page, ".why") == []


def test_what_a_user_rated_best_comes_first_and_all_on_demand(page: Browser, file: Path, run: Run) -> None:
    page.open(file, f"#user={N_USERS}")
    mine = run.user_ratings.of(N_USERS - 1)
    stars, movies = run.user_ratings.stars[mine], run.user_ratings.movie[mine]
    order = np.lexsort((-np.arange(len(stars)), -stars))
    assert texts(page, "#rated > li a") == [*map(run.catalogue.shown_title, movies[order][:10])]
    page.click("#rated + .row button")
    assert texts(page, "#rated > li a") == [*map(run.catalogue.shown_title, movies[order])]
    assert texts(page, "#rated .stars") == [f"{star:g} ★" for star in stars[order]]


def test_titles_are_shown_as_they_are_with_their_article_first(page: Browser) -> None:
    for place, title in enumerate(HOSTILE):
        follow(page, f"#movie={FIRST_MOVIE_ID + place}")
        assert heading(page) == (shown_title(title) or f"movie {FIRST_MOVIE_ID + place}")
        assert page.evaluate(FITS), title


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("121 fi", "Film 121 (1980)"),
        ("(1982) film 123", "Film 123 (1982)"),
        ("creme BRULEE", "L'Crème Brûlée (1999)"),
        ("Brulee, L'", "L'Crème Brûlée (1999)"),
        ("L'Creme", "L'Crème Brûlée (1999)"),
        ("emoji unicode", HOSTILE[2]),
        ("film-12 2", "Film 122 (1981)"),
        ("שלום", HOSTILE[3]),
        ("id:124", "Film 124 (1983)"),
        ("user 12", "User 12"),
        ("12", "User 12"),
        ("Fillm 125", "Film 125 (1984)"),
        ("cerme burlee", "L'Crème Brûlée (1999)"),
    ],
)
def test_search_finds_movies_and_users(page: Browser, typed: str, first: str) -> None:
    type_text(page, typed)
    assert texts(page, "#found [role=option]")[0].startswith(first)


def test_ids_that_are_texts_are_found_and_stand_in_the_address(chromium: Browser, tmp_path: Path) -> None:
    source = with_text_ids(small_dataset())
    source.users.user_id[1] = ODD
    run = judged_run(tmp_path, source, run_config("timestamp"))
    chromium.open(write_explore(run, tmp_path / "explore.html").page)
    for typed, first in (("u12", "User u12"), ("user u12", "User u12"), (ODD, f"User {ODD}")):
        chromium.evaluate("query.value = ''")
        type_text(chromium, typed)
        assert texts(chromium, "#found li")[0].startswith(first)
    chromium.press("Enter")
    chromium.wait_until("document.querySelector('#recommended') !== null")
    assert heading(chromium) == f"User {ODD}"
    type_text(chromium, "id:tt107")
    chromium.press("Enter")
    chromium.wait_until("document.querySelector('#near') !== null")
    assert chromium.evaluate("location.hash") == "#movie=tt107" and heading(chromium).startswith("Film 107")
    assert chromium.complaints() == []


def test_a_text_that_fits_nothing_is_said_so(page: Browser) -> None:
    type_text(page, "qqqqzzzz")
    assert texts(page, "#found li") == ["No movie or user fits"]
    assert texts(page, "#status") == ["No movie or user fits"]
    page.press("ArrowDown")
    page.press("Enter")
    assert page.evaluate("location.hash") == ""


def test_search_works_by_keyboard_alone(page: Browser) -> None:
    page.press("Tab")  # the heading, which leads to the start
    page.press("Tab")
    assert page.evaluate("document.activeElement.id") == "query"
    page.send("Input.insertText", text="film 13")
    found = texts(page, "#found [role=option]")
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("ArrowUp")
    active = "document.getElementById(query.getAttribute('aria-activedescendant'))"
    assert page.evaluate(f"[{active}.textContent, {active}.ariaSelected]") == [found[1], "true"]
    assert page.evaluate("query.ariaExpanded") == "true"
    page.press("Enter")
    page.wait_until("document.querySelector('#near') !== null")
    assert found[1].startswith(heading(page))
    assert page.evaluate("[query.value, query.ariaExpanded, document.activeElement.id]") == [
        "",
        "false",
        "query",
    ]
    assert texts(page, "#status") == [f"{heading(page)}: 10 nearest movies"]
    page.send("Input.insertText", text="film")
    page.press("Escape")
    assert page.evaluate("list.hidden && query.value") == "film"
    page.press("Escape")
    assert page.evaluate("query.value") == ""


def test_a_click_on_what_was_found_chooses_it(page: Browser) -> None:
    type_text(page, "user 2")
    page.click("#found [role=option]")
    page.wait_until("document.querySelector('#recommended') !== null")
    assert heading(page) == "User 2" and page.evaluate("list.hidden")
    assert page.evaluate("location.hash") == "#user=2"


def test_a_link_in_a_list_leads_on_and_the_way_back_leads_back(page: Browser, file: Path) -> None:
    page.open(file, "#user=3")
    title = texts(page, "#recommended a")[0]
    page.click("#recommended a")
    page.wait_until(f"document.querySelector('#panel h2').textContent === {title!r}")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    page.evaluate("history.back()")
    page.wait_until("document.querySelector('#panel h2').textContent === 'User 3'")


def test_ids_of_any_length_are_told_apart(chromium: Browser, tmp_path: Path) -> None:
    source = small_dataset()
    ids = source.users.user_id + 2**60
    source = replace(source, users=replace(source.users, user_id=ids))
    run = judged_run(tmp_path / "saved_models", source, run_config())
    chromium.open(write_explore(run, tmp_path / "explore.html").page, f"#user={ids[1]}")
    assert heading(chromium) == f"User {2**60 + 2}"
    expected = recommend(run, user_of(run, int(ids[1]))).movies
    assert texts(chromium, "#recommended > li a") == [movie.shown_title for movie in expected]


def test_an_address_of_nobody_is_said_so(page: Browser, file: Path) -> None:
    page.open(file, "#user=999")
    assert texts(page, ".unknown") == ["This page has no user 999."]
    follow(page, "#movie=7")
    assert texts(page, ".unknown") == ["This page has no movie 7."]
    follow(page, "#nonsense")
    assert heading(page) == "Look around"


def test_a_movie_on_the_map_is_named_under_the_mouse_and_chosen_by_a_click(page: Browser) -> None:
    page.wait_until("canvas.width > 0")
    movie = page.evaluate("by_popularity[0]")
    x, y = page.evaluate(
        f"(() => {{ const box = canvas.getBoundingClientRect(), unit = per_unit();"
        f" return [box.x + screen_x({movie}, unit), box.y + screen_y({movie}, unit)]; }})()"
    )
    page.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert page.evaluate("[hint.hidden, hint.querySelector('bdi').textContent]") == [
        False,
        page.evaluate(f"movies.titles[{movie}]"),
    ]
    for kind in ("mousePressed", "mouseReleased"):
        page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    page.wait_until("document.querySelector('#near') !== null")
    assert page.evaluate("location.hash") == f"#movie={FIRST_MOVIE_ID + movie}"
    assert page.evaluate("marks.map(mark => mark.kind)") == ["near"] * 10 + ["chosen"]
    assert texts(page, "#legend li") == ["chosen", "nearest"]


def test_the_map_zooms_where_the_wheel_turns_and_comes_back(page: Browser) -> None:
    page.wait_until("canvas.width > 0")
    x, y = page.evaluate(
        "(() => { const b = canvas.getBoundingClientRect(); return [b.x + 100, b.y + 100]; })()"
    )
    point = (
        "[view.x + (100 - canvas.clientWidth / 2) / per_unit(),"
        " view.y - (100 - canvas.clientHeight / 2) / per_unit()]"
    )
    before = page.evaluate(point)
    page.send("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-300)
    page.wait_until("view.zoom === 2")
    assert page.evaluate(point) == pytest.approx(before, abs=0.01)  # events come in whole pixels
    page.evaluate("canvas.focus()")
    page.press("+")
    assert page.evaluate("view.zoom") == pytest.approx(3.2)
    page.click("[data-zoom='0']")
    assert page.evaluate("view.zoom") == 1


def test_colours_are_of_genres_or_decades(page: Browser) -> None:
    assert set(texts(page, "#legend li")) == {"Comedy", "Drama", "War"}
    page.choose("#colours", "decade")
    assert texts(page, "#legend li") == ["1980s"]
    assert page.evaluate("groups().map(group => group.rows.length)") == [40]


def test_the_map_is_drawn_in_the_colours_of_the_scheme(chromium: Browser, file: Path) -> None:
    inked = (
        "(() => { const seen = pen.getImageData(0, 0, canvas.width, canvas.height).data;"
        " return seen.some((value, place) => place % 4 === 3 && value > 0); })()"
    )
    for scheme, is_dark in (("light", False), ("dark", True)):
        chromium.show(scheme=scheme)
        chromium.open(file, "#user=4")
        chromium.wait_until(inked)
        ground = chromium.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
        )
        assert (sum(ground[:3]) < 200) == is_dark


def test_no_part_is_wider_than_a_phone(chromium: Browser, file: Path) -> None:
    chromium.show(390, 844)
    for fragment in ("", "#user=20", f"#movie={FIRST_MOVIE_ID + 9}"):
        chromium.open(file, fragment)
        assert chromium.evaluate("innerWidth") == 390
        assert chromium.evaluate(FITS), fragment
        if "user" in fragment:
            chromium.click("#recommended .score button")
            assert chromium.evaluate(FITS)
    type_text(chromium, "film")
    assert chromium.evaluate(FITS)


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_model_without_vectors_has_lists_reasons_and_search_and_no_map(
    width: int, height: int, chromium: Browser, tmp_path: Path
) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.EASE)
    chromium.show(width, height)
    chromium.open(write_explore(run, tmp_path / "explore.html").page, "#user=9")
    assert chromium.evaluate("document.getElementById('map').checkVisibility()") is False
    assert texts(chromium, "#left-out p")[0].startswith("There is no map: EASE adds up weights")
    expected = recommend(run, user_of(run, 9))
    assert texts(chromium, "#recommended > li a") == [movie.title for movie in expected.movies]
    chromium.click("#recommended .score button")
    (why,) = explain(run, user_of(run, 9), expected.rows[:1])
    assert texts(chromium, ".why li.movie a") == [run.catalogue.title[row] for row, _ in why.of_movies[:5]]
    assert texts(chromium, ".why li.rest > span") == [f"their other {len(why.of_movies) - 5} movies"]
    values = [float(text.replace("−", "-")) for text in texts(chromium, ".why li b")]
    assert sum(values) == pytest.approx(why.advantage, abs=0.04)
    assert chromium.evaluate(FITS)
    type_text(chromium, "film 12")
    chromium.click("#found [role=option]")
    chromium.wait_until("document.querySelector('#near') !== null")
    movie = chromium.evaluate("row_of(movie_rows, location.hash.split('=')[1])")
    assert texts(chromium, "#near > li a") == [one.title for one in similar_movies(run, movie).movies]
    assert chromium.evaluate(FITS) and chromium.complaints() == [] == chromium.requests()


def test_popularity_has_no_neighbours_and_no_reasons(chromium: Browser, tmp_path: Path) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.POPULARITY)
    chromium.open(write_explore(run, tmp_path / "explore.html").page, "#user=9")
    assert texts(chromium, "#recommended > li a") == [
        one.title for one in recommend(run, user_of(run, 9)).movies
    ]
    assert texts(chromium, "#recommended button") == []
    follow(chromium, f"#movie={FIRST_MOVIE_ID}")
    assert texts(chromium, "#panel p")[-1] == "This model puts no movie near another."
    assert texts(chromium, "#near") == [] and chromium.complaints() == []
