"""The parts of a run: written and read back; what cannot be used is refused when it is written or read."""

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from movierec_cli.data.dataset import UNKNOWN_ROW, Movies
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ranks import Ranks
from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry.run_parts import RunArtifacts, UserRatings
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers
from movierec_cli.storage import codec, npz
from movierec_cli.storage.constraints import DATA_RATINGS, DATA_USERS
from movierec_cli.storage.packing import packed
from tests.saved_runs import rating_head, run_artifacts, run_outcome, run_parts
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SIZES = {"n_users": 3, "n_users + 1": 4, "n_movies": 4, DATA_USERS: 3, DATA_RATINGS: 1000}
PARTS = run_parts(run_artifacts())
KNOWN = UserRatings.of_columns(
    np.array([0, 2, 2, 3]),
    np.array([0, 3, 1], np.int32),
    np.array([0.5, 7.25, 5], np.float32),
    np.arange(3),
    4,
)
RATED = RatingOutcome(
    np.array([3, 5, 999]), np.array([0, 2, 2], np.int32), np.ones(3, np.float32), np.ones(3, np.float32)
)
EXAMPLES: dict[type, Any] = {
    Outcome: run_outcome(),
    RunArtifacts: run_artifacts(),
    Movies: PARTS.catalogue,
    UserRatings: KNOWN,
    Towers: PARTS.towers,
    RatingOutcome: RATED,
    RatingHead: rating_head(),
}


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        np.testing.assert_array_equal(left, right, strict=True)
    elif is_dataclass(left):
        for field in fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, tuple | list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(left, dict):
        assert_same(sorted(left), sorted(right))
        assert_same([left[key] for key in sorted(left)], [right[key] for key in sorted(left)])
    else:
        assert left == right


@pytest.mark.parametrize("part", EXAMPLES.values(), ids=lambda part: type(part).__name__)
def test_a_part_is_read_back_as_it_was_written(part: Any) -> None:
    assert_same(codec.from_bytes(type(part), codec.to_bytes(part, SIZES), "part.npz", SIZES), part)


def test_nobody_was_tested_and_nothing_rated() -> None:
    nobody = run_outcome(n_users=0)
    assert_same(codec.from_bytes(Outcome, codec.to_bytes(nobody), "outcome.npz"), nobody)
    none = RatingOutcome(**{name: array[:0] for name, array in vars(RATED).items()})
    assert_same(codec.from_bytes(RatingOutcome, codec.to_bytes(none), "ratings.npz"), none)


def test_titles_may_be_any_text_and_columns_be_missing() -> None:
    titles = DATASET.movies.title.copy()
    titles[:3] = ["", "Fílm\n“\ud800” </script>", "電影 (1999)"]
    movies = replace(DATASET.movies, title=titles, length_minutes=None, imdb_number=np.arange(len(titles)))
    assert_same(codec.from_bytes(Movies, codec.to_bytes(movies), "catalogue.npz"), movies)


@pytest.mark.parametrize(
    ("stars", "seconds", "movie"),
    [([0.5, 3.5, 5.0], [0, 1, 2**32 - 1], [0, 1, 65_535]), ([7.3, 1e7, 0.0], [-5, 2**37, 2], [65_536, 0, 2])],
)
def test_ratings_are_read_back_as_they_were_however_narrow_the_file_is(
    stars: list[float], seconds: list[int], movie: list[int]
) -> None:
    columns = np.array(movie, np.int32), np.array(stars, np.float32), np.array(seconds)
    known = UserRatings.of_columns(np.array([0, 2, 2, 3]), *columns, n_movies=4)
    found = codec.from_bytes(UserRatings, codec.to_bytes(known), "user_ratings.npz")
    for name, value in vars(known).items():
        np.testing.assert_array_equal(getattr(found, name), value, strict=True)


F4, I4, I8 = np.float32, np.int32, np.int64
REFUSED: list[tuple[type, dict[str, Any], str]] = [
    *((kind, {"extra": np.zeros(3)}, "part.npz holds ['extra']") for kind in EXAMPLES),
    (Outcome, {"users": None}, "but no users"),
    (Outcome, {"rows": np.zeros(3, I4)}, "part.npz: rows is int32, not int64"),
    (Outcome, {"rows": np.zeros(3, I8)}, "rows holds 0, which is not above the one before"),
    (Outcome, {"rows": np.arange(2)}, "user_index has shape (3,), not (2,)"),
    (Outcome, {"rows": np.array([0, 1, 1000])}, "rows holds 1000, which is not below ratings of the data"),
    (Outcome, {"user_index": np.array([0, 1, 3], I4)}, "user_index holds 3, which is not below users of"),
    (Outcome, {"movie_index": np.full(3, 4, I4)}, "movie_index holds 4, which is not below n_movies"),
    (Outcome, {"movie_index": np.full(3, -1, I4)}, "movie_index holds -1, which is not at least 0"),
    (Outcome, {"users": np.arange(4, dtype=I4)}, "n_unseen has shape (3,), not (4,)"),
    (Outcome, {"users": np.zeros(3, I4)}, "users holds 0, which is not above the one before"),
    (Outcome, {"n_unseen": np.full(3, 5, I4)}, "n_unseen holds 5, which is not at most n_movies"),
    (Outcome, {"top_movies": np.zeros((3, 20), I4)}, "top_movies is int32, not uint8"),
    (Outcome, {"top_movies": packed(np.zeros((3, 19), I4))}, "top_movies: other than 240 bytes of int32"),
    (Outcome, {"top_movies": packed(np.full((3, 20), -2, I4))}, "top_movies holds -2"),
    (Outcome, {"n_movies": np.zeros(1, I8)}, "n_movies has shape (1,), not ()"),
    (Outcome, {"n_movies": np.array(5)}, "n_movies has shape (5,), not (4,)"),
    (Outcome, {"at_their_time/unseen/tied": packed(np.ones(2, I4))}, "tied: other than 12 bytes of int32"),
    (Outcome, {"at_their_time/unseen/tied": np.zeros(9, np.uint8)}, "tied: what is packed is damaged"),
    (Outcome, {"at_their_time/unseen/tied": packed(np.zeros(3, I4))}, "unseen/tied holds 0, which is not at"),
    (Outcome, {"at_their_time/seen_better": packed(np.full(3, 4, I4))}, "seen_better holds 4"),
    (RunArtifacts, {"weights/file": np.array(np.nan)}, "weights/file holds nan, which is not a number"),
    (RunArtifacts, {"user_ids": np.array([1, 2, 1])}, "user_ids holds 1, which is not there once"),
    (RunArtifacts, {"user_ids": np.arange(2)}, "user_ids has shape (2,), not (3,)"),
    (RunArtifacts, {"user_ids": np.arange(3, dtype=I4)}, "user_ids is int32"),
    (RunArtifacts, {"user_embeddings": np.zeros((3, 2))}, "user_embeddings is float64"),
    (RunArtifacts, {"movie_embeddings": np.zeros((4, 3), F4)}, "has shape (4, 3), not (4, 2)"),
    (RunArtifacts, {"movie_embeddings": np.full((4, 2), 1e30, F4)}, "movie_embeddings holds 1.0"),
    (RunArtifacts, {"vocabularies": np.frombuffer(b"[]", np.uint8)}, "something else than a dict"),
    (RunArtifacts, {"vocabularies": np.frombuffer(b'{"a": NaN}', np.uint8)}, "NaN is no finite number"),
    (Movies, {"year": None}, "part.npz holds"),
    (Movies, {"movie_id": np.zeros(4, I4)}, "part.npz: movie_id is int32, not int64"),
    (Movies, {"movie_id": np.zeros(4, I8)}, "movie_id holds 0, which is not there once"),
    (Movies, {"year": np.zeros(3, np.int16)}, "year has shape (3,), not (4,)"),
    (Movies, {"year": np.full(4, -1, np.int16)}, "year holds -1"),
    (Movies, {"genres": np.zeros((4, 3), bool)}, "genre_names has shape (2,), not (3,)"),
    (Movies, {"length_minutes": np.full(4, -1, F4)}, "length_minutes holds -1.0"),
    (Movies, {"title": np.frombuffer(b"[1]", np.uint8)}, "something else than a list of texts"),
    (Movies, {"title": np.frombuffer(b"\xff", np.uint8)}, "utf-8"),
    (UserRatings, {"stars": np.zeros((3, 1), np.float16)}, "stars has shape (3, 1), not (3,)"),
    (UserRatings, {"stars": np.full(3, np.inf, F4)}, "stars holds inf"),
    (UserRatings, {"stars": np.zeros(3, I4)}, "stars is int32, not float32"),
    (UserRatings, {"movie": np.array([0, 4, 1], I4)}, "movie holds 4, which is not below n_movies"),
    (UserRatings, {"seconds": np.array([0, 2**62, 1])}, "seconds holds 4611686018427387904"),
    (UserRatings, {"starts": np.array([0, 2, 3])}, "starts has shape (3,), not (4,)"),
    (UserRatings, {"starts": np.array([0, 2, 2, 4])}, "do not begin and end where the 3 ratings do"),
    (UserRatings, {"starts": np.array([0, 3, 2, 3])}, "a user's ratings end before they begin"),
    (Towers, {"query/dense/00/01": None}, "but no query/dense/00/01"),
    (Towers, {"codes": np.zeros((3, 0))}, "codes is float64, not int32"),
    (Towers, {"movie/dense/00/00": np.zeros((2, 2))}, "movie/dense/00/00 is float64, not float32"),
    (Towers, {"movie/inputs/00/table": np.full((4, 2), np.nan, F4)}, "movie/inputs/00/table holds nan"),
    (Towers, {"movie/inputs/00/name": np.frombuffer(b"[1]", np.uint8)}, "something else than"),
    (RatingOutcome, {"rows": np.array([5, 3, 999])}, "rows holds 3, which is not above the one before"),
    (RatingOutcome, {"user_index": np.zeros((3, 1), I4)}, "user_index has shape (3, 1), not (3,)"),
    (RatingOutcome, {"user_index": np.full(3, 2**30, I4)}, "which is not below users of the data"),
    (RatingOutcome, {"predicted": np.full(3, np.nan, F4)}, "predicted holds nan"),
    (RatingHead, {"mean": None}, "but no mean"),
    (RatingHead, {"mean": np.array(np.inf)}, "mean holds inf"),
    (RatingHead, {"dense/01/00": None}, "but no dense/01/00"),
    (RatingHead, {"dense/07/00": np.zeros((1, 1), F4)}, "dense/07/00"),
    (RatingHead, {"scale": np.zeros(2)}, "scale has shape (2,), not ()"),
    (RatingHead, {"movie_vectors": np.zeros((5, 3), F4)}, "movie_vectors has shape (5, 3), not (4, 3)"),
    (RatingHead, {"user_bias": np.zeros(3)}, "user_bias is float64"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "words"), REFUSED)
def test_what_cannot_be_used_is_refused_by_file_and_array(
    kind: type, changes: dict[str, Any], words: str
) -> None:
    arrays = codec.arrays_of(EXAMPLES[kind]) | changes
    content = npz.pack({name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=re.escape(words)):
        codec.from_bytes(kind, content, "part.npz", SIZES)


MISFITS = {
    "catalogue.npz is of other movies": replace(PARTS, catalogue=DATASET.movies),
    "users are not those of the targets": replace(
        PARTS, outcome=replace(run_outcome(), users=np.array([0, 1, 3], I4))
    ),
    "ranked below the last one": replace(
        PARTS, outcome=replace(run_outcome(), at_one_time=Ranks(*np.full((2, 3), 3, I4)))
    ),
    "towers.npz has no {'query 7'}, which artifacts.npz names": replace(
        PARTS, artifacts=replace(run_artifacts(), in_towers={"embeddings:0": "query 7"})
    ),
    "towers.npz is of (4, 4, 2) users, movies and numbers, artifacts.npz of (3, 4, 2)": replace(
        PARTS, towers=run_parts(run_artifacts(n_users=4)).towers
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", MISFITS)
def test_parts_that_do_not_fit_together_are_not_written(words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        MISFITS[words].contents(SIZES)
    assert PARTS.contents(SIZES).keys() == {
        "outcome.npz", "test_ratings.npz", "artifacts.npz", "catalogue.npz", "user_ratings.npz",
        "towers.npz",
    }  # fmt: skip


# --- users' ratings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pace", [1, 0])
def test_ratings_are_by_user_time_and_the_file_s_order_in_the_run_s_rows(pace: int) -> None:
    """Users and movies that the training left out are left out, and the others have other rows."""
    ratings = replace(DATASET.ratings, timestamp=pace * DATASET.ratings.timestamp)
    user_rows = np.full(20, UNKNOWN_ROW, np.int32)
    user_rows[[19, 3, 7]] = [0, 1, 2]
    movie_rows = np.where(np.arange(40) % 4 == 0, UNKNOWN_ROW, 39 - np.arange(40)).astype(np.int32)
    known = UserRatings.from_ratings(ratings, user_rows, movie_rows, 3, 40)
    for row, user in enumerate((19, 3, 7)):
        places = np.flatnonzero((ratings.user_index == user) & (ratings.movie_index % 4 > 0)).tolist()
        mine = np.array(sorted(places, key=lambda place: (ratings.timestamp[place], place)))
        found = known.of(row)
        assert known.movie[found].tolist() == (39 - ratings.movie_index[mine]).tolist()
        np.testing.assert_array_equal(known.stars[found], ratings.rating[mine])
        np.testing.assert_array_equal(known.seconds[found], ratings.timestamp[mine])
    assert known.popularity.tolist() == [int((known.movie == row).sum()) for row in range(40)]
