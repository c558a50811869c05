from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset
from movierec_cli.errors import MovierecError
from movierec_cli.recommend.filters import Filters, genre_named
from movierec_cli.registry.store import Run
from tests.saved_runs import judged_run, run_config
from tests.small_dataset import N_MOVIES, small_dataset

NONE_SEEN = np.zeros(0, np.int64)


def dataset() -> Dataset:
    """Movie 5 has no year, movie 6 no length, movie 7 two genres."""
    source = small_dataset()
    year, length = source.movies.year.copy(), source.movies.length_minutes
    assert length is not None
    year[5], length[6] = UNKNOWN_YEAR, np.nan
    genres = source.movies.genres.copy()
    genres[7] = [True, True, False]
    names = ("Comedy", "Film-Noir", "Children's")
    movies = replace(source.movies, year=year, length_minutes=length, genres=genres, genre_names=names)
    return replace(source, movies=movies)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return judged_run(tmp_path_factory.mktemp("runs"), dataset(), run_config())


def passes(source: Dataset, row: int, filters: Filters, known: set[int]) -> bool:
    """One movie at a time, from the data set itself."""
    movies = source.movies
    assert movies.length_minutes is not None
    own = {name for name, has in zip(movies.genre_names, movies.genres[row], strict=True) if has}
    n_ratings = sum(int(movie) == row for movie in source.ratings.movie_index)
    return (
        (not filters.genres or bool(own & set(filters.genres)))
        and not own & set(filters.not_genres)
        and (filters.years is None or (filters.years[0] <= movies.year[row] <= filters.years[1]))
        and (filters.max_minutes is None or bool(movies.length_minutes[row] <= filters.max_minutes))
        and (filters.min_popularity is None or n_ratings >= filters.min_popularity)
        and (filters.max_popularity is None or n_ratings <= filters.max_popularity)
        and row not in filters.exclude
        and (filters.include_seen or row not in known)
    )


_GENRES = st.lists(st.sampled_from(["Comedy", "Film-Noir", "Children's"]), max_size=2).map(tuple)
_FILTERS = st.builds(
    Filters,
    genres=_GENRES,
    not_genres=_GENRES,
    years=st.none() | st.tuples(st.integers(1, 1984), st.integers(1984, 2000)),
    max_minutes=st.none() | st.integers(70, 130),
    min_popularity=st.none() | st.integers(0, 8),
    max_popularity=st.none() | st.integers(8, 20),
    exclude=st.lists(st.integers(0, N_MOVIES - 1), max_size=5).map(tuple),
    include_seen=st.booleans(),
)


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(filters=_FILTERS, known=st.sets(st.integers(0, N_MOVIES - 1)))
def test_a_movie_is_allowed_when_it_passes_every_filter(run: Run, filters: Filters, known: set[int]) -> None:
    source = dataset()
    expected = [passes(source, row, filters, known) for row in range(N_MOVIES)]
    rows = np.array(sorted(known), np.int64)
    assert filters.allowed(run, rows).tolist() == expected


def test_a_movie_without_a_year_is_of_no_years(run: Run) -> None:
    assert np.flatnonzero(~Filters(years=(1, 9999)).fitting(run)).tolist() == [5]


def test_movies_of_unknown_length_are_left_out_and_counted(run: Run) -> None:
    filters = Filters(max_minutes=500)
    assert np.flatnonzero(~filters.fitting(run)).tolist() == [6]
    assert filters.unknown_lengths(run, NONE_SEEN) == (
        "1 movie is left out, as the length is unknown: movierec data lengths"
    )
    assert filters.unknown_lengths(run, np.array([6])) is None
    assert Filters().unknown_lengths(run, NONE_SEEN) is None
    assert Filters(max_minutes=500, years=(2001, 2002)).unknown_lengths(run, NONE_SEEN) is None


def test_a_model_that_knows_no_lengths_says_how_to_get_them(tmp_path: Path) -> None:
    source = dataset()
    source = replace(source, movies=replace(source.movies, length_minutes=None))
    without = judged_run(tmp_path, source, run_config())
    with pytest.raises(MovierecError, match=r"train --additional_feature_sets movie_length"):
        Filters(max_minutes=90).fitting(without)
    assert Filters().fitting(without).all()


@pytest.mark.parametrize("typed", ["Film-Noir", "film-noir", "FILM NOIR", "filmnoir", " film_noir "])
def test_a_genre_may_be_spelt_in_other_ways(typed: str) -> None:
    assert genre_named(dataset().movies, typed) == "Film-Noir"


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("Comdy", "Did you mean Comedy? The genres are: Comedy, Film-Noir, Children's"),
        ("children", "Did you mean Children's?"),
        ("qqq", "there is no genre 'qqq'. The genres are: Comedy"),
        ("", "there is no genre ''. The genres are"),
        ("x" * 10_000, "there is no genre '" + "x" * 80 + "'. The"),
    ],
)
def test_an_unknown_genre_is_answered_with_those_there_are(run: Run, typed: str, message: str) -> None:
    for filters in (Filters(genres=(typed,)), Filters(not_genres=(typed,))):
        with pytest.raises(MovierecError) as refused:
            filters.fitting(run)
        assert message in str(refused.value) and len(str(refused.value)) < 300


def test_genres_of_punctuation_are_distinct() -> None:
    movies = replace(dataset().movies, genre_names=("(no genres listed)", "-", "!"))
    assert [genre_named(movies, name) for name in ("No genres listed", "-", "!")] == list(movies.genre_names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"years": (1999, 1990)}, "the years are 1999-1990; write the earlier year first: 1990-1999"),
        ({"years": (0, 1990)}, "they must be 1 to 9999"),
        ({"max_minutes": 0}, "the maximum length is 0 minutes"),
        ({"max_minutes": -90}, "the maximum length is -90 minutes"),
        ({"min_popularity": -1}, "the minimum popularity is -1"),
        ({"max_popularity": -1_000}, "the maximum popularity is -1,000"),
        ({"min_popularity": 100, "max_popularity": 99}, "is 100 and the maximum popularity is 99; swap"),
    ],
)
def test_impossible_filters_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MovierecError) as refused:
        Filters(**changes)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"include_seen": True}, ""),
        ({}, "not seen"),
        ({"genres": ("Western",), "years": (1950, 1959)}, "Western, of 1950-1959 and not seen"),
        ({"genres": ("War", "Drama"), "not_genres": ("Horror",)}, "War or Drama, not Horror and not seen"),
        ({"years": (1990, 9999), "max_minutes": 9}, "of 1990 or later, at most 9 minutes long and not seen"),
        ({"years": (1, 1960), "min_popularity": 1}, "of 1960 or earlier, rated 1 time or more and not seen"),
        ({"years": (1994, 1994), "max_popularity": 50}, "of 1994, rated 50 times or fewer and not seen"),
        ({"min_popularity": 5, "max_popularity": 1_000}, "rated 5 to 1,000 times and not seen"),
        ({"exclude": (3,), "include_seen": True}, "not excluded"),
    ],
)
def test_filters_are_described_in_words(changes: dict[str, Any], description: str) -> None:
    assert Filters(**changes).description == description


def test_a_list_that_is_shorter_than_requested_says_why() -> None:
    filters = Filters(genres=("Western",), years=(1950, 1959))
    why = "Western, of 1950-1959 and not seen"
    assert filters.shortfall(10, 10, "movie") is None
    assert filters.shortfall(3, 10, "movie") == f"3 of --top 10: only 3 movies are {why}"
    assert filters.shortfall(1, 1_000, "movie") == f"1 of --top 1,000: only 1 movie is {why}"
    assert filters.shortfall(0, 10, "movie") == f"0 of --top 10: no movie is {why}"
    no_more = "the model knows no more movies"
    assert Filters().shortfall(3, 10, "movie") == f"3 of --top 10: {no_more} that were not seen"
    assert Filters(include_seen=True).shortfall(3, 10, "movie") == f"3 of --top 10: {no_more}"
    assert filters.shortfall(0, 10, "item") == f"0 of --top 10: no item is {why}"
