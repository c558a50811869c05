"""Why a movie has its score: the person's own films that speak for it, and what each feature adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.recommend.users import User
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import BIASES, Tower

ANYBODY = "anybody"
"""What the person has in common with the average user, among the parts of their features."""

USER_ID = "user_id"

_CHUNK = 4_096  # users or movies whose parts are in memory at a time

_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Explanation:
    """One movie's score for one person, taken apart.

    The score of the average movie is the same for every movie and explains nothing. What the movie's own
    score has above it, its `advantage`, is the sum of the films' shares and the rest; it is also the sum of
    the parts of the movie's features, and again of those of the person's. A share below 0 speaks against.
    """

    movie: int  # row of the run's movies
    score: float
    average: float  # the person's mean score over the catalogue
    of_films: tuple[tuple[int, float], ...]  # row and share of every film the person knows, the highest first
    rest: float  # what no film of theirs accounts for
    of_movie_features: dict[str, float] = field(default_factory=dict)  # empty for a model of sequences
    of_user_features: dict[str, float] = field(default_factory=dict)  # empty too for somebody in no data

    @property
    def advantage(self) -> float:
        return self.score - self.average


def explain(run: Run, person: User, rows: Sequence[int] | npt.NDArray[np.integer]) -> tuple[Explanation, ...]:
    """Takes scores apart.

    By films: with u the person's embedding, D those of their films and d that of the movie, each less the
    catalogue's mean embedding, u = Dᵀ a + r where a = (D Dᵀ + λ I)⁻¹ D u (kernel ridge regression), so that
    u · d = Σ aᵢ (Dᵢ · d) + r · d: the films' shares and the rest. Without λ the weights a of many films are
    large and cancel each other; with λ the mean eigenvalue of DᵀD most of them are above 0, so that the films
    that speak for a movie are those that are like it, and the rest stays small. Stars play no part: a film
    that takes the person's embedding away from itself gets a weight below 0.

    By features: the parts of a tower's embedding (`Tower.parts`), less their means over the catalogue or
    over the users, each at their own moment. Of the mean user ū, α ū is `ANYBODY`'s, where α is the slope of
    the person's scores on those of ū over the catalogue: the scores of somebody who has rated much lie
    closer together than most. What is left is the person's own, that of their id.

    Args:
        run: of a trained model.
        person: as this run sees them.
        rows: of the movies to explain.

    Returns:
        one for each row, in their order.

    Raises:
        SavedModelError: the run is damaged.
    """
    movies, asked = run.artifacts.movie_embeddings.astype(np.float64), np.asarray(rows, np.int64)
    user = person.embedding.astype(np.float64)
    mean = movies.mean(axis=0)
    known = np.unique(person.movies)
    centred = movies - mean  # [n_movies, dim]
    specific = centred[asked]  # [n, dim]
    shares, rest = _shares_of_films(centred[known], user, specific)
    has_towers = not run.record.config.family.is_sequential
    of_movies = _of_movie_features(run, user, asked) if has_towers else {}
    of_users = _of_user_features(run, person, centred, specific) if has_towers else {}
    scores, average = movies[asked] @ user, float(mean @ user)
    return tuple(
        Explanation(
            movie=int(row),
            score=float(scores[place]),
            average=average,
            of_films=_sorted(known, shares[:, place]),
            rest=float(rest[place]),
            of_movie_features={name: float(part[place]) for name, part in of_movies.items()},
            of_user_features={name: float(part[place]) for name, part in of_users.items()},
        )
        for place, row in enumerate(asked)
    )


def explanation_document(run: Run, why: Explanation) -> dict[str, Any]:
    """All that is known of one movie's score, for programs; the parts add up to its advantage."""
    ids, titles = run.catalogue.movie_id, run.catalogue.title
    return {
        "score": why.score,
        "score_of_average_movie": why.average,
        "advantage": why.advantage,
        "of_films": [
            {"movie_id": int(ids[row]), "title": titles[row], "share": share} for row, share in why.of_films
        ],
        "of_no_film": why.rest,
        "of_movie_features": why.of_movie_features,
        "of_user_features": why.of_user_features,
    }


def _shares_of_films(films: _Floats, user: _Floats, specific: _Floats) -> tuple[_Floats, _Floats]:
    """What each film adds to each movie, [n_films, n], and what none adds, [n]."""
    gram = films.T @ films  # [dim, dim], as people know more films than embeddings have dimensions
    ridge = np.trace(gram) / len(user)
    if ridge == 0:
        return np.zeros((len(films), len(specific))), specific @ user
    weights = films @ np.linalg.solve(gram + ridge * np.eye(len(user)), user)  # [n_films]
    shares = weights[:, None] * (films @ specific.T)
    return shares, specific @ (user - films.T @ weights)


def _sorted(films: _Rows, shares: _Floats) -> tuple[tuple[int, float], ...]:
    order = np.argsort(-shares, kind="stable")
    return tuple(zip(films[order].tolist(), shares[order].tolist(), strict=True))


def _of_movie_features(run: Run, user: _Floats, rows: _Rows) -> dict[str, _Floats]:
    tower = run.towers.movie
    parts = tower.parts(rows).astype(np.float64) - _mean_parts(tower, len(run.catalogue), None)
    return dict(zip(tower.names, (parts @ user).T, strict=True))


def _of_user_features(run: Run, person: User, centred: _Floats, specific: _Floats) -> dict[str, _Floats]:
    if person.row is None:
        return {}
    tower, every = run.towers.query, run.towers.codes
    codes = every[[person.row]] if person.codes is None else person.codes
    own = tower.parts(np.array([person.row]), codes)[0].astype(np.float64)  # [n_parts, dim]
    mean = _mean_parts(tower, len(every), every)
    by_name = dict(zip(tower.names, own - mean, strict=True))
    by_name[USER_ID] += by_name.pop(BIASES)  # of the relus that are open for this person
    mean_user = mean.sum(axis=0)
    in_common = _slope(centred @ own.sum(axis=0), centred @ mean_user) * mean_user
    by_name[USER_ID] += mean_user - in_common
    by_name[ANYBODY] = in_common
    return {name: specific @ part for name, part in by_name.items()}


def _slope(values: _Floats, on: _Floats) -> float:
    """Of the line through the origin; 0 where there is nothing to go by."""
    square = float(on @ on)
    return float(values @ on) / square if square > 0 else 0.0


def _mean_parts(tower: Tower, n_rows: int, codes: _Codes | None) -> _Floats:
    """Over all users, each at their own moment, or over all movies: [n_parts, dim]."""
    total = np.zeros((len(tower.names), tower.dense[-1][1].size))
    for start in range(0, n_rows, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n_rows))
        total += tower.parts(rows, None if codes is None else codes[rows]).sum(axis=0, dtype=np.float64)
    mean: _Floats = total / n_rows
    return mean
