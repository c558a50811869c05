"""How many stars a user would give, from a run's saved arrays alone."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from movierec_cli.data.reader.text_rows import csv_text_rows
from movierec_cli.errors import MovierecError
from movierec_cli.files.reading import read_content
from movierec_cli.recommend.movie_search import MovieSearch
from movierec_cli.recommend.run_choice import FOR_RATINGS
from movierec_cli.recommend.users import user_rows
from movierec_cli.registry.store import Run

PREDICTION_COLUMNS = ("user", "movie_id", "title", "stars", "given")
_PAIR_COLUMNS = ("user", "movie")


@dataclass(frozen=True)
class PredictedRating:
    """What one user would give one movie."""

    user_id: int
    movie_id: int
    title: str
    stars: float  # predicted
    given: float | None  # the user's own rating, which the model may have learned from


def read_pairs(file: Path, run: Run) -> tuple[tuple[int, int], ...]:
    """Reads ids of users and rows of the run's movies, in the file's order.

    The file is CSV in UTF-8 whose header has the columns user and movie; others are left out. A movie is an
    id or a title, see `MovieSearch.id_or_title`.

    Raises:
        DataError: the file cannot be read, has no rows, or, with the line, a user or a movie is unknown.
    """
    search = MovieSearch(run.catalogue, run.record.data.noun)
    known: Container[int] = set[int](run.artifacts.user_ids.tolist())
    movies: dict[str, int] = {}  # by text, as files name the same movies again and again
    pairs = []
    for row in csv_text_rows(read_content(file), str(file), _PAIR_COLUMNS):
        user_id, text = row.whole_number(0, "user"), row.fields[1].strip()
        try:
            if user_id not in known:
                user_rows(run, [user_id])
            if text not in movies:
                movies[text] = search.id_or_title(text)
        except MovierecError as error:
            raise row.error(str(error)) from error
        pairs.append((user_id, movies[text]))
    return tuple(pairs)


def predict(run: Run, pairs: Sequence[tuple[int, int]]) -> tuple[PredictedRating, ...]:
    """Predicts a rating for each pair of a user's id and a row of the run's movies, in their order.

    Users are as they stood at their last training rating.

    Raises:
        MovierecError: the run predicts no ratings, or has no such user.
        SavedModelError: the run is damaged.
    """
    FOR_RATINGS.require(run.record)
    users = user_rows(run, [user_id for user_id, _ in pairs])
    movies = np.array([movie for _, movie in pairs], np.int64)  # [n_pairs]
    stars = run.rating_head.stars(users, movies)
    catalogue = run.catalogue
    given = {user: run.user_ratings.stars_by_movie(user) for user in set(users.tolist())}
    return tuple(
        PredictedRating(
            user_id=user_id,
            movie_id=int(catalogue.movie_id[movie]),
            title=catalogue.title[movie],
            stars=float(predicted),
            given=given[user].get(movie),
        )
        for (user_id, movie), user, predicted in zip(pairs, users.tolist(), stars, strict=True)
    )


def prediction_rows(predictions: Sequence[PredictedRating]) -> Iterable[tuple[object, ...]]:
    """Predicted ratings as rows of `PREDICTION_COLUMNS`."""
    for one in predictions:
        given = "" if one.given is None else f"{one.given:g}"
        yield one.user_id, one.movie_id, one.title, f"{one.stars:.4f}", given
