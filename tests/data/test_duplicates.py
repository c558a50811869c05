import itertools
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.data.dataset import UNKNOWN_YEAR, Dataset, Movies
from movierec_cli.data.duplicates import Duplicates, duplicates_of, merge_duplicates
from tests.tiny_dataset import tiny_dataset


def movies(*titles: str, years: tuple[int, ...]) -> Movies:
    n = len(titles)
    return Movies(
        movie_id=np.arange(n),
        title=np.array(titles, object),
        year=np.array(years, np.int16),
        genres=np.zeros((n, 0), bool),
        genre_names=(),
    )


@pytest.mark.parametrize(
    ("titles", "years", "expected"),
    [
        (("Heat (1995)", "Alien (1979)", "Heat (1995)"), (1995, 1979, 1995), [0, 1, 0]),
        (("Heat", " HEAT ", "Straße  1", "strasse 1"), (1995, 1995, 2000, 2000), [0, 0, 2, 2]),
        (("Heat", "Heat", "Heat"), (1995, 1986, 1995), [0, 1, 0]),
        (("Heat", "Heat"), (UNKNOWN_YEAR, UNKNOWN_YEAR), [0, 1]),
        (("", " ", ""), (1995, 1995, 1995), [0, 1, 2]),
        ((), (), []),
    ],
)
def test_movies_are_the_same_by_title_and_known_year(
    titles: tuple[str, ...], years: tuple[int, ...], expected: list[int]
) -> None:
    assert duplicates_of(movies(*titles, years=years)).first.tolist() == expected


@pytest.mark.parametrize("space", [one for one in map(chr, range(0x110000)) if one.isspace()])
def test_any_space_is_a_space(space: str) -> None:
    titles = ("the heat", f"The{space}Heat", f"the heat{space}", f"{space}the heat", "other")
    for found in itertools.permutations(titles, 3):
        expected = [0, 0, 0] if "other" not in found else duplicates_one_by_one(found)
        assert duplicates_of(movies(*found, years=(1995,) * 3)).first.tolist() == expected


def duplicates_one_by_one(titles: tuple[str, ...]) -> list[int]:
    same = [" ".join(one.split()).casefold() for one in titles]
    return [same.index(one) for one in same]


@pytest.mark.parametrize("rows", ["012345", "010140", "000000", "012344"])
def test_each_movie_is_marked_and_listed_as_one_by_one(rows: str) -> None:
    first = [int(row) for row in rows]
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 3, (50, 6)).astype(np.float32)
    marked = rng.random((50, 6)) < 0.4
    duplicates = Duplicates(np.array(first))
    listed = duplicates.listed(scores, marked)
    for row in range(50):
        same = [{first[i] for i in range(6) if marked[row, i]} & {one} != set() for one in first]
        assert duplicates.spread(marked[row]).tolist() == duplicates.spread(marked)[row].tolist() == same
        order = sorted(np.flatnonzero(marked[row]).tolist(), key=lambda i: (-scores[row, i], i))
        best = {first[i]: i for i in reversed(order)}
        assert np.flatnonzero(listed[row]).tolist() == sorted(best.values())
        assert duplicates.listed(scores[row], marked[row]).tolist() == listed[row].tolist()


def with_twin(**columns: object) -> Dataset:
    """Movie 13 is movie 11 under another id, with as many ratings; movie 10 stands between."""
    source = tiny_dataset()
    title, year = source.movies.title.copy(), source.movies.year.copy()
    title[3], year[3] = title[1].upper(), year[1]
    ratings = replace(source.ratings, **columns)  # type: ignore[arg-type]
    return replace(source, movies=replace(source.movies, title=title, year=year), ratings=ratings)


def test_the_movie_with_most_ratings_stays_with_the_genres_and_ratings_of_all() -> None:
    source = with_twin(n_events=np.arange(1, 7, dtype=np.float32))
    merged = merge_duplicates(source)
    assert merged.movies.movie_id.tolist() == [10, 11, 12]
    assert merged.movies.genres.astype(int).tolist() == [[0, 1, 1], [1, 0, 1], [1, 0, 0]]
    ratings, ids = merged.ratings, merged.movies.movie_id
    # User 1 rated 11 at 300, and 13 before: at 200.
    assert ids[ratings.movie_index].tolist() == [10, 11, 10, 12, 12]
    assert ratings.timestamp.tolist() == [100, 300, 100, 200, 900]
    assert ratings.n_events is not None and ratings.n_events.tolist() == [1, 2 + 5, 3, 4, 6]
    note = "1 movie merged into another id of the same title and year; 1 repeated rating left out"
    assert merged.notes == (note,)
    assert merged.merged_duplicates and merged.fingerprint != source.fingerprint
    assert merged.fingerprint == merge_duplicates(source).fingerprint
    assert source.ratings.movie_index.max() == 3  # left as it was


def test_of_equal_times_the_later_row_stays_and_a_rated_movie_before_an_unrated_one() -> None:
    seconds = np.array([100, 200, 100, 200, 200, 900])
    assert merge_duplicates(with_twin(timestamp=seconds)).ratings.rating.tolist() == [5, 1, 4, 5, 2]
    rated = merge_duplicates(with_twin(movie_index=np.array([0, 3, 0, 2, 3, 2], np.int32)))
    assert rated.movies.movie_id.tolist() == [10, 12, 13]
    assert rated.movies.movie_id[rated.ratings.movie_index].tolist() == [10, 13, 10, 12, 12]
    assert rated.movies.genres[2].tolist() == [True, False, True]


def test_without_duplicates_nothing_changes_but_a_note_says_so() -> None:
    source = tiny_dataset()
    merged = merge_duplicates(source)
    assert merged == replace(source, notes=("no movie has several ids to merge",))
