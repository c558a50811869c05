"""Movies that a reader likes, in a page without a server: the lists are those of `recommend`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import Family, default_settings
from movierec_cli.data.dataset import Dataset
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import User, new_user
from movierec_cli.registry.store import Run
from movierec_cli.reports.web import fold_in_parts
from movierec_cli.reports.web.explore_page import write_explore
from tests.reports.browser import FITS, Browser, needs_chromium
from tests.saved_runs import baseline_run, judged_run, run_config, sequence_config
from tests.small_dataset import FIRST_MOVIE_ID, small_dataset

pytestmark = needs_chromium

LIKED, DISLIKED = [3, 17, 30], [9]
ADDRESS = "#likes=" + ",".join([*(str(FIRST_MOVIE_ID + row) for row in LIKED), f"{FIRST_MOVIE_ID + 9}:-"])


def texts(page: Browser, selector: str) -> list[str]:
    found = page.evaluate(f"[...document.querySelectorAll('{selector}')].map(one => one.textContent)")
    assert isinstance(found, list)
    return found


def somebody(run: Run) -> User:
    return new_user(run, Opinions(np.array(LIKED), np.array(DISLIKED)))


def made(family: str, folder: Path, source: Dataset) -> Run:
    if family == "two-tower":
        return judged_run(folder, source, run_config("timestamp"))
    if family == Family.HYBRID:
        settings = default_settings(Family.HYBRID)
        return judged_run(folder, source, replace(run_config(), family=Family.HYBRID, model=settings.model))
    if family == "sasrec":
        return judged_run(folder, source, sequence_config())
    return baseline_run(folder, source, Family(family))


@pytest.mark.parametrize(
    "family",
    ["two-tower", "sasrec", *(Family[name] for name in ("EASE", "IALS", "ITEM_KNN", "POPULARITY", "HYBRID"))],
)
def test_the_list_and_its_reasons_are_those_of_recommend(
    family: str, chromium: Browser, tmp_path: Path
) -> None:
    run = made(family, tmp_path, small_dataset())
    chromium.open(write_explore(run, tmp_path / "explore.html").page, ADDRESS)
    user = somebody(run)
    expected = recommend(run, user)
    assert texts(chromium, "#recommended > li a") == [movie.shown_title for movie in expected.movies]
    if family != Family.POPULARITY:
        given = chromium.evaluate(
            "for_likes(opinions_of(my_likes)).map(one => ({value: one.value, why: one.why()}))"
        )
        for one, why in zip(given, explain(run, user, expected.rows), strict=True):
            assert one["value"] == pytest.approx(why.score, rel=1e-5, abs=1e-5)
            assert one["why"]["average"] == pytest.approx(why.average, rel=1e-5, abs=1e-5)
            first = [(part["row"], part["contribution"]) for part in one["why"]["first"]]
            assert [row for row, _ in first] == [row for row, _ in why.of_movies[:5]]
            assert [part for _, part in first] == pytest.approx(
                [part for _, part in why.of_movies[:5]], rel=1e-4, abs=1e-5
            )
    assert chromium.complaints() == [] == chromium.requests()


def test_choosing_rating_and_removing_changes_the_list_at_once(chromium: Browser, tmp_path: Path) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.EASE)
    chromium.show(390, 844)
    chromium.open(write_explore(run, tmp_path / "explore.html").page)
    lists = []
    for title in ("film 12", "film 13", "film 12"):
        chromium.evaluate("document.getElementById('like').focus()")
        chromium.send("Input.insertText", text=title)
        chromium.press("Enter")
        n = len(lists) + 1
        chromium.wait_until(f"document.querySelectorAll('#mine > li').length >= {min(n, 2)}")
        lists.append(texts(chromium, "#recommended > li a"))
    assert lists[0] != lists[1] == lists[2]
    assert chromium.evaluate("document.activeElement.id") == "like" and chromium.evaluate(FITS)
    chromium.click("#mine [title='1 star']")
    chromium.wait_until("document.querySelector('#mine [aria-pressed=true]') !== null")
    assert chromium.evaluate("document.activeElement.title") == "1 star"
    assert texts(chromium, "#recommended > li a") != lists[1]
    chromium.click("#recommended .score button")
    assert texts(chromium, ".why p")[0].startswith("For you the average movie scores")
    chromium.click("#mine [title='Remove']")
    chromium.wait_until("document.querySelectorAll('#mine > li').length === 1")
    assert chromium.evaluate("location.hash").count(",") == 0
    chromium.evaluate("history.back()")
    chromium.wait_until("document.querySelectorAll('#mine > li').length === 2")
    assert chromium.complaints() == []


def test_the_list_stands_beside_the_box_which_does_not_move(chromium: Browser, tmp_path: Path) -> None:
    """On a page without a map, where both have a column of their own."""
    run = baseline_run(tmp_path, small_dataset(), Family.EASE)
    page, top = write_explore(run, tmp_path / "explore.html").page, "{}.getBoundingClientRect().top"
    like, heading = (top.format(f"document.querySelector('{one}')") for one in ("#like", ".two h3"))
    chromium.show(1440, 900)
    chromium.open(page)
    before = chromium.evaluate(like)
    chromium.open(page, ADDRESS)
    assert chromium.evaluate(like) == pytest.approx(before, abs=1.0)
    assert chromium.evaluate(heading) < before


def test_stars_count_as_recommend_counts_them(chromium: Browser, tmp_path: Path) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.EASE)
    rated = {3: 5, 17: 2, 30: 4, 9: 3}
    address = "#likes=" + ",".join(f"{FIRST_MOVIE_ID + row}:{stars}" for row, stars in rated.items())
    chromium.open(write_explore(run, tmp_path / "explore.html").page, address)
    given = chromium.evaluate("with_ratings(opinions_of(my_likes))")
    assert (given["liked"], given["disliked"], given["known"]) == ([3, 30], [17], [*rated])


def test_weights_that_are_rounded_or_left_out_are_said_to_be(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = baseline_run(tmp_path, small_dataset(), Family.EASE)
    monkeypatch.setattr(fold_in_parts, "EXACT_BYTES", 0)
    chromium.open(write_explore(run, tmp_path / "explore.html").page, ADDRESS)
    assert "rounded to 16 bits" in texts(chromium, "#panel .note")[0]
    expected = recommend(run, somebody(run)).movies
    scores = [float(text.replace("−", "-")) for text in texts(chromium, "#recommended .score b")]
    assert scores == pytest.approx([movie.score for movie in expected], abs=0.011)
    monkeypatch.setattr(fold_in_parts, "MOST_BYTES", 0)
    chromium.open(write_explore(run, tmp_path / "explore.html").page, ADDRESS)
    assert "too many for one page" in texts(chromium, "#panel p")[0]
    assert texts(chromium, "#like") == [] and chromium.complaints() == []
