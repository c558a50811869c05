"""What saved models answer: lists for users and new users, similar movies, movies by their titles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import MovierecError
from movierec_cli.recommend.cautions import beyond_data
from movierec_cli.recommend.response import NamedMovies, response_document, response_to, similar_movies
from movierec_cli.recommend.run_choice import FOR_HISTORIES
from movierec_cli.recommend.users import ListedMovie, User
from movierec_cli.registry.store import Run
from movierec_cli.scoring.held_sums import scores_of_each
from movierec_cli.serving.asked import MOST_LISTED, Asked, NotThere, sees_time
from movierec_cli.serving.served_models import ServedModel
from movierec_cli.text import shown_title

Answer = dict[str, Any]
Scores = npt.NDArray[np.float32]


def model_document(run: Run) -> Answer:
    """A model that serves, for programs."""
    record = run.record
    data, scale = record.data, record.data.scale
    return {
        "name": record.name,
        "label": record.config.label,
        "data": data.description,
        "noun": data.noun,
        "n_movies": data.n_movies,
        "n_users": data.n_users,
        "n_ratings": data.n_ratings,
        "rating_scale": None if scale is None else [scale.lowest, scale.highest],
        "trained": record.created_at,
        "reads_history": FOR_HISTORIES.is_served_by(record),
        "sees_time": sees_time(run),
    }


def recommendations(model: ServedModel, asked: Sequence[Asked]) -> list[Answer | MovierecError]:
    """Lists for several at once, whose scores are had in one product; each as the command's.

    What is wrong with one is its answer, and does not touch the others.
    """
    run = model.run
    known = [_or_error(partial(one.on, run, model.row_of)) for one in asked]
    users = {place: one for place, one in enumerate(known) if not isinstance(one, MovierecError)}
    answers: list[Answer | MovierecError] = list(known)
    if users:
        vectors = np.stack([user.embedding for user, _ in users.values()])
        scores = scores_of_each([user.scorer_in(run) for user, _ in users.values()], vectors)
        for own, (place, (user, named)) in zip(scores, users.items(), strict=True):
            answers[place] = _or_error(partial(_document, run, asked[place], user, named, own))
    return answers


def similar(model: ServedModel, movie_id: str, top: int) -> Answer:
    """The nearest movies to one.

    Raises:
        NotThere: the model has no such movie.
        MovierecError: it puts none near another, or `top` is out of bounds.
    """
    _check_top(top)
    row = model.row_of.get(movie_id)
    if row is None:
        noun = model.run.record.data.noun
        raise NotThere(f"this model knows no {noun} with the id {movie_id[:40]!r}")
    document = similar_movies(model.run, row, top=top).document()
    return _with_shown_titles(document, document["movies"], [document["movie"]])


def search(model: ServedModel, text: str, top: int) -> Answer:
    """The movies that a text names, the most popular first; the closest titles where none fits.

    Raises:
        MovierecError: `top` is out of bounds, or the text is too long.
    """
    _check_top(top)
    if len(text) > _LONGEST_TEXT:
        raise MovierecError(
            f"the text has {len(text):,} characters; {_LONGEST_TEXT} at most are searched for"
        )
    run, found = model.run, model.search
    rows = list(dict.fromkeys([*found.fitting(text), *found.containing(text)]))
    is_close = not rows and bool(text.strip())
    rows = found.closest(text) if is_close else sorted(rows, key=lambda row: -int(run.popularity[row]))
    movies = [_listed(run, row) for row in rows[:top]]
    return {"movies": movies, "is_close": is_close}


_LONGEST_TEXT = 200


def _check_top(top: int) -> None:
    if not 1 <= top <= MOST_LISTED:
        raise MovierecError(f"top is {top:,}; it must be 1 to {MOST_LISTED}")


def _listed(run: Run, row: int) -> Answer:
    movie = ListedMovie.at(run.catalogue, row, is_new=bool(run.is_new[row]))
    return {
        "movie_id": movie.movie_id,
        "title": movie.title,
        "shown_title": movie.shown_title,
        "genres": movie.genres,
        "n_ratings": int(run.popularity[row]),
    }


def _or_error(answer: Any) -> Any:
    try:
        return answer()
    except MovierecError as error:
        return error


def _document(run: Run, asked: Asked, user: User, named: NamedMovies | None, scores: Scores) -> Answer:
    filters = asked.filters(run)
    response = response_to(run, user, named, top=asked.top, filters=filters, why=asked.why, scores=scores)
    document = response_document(response)
    lists = (document[name] for name in ("rated", "watched", "liked", "disliked"))
    beyond = () if asked.as_of_s is None else beyond_data(run, asked.as_of_s, f"as_of {asked.as_of}")
    cautions = (*beyond, *response.cautions)
    return {**_with_shown_titles(document, document["movies"], *lists), "cautions": cautions}


def _with_shown_titles(document: Answer, *lists: list[Answer]) -> Answer:
    """Each movie also as people read it: "The Rock" beside the data's "Rock, The"."""
    for movies in lists:
        for movie in movies:
            movie["shown_title"] = _shown_title(movie["title"])
            for known in movie.get("why", {}).get("of_movies", ()):
                known["shown_title"] = _shown_title(known["title"])
    return document


_shown_title = lru_cache(1 << 16)(shown_title)  # a list with reasons has hundreds of titles, mostly the same
