"""What a run keeps so that using it needs neither the data set nor TensorFlow."""

import re
from dataclasses import replace

import numpy as np
import pytest

from movierec_cli.data.dataset import UNKNOWN_ROW, Movies
from movierec_cli.registry.run_parts import UserRatings
from movierec_cli.scoring.towers import Tower, TowerInput, Towers
from movierec_cli.storage import codec
from tests.small_dataset import small_dataset

DATASET = small_dataset()


# --- the catalogue ------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_optional", [True, False])
def test_a_catalogue_is_read_back_as_it_was_written(with_optional: bool) -> None:
    titles = DATASET.movies.title.copy()
    titles[:3] = ["", "Fílm\n“\ud800” </script>", "電影 (1999)"]
    movies = replace(DATASET.movies, title=titles)
    if with_optional:
        movies = replace(movies, imdb_number=np.arange(len(movies)))
    else:
        movies = replace(movies, length_minutes=None)
    found = codec.from_bytes(Movies, codec.to_bytes(movies), "catalogue.npz")
    for name, value in vars(movies).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    assert found.title.dtype == object and isinstance(found.title[0], str)


def packed_catalogue(**changes: np.ndarray | None) -> bytes:
    content = codec.unpack(codec.to_bytes(DATASET.movies)) | changes
    return codec.pack({name: array for name, array in content.items() if array is not None})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK", "not an npz file"),
        (packed_catalogue(year=None), "catalogue.npz holds"),
        (packed_catalogue(extra=np.zeros(3)), "extra"),
        (packed_catalogue(movie_id=np.zeros(40, np.int32)), "catalogue.npz: movie_id is int32, not int64"),
        (packed_catalogue(year=np.zeros(39, np.int16)), "year has shape (39,), not (40,)"),
        (packed_catalogue(genres=np.zeros((40, 2), bool)), "genre_names has shape (3,), not (2,)"),
        (packed_catalogue(title=np.frombuffer(b"[1]", np.uint8)), "something else than a list of texts"),
        (packed_catalogue(title=np.frombuffer(b"\xff", np.uint8)), "utf-8"),
    ],
)
def test_what_is_no_catalogue_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(Movies, content, "catalogue.npz")


# --- users' ratings -----------------------------------------------------------------------------------


def test_ratings_are_by_user_and_time_and_in_the_run_s_rows() -> None:
    """Users and movies that the training left out are left out, and the others have other rows."""
    ratings = DATASET.ratings
    user_rows = np.full(20, UNKNOWN_ROW, np.int32)
    user_rows[[19, 3, 7]] = [0, 1, 2]
    movie_rows = np.where(np.arange(40) % 4 == 0, UNKNOWN_ROW, 39 - np.arange(40)).astype(np.int32)
    known = UserRatings.from_ratings(ratings, user_rows, movie_rows, 3)
    for user, row in ((19, 0), (3, 1), (7, 2)):
        mine = sorted(
            (int(second), place, int(movie), float(stars))
            for place, (owner, movie, stars, second) in enumerate(
                zip(ratings.user_index, ratings.movie_index, ratings.rating, ratings.timestamp, strict=True)
            )
            if owner == user and movie % 4
        )
        found = known.of(row)
        assert known.movie[found].tolist() == [39 - movie for _, _, movie, _ in mine]
        assert known.stars[found].tolist() == [stars for *_, stars in mine]
        assert known.seconds[found].tolist() == [second for second, *_ in mine]
    assert known.popularity(40).tolist() == [int((known.movie == row).sum()) for row in range(40)]


def test_ratings_of_one_second_stay_in_the_file_s_order() -> None:
    ratings = replace(DATASET.ratings, timestamp=np.zeros(len(DATASET.ratings), np.int64))
    same = UserRatings.from_ratings(ratings, np.arange(20, dtype=np.int32), np.arange(40, dtype=np.int32), 20)
    for user in range(20):
        expected = ratings.movie_index[ratings.user_index == user]
        np.testing.assert_array_equal(same.movie[same.of(user)], expected)


@pytest.mark.parametrize(
    ("stars", "seconds", "movie"),
    [
        ([0.5, 3.5, 5.0], [0, 1, 2**32 - 1], [0, 1, 65_535]),
        ([7.3, 1e9, 0.0], [-5, 2**40, 2], [65_536, 0, 2]),
    ],
)
def test_ratings_are_read_back_as_they_were_however_narrow_the_file_is(
    stars: list[float], seconds: list[int], movie: list[int]
) -> None:
    known = UserRatings(
        np.array([0, 2, 2, 3]), np.array(movie, np.int32), np.array(stars, np.float32), np.array(seconds)
    )
    found = codec.from_bytes(UserRatings, codec.to_bytes(known), "user_ratings.npz")
    for name, value in vars(known).items():
        np.testing.assert_array_equal(getattr(found, name), value, strict=True)


def packed_ratings(**changes: np.ndarray | None) -> bytes:
    known = UserRatings(
        np.array([0, 2]), np.zeros(2, np.int32), np.ones(2, np.float32), np.zeros(2, np.int64)
    )
    content = codec.unpack(codec.to_bytes(known)) | changes
    return codec.pack({name: array for name, array in content.items() if array is not None})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK", "not an npz file"),
        (packed_ratings(stars=None), "user_ratings.npz holds"),
        (packed_ratings(stars=np.zeros((2, 1), np.float16)), "stars has shape (2, 1), not (2,)"),
        (packed_ratings(movie=np.zeros(2)), "user_ratings.npz: movie is float64, not int32"),
        (packed_ratings(stars=np.zeros(2, np.int32)), "user_ratings.npz: stars is int32, not float32"),
        (packed_ratings(stars=np.zeros(3, np.float16)), "stars has shape (3,), not (2,)"),
        (packed_ratings(starts=np.array([0, 3])), "do not begin and end where the 2 ratings do"),
        (packed_ratings(starts=np.array([0, 2, 1, 2])), "do not begin and end"),
        (packed_ratings(starts=np.zeros(0, np.int64)), "of 2 ratings"),
    ],
)
def test_what_are_no_ratings_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(UserRatings, content, "user_ratings.npz")


# --- towers -------------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


QUERY = Tower(
    (
        TowerInput("user_id", False, floats(5, 3)),
        TowerInput("timestamp", True, floats(4, 2)),
        TowerInput("user_gender", False, floats(5, 1)),
        TowerInput("day_of_week", True, floats(7, 2)),
    ),
    ((floats(8, 6), floats(6)), (floats(6, 5), floats(5)), (floats(5, 3), floats(3))),
)
MOVIE = Tower((TowerInput("movie_id", False, floats(6, 3)),), ((floats(3, 3), floats(3)),))
BOTH = Towers(QUERY, MOVIE, np.array([[0, 6], [3, 1], [1, 0], [2, 2], [0, 0]], np.int32))


def by_hand(user: int, codes: tuple[int, int]) -> np.ndarray:
    ids, times, gender, days = (one.table for one in QUERY.inputs)
    hidden = np.concatenate([ids[user], times[codes[0]], gender[user], days[codes[1]]]).astype(np.float64)
    for place, (kernel, bias) in enumerate(QUERY.dense):
        hidden = hidden @ kernel + bias
        if place < 2:
            hidden = np.where(hidden > 0, hidden, 0)
    return hidden


def test_a_tower_embeds_users_at_a_time() -> None:
    users, codes = np.array([4, 0, 4]), np.array([[3, 6], [1, 2], [0, 0]], np.int32)
    expected = [by_hand(user, tuple(code)) for user, code in zip(users, codes, strict=True)]
    np.testing.assert_allclose(QUERY.embed(users, codes), expected, rtol=1e-5, atol=1e-5)


def test_contributions_add_up_to_the_embedding() -> None:
    users, codes = np.arange(5), BOTH.codes
    contributions = QUERY.contributions(users, codes)
    assert contributions.shape == (5, 5, 3)
    assert QUERY.names == ("user_id", "timestamp", "user_gender", "day_of_week", "biases")
    np.testing.assert_allclose(contributions.sum(axis=1), QUERY.embed(users, codes), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        MOVIE.contributions(np.arange(6)).sum(axis=1), MOVIE.embed(np.arange(6)), rtol=1e-5
    )


def test_an_input_that_is_zero_adds_nothing() -> None:
    without = replace(QUERY.inputs[1], table=np.zeros((4, 2), np.float32))
    tower = replace(QUERY, inputs=(QUERY.inputs[0], without, *QUERY.inputs[2:]))
    assert not tower.contributions(np.arange(5), BOTH.codes)[:, 1].any()
    assert QUERY.contributions(np.arange(5), BOTH.codes)[:, 1].any()


def test_codes_must_be_given_where_there_are_contexts_and_nowhere_else() -> None:
    with pytest.raises(ValueError, match="0 contexts are given; the tower has 2"):
        QUERY.embed(np.arange(2))
    with pytest.raises(ValueError, match="1 contexts are given; the tower has 0"):
        MOVIE.embed(np.arange(2), np.zeros((2, 1), np.int32))


def test_towers_are_read_back_as_they_were() -> None:
    found = codec.from_bytes(Towers, codec.to_bytes(BOTH), "towers.npz")
    np.testing.assert_array_equal(found.codes, BOTH.codes, strict=True)
    for side in ("query", "movie"):
        old, new = getattr(BOTH, side), getattr(found, side)
        assert [(one.name, one.is_context) for one in new.inputs] == [
            (one.name, one.is_context) for one in old.inputs
        ]
        for left, right in zip(old.inputs, new.inputs, strict=True):
            np.testing.assert_array_equal(left.table, right.table, strict=True)
        for left, right in zip(old.dense, new.dense, strict=True):
            np.testing.assert_array_equal(left[0], right[0], strict=True)
            np.testing.assert_array_equal(left[1], right[1], strict=True)


def packed_towers(**changes: np.ndarray | None) -> bytes:
    named = {name.replace("__", "/"): array for name, array in changes.items()}
    content = codec.unpack(codec.to_bytes(BOTH)) | named
    return codec.pack({name: array for name, array in content.items() if array is not None})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK", "not an npz file"),
        (packed_towers(codes=None), "but no codes"),
        (packed_towers(codes=np.zeros((5, 1), np.int32)), "the users' codes are int32 of shape (5, 1)"),
        (packed_towers(codes=np.zeros((5, 2))), "towers.npz: codes is float64, not int32"),
        (packed_towers(query__dense__01__01=None), "but no query/dense/01/01"),
        (packed_towers(query__dense__01__00=floats(7, 5)), "a dense layer of 6 inputs"),
        (packed_towers(movie__dense__00__00=np.zeros((3, 3))), "movie/dense/00/00 is float64, not float32"),
        (
            packed_towers(movie__dense__00__00=None, movie__dense__00__01=None),
            "needs inputs and a dense layer",
        ),
        (packed_towers(movie__inputs__00__table=np.zeros((6, 3))), "movie/inputs/00/table is float64"),
        (packed_towers(movie__inputs__00__table=floats(6)), "movie_id is float32 of shape (6,)"),
        (packed_towers(movie__inputs__00__name=np.frombuffer(b"[1]", np.uint8)), "something else than"),
    ],
)
def test_what_are_no_towers_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(Towers, content, "towers.npz")
