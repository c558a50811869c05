"""Finding movies in IMDb's list: which rule, and when it is left open."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Movies
from movierec_cli.data.progress import unreported
from movierec_cli.data.recognise import recognise
from movierec_cli.data.running_times.matching import Match, Rule, Status, match_movies
from tests.tiny_titles import movies_of, title_line, write_list


@pytest.fixture
def match(tmp_path: Path):
    def matched(movies: Movies, *lines: str) -> tuple[Match, ...]:
        return match_movies(movies, write_list(tmp_path / "titles.tsv", lines))

    return matched


@pytest.mark.parametrize(
    ("title", "imdb_title", "imdb_year", "rule"),
    [
        ("Matrix, The (1999)", "The Matrix", 1999, Rule.TITLE),
        ("Hate (Haine, La) (1995)", "La haine", 1995, Rule.OTHER_TITLE),
        ("Canadian Bacon (1994)", "Canadian Bacon", 1995, Rule.TITLE_NEAR_YEAR),
        ("Two Women (La Ciociara) (1961)", "La ciociara", 1960, Rule.OTHER_TITLE_NEAR_YEAR),
        ("Ghostbusters (1984)", "Ghost Busters", 1984, Rule.SPELLING),
        ("Heavyweights (1994)", "Heavy Weights", 1995, Rule.SPELLING_NEAR_YEAR),
        ("Bram Stoker's Dracula (1992)", "Dracula", 1992, Rule.PART),
        ("Mafia! (1998)", "Jane Austen's Mafia!", 1998, Rule.PART),
        ("Two Moon Juction (1988)", "Two Moon Junction", 1988, Rule.ONE_WORD),
    ],
)
def test_each_rule_finds_its_film_and_says_so(match, title, imdb_title, imdb_year, rule) -> None:
    (found,) = match(movies_of(title), title_line(7, imdb_title, imdb_year, 100))
    assert (found.status, found.rule, found.minutes) == (Status.MATCHED, rule, 100)
    assert found.entries[0].tconst == "tt0000007"


@pytest.mark.parametrize(
    ("title", "imdb_title", "imdb_year"),
    [
        ("Canadian Bacon (1994)", "Canadian Bacon", 1996),
        ("Bram Stoker's Dracula (1992)", "Dracula", 1993),  # a part needs the very year
        ("Two Moon Juction (1988)", "Two Moon Junction", 1989),
        ("House Party 2 (1991)", "House Party", 1991),
        ("Boys of St. Vincent, The (1993)", "The Boys of St. Vincent: 15 Years Later", 1993),
        ("unknown", "Unknown", 1997),
    ],
)
def test_what_may_be_another_film_is_not_taken(match, title, imdb_title, imdb_year) -> None:
    (found,) = match(movies_of(title), title_line(7, imdb_title, imdb_year, 100))
    assert found == Match(Status.UNMATCHED)


def test_the_original_title_counts_too(match) -> None:
    (found,) = match(movies_of("Haine, La (1995)"), title_line(1, "Hate", 1995, 98, original="La haine"))
    assert (found.rule, found.minutes) == (Rule.TITLE, 98)


def test_a_feature_of_a_neighbour_year_comes_before_a_short_of_the_same(match) -> None:
    lines = title_line(1, "Sling", 1996, 135), title_line(2, "Sling", 1995, 25, kind="short")
    assert match(movies_of("Sling (1995)"), *lines)[0].minutes == 135
    assert match(movies_of("Sling (1995)"), lines[1])[0].minutes == 25


def test_a_short_is_not_recognised_by_a_title_in_parentheses(match) -> None:
    movies = movies_of("Blood and Sand (Sangre y Arena) (1989)")
    (short,) = match(movies, title_line(1, "Sangre y arena", 1989, 22, kind="short"))
    assert short.status is Status.UNMATCHED
    assert match(movies, title_line(1, "Sangre y arena", 1989, 113))[0].minutes == 113


@pytest.mark.parametrize(
    ("minutes", "year", "status"),
    [
        ((170, 90), 1995, Status.AMBIGUOUS),
        ((170, 170), 1995, Status.MATCHED),
        ((170, r"\N"), 1995, Status.AMBIGUOUS),
        ((r"\N", 90), 1996, Status.NO_LENGTH),  # not replaced by a looser match
        ((170, 90), 1994, Status.MATCHED),  # the very year comes first
    ],
)
def test_a_tie_of_other_or_unknown_lengths_is_left_open_and_names_its_films(
    match, minutes, year, status
) -> None:
    lines = title_line(1, "Heat", 1995, minutes[0]), title_line(2, "Heat", year, minutes[1])
    (found,) = match(movies_of("Heat (1995)"), *lines)
    assert found.status is status
    assert found.minutes == 170 if status is Status.MATCHED else np.isnan(found.minutes)
    assert {entry.number for entry in found.entries} == ({1, 2} if year == 1995 else {1})


def test_the_data_sets_own_link_wins_over_the_title_which_decides_where_the_list_lacks_it(match) -> None:
    movies = movies_of("Heat (1995)", "Ronin (1998)", "Alien (1979)", numbers=(2, 0, 99))
    lines = (
        title_line(1, "Heat", 1995, 90),
        title_line(2, "Another Name", 1950, 170, kind="tvSeries"),
        title_line(3, "Ronin", 1998, 122),
        title_line(4, "Alien", 1979, 117),
    )
    found = [(one.rule, one.minutes) for one in match(movies, *lines)]
    assert found == [(Rule.LINK, 170), (Rule.TITLE, 122), (Rule.TITLE, 117)]


def test_a_film_is_left_to_the_movie_it_fits_best(match) -> None:
    exact, near = match(movies_of("Mother (1996)", "Mother (1995)"), title_line(1, "Mother", 1996, 104))
    assert exact.minutes == 104
    assert near.status is Status.TAKEN
    assert near.entries == exact.entries


def test_two_years_that_are_both_near_are_both_left_open(match) -> None:
    found = match(movies_of("Mother (1997)", "Mother (1995)"), title_line(1, "Mother", 1996, 104))
    assert [one.status for one in found] == [Status.TAKEN] * 2


def test_two_ids_of_one_film_both_get_its_length(match) -> None:
    movies = movies_of(
        "Chasing Amy (1997)", "Chasing Amy (1997)", "Maybe, Maybe Not (Bewegte Mann, Der) (1994)"
    )
    movies = replace(movies, movie_id=np.array([246, 268, 3]))
    lines = title_line(1, "Chasing Amy", 1997, 113), title_line(2, "Der bewegte Mann", 1994, 93)
    assert [one.minutes for one in match(movies, *lines)] == [113, 113, 93]


def matches_of(shared_data: Path, archive_name: str) -> tuple[Movies, tuple[Match, ...]]:
    movies = recognise(shared_data / archive_name).parse(unreported).movies
    return movies, match_movies(movies, shared_data / "title.basics.tsv.gz")


def share_matched(matches: tuple[Match, ...]) -> float:
    return sum(match.status is Status.MATCHED for match in matches) / len(matches)


def test_coverage_of_the_real_data_sets_and_two_hundred_matches_checked_by_hand(shared_data: Path) -> None:
    """`checked_matches.csv`: 200 of the matches, drawn at random (seed 2026) and looked at one by one."""
    movies, matches = matches_of(shared_data, "ml-1m.zip")
    assert share_matched(matches) >= 0.915
    assert share_matched(matches_of(shared_data, "ml-100k.zip")[1]) >= 0.91
    row_of = {int(movie_id): row for row, movie_id in enumerate(movies.movie_id)}
    with Path(__file__).with_name("checked_matches.csv").open(encoding="utf-8", newline="") as stream:
        checked = list(csv.DictReader(stream))
    assert len(checked) == 200
    for movie in checked:
        row = row_of[int(movie["movie_id"])]
        assert movies.title[row] == movie["title"]
        assert matches[row].minutes == float(movie["minutes"]), movie["title"]
        assert matches[row].entries[0].year == int(movie["imdb_year"])
