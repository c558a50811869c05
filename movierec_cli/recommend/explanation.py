"""Why a movie has its score: what each movie that the user knows, and each feature, contributes to it."""

from collections.abc import Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import id_at
from movierec_cli.recommend.users import User
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.scoring.item_scorer import ItemSums, ProductsAndSums
from movierec_cli.scoring.towers import BIASES, HISTORY, Tower

AVERAGE_USER = "average_user"
"""What the user has in common with the average user, among the contributions of their features."""

USER_ID = "user_id"
ITEM_WEIGHTS = "item_weights"
"""The weights from the user's movies, among the contributions of features."""
LIKED_GENRES = "liked_genres"
"""What the genres of the movies that a new user likes add, likewise (`genre_evidence`)."""

_CHUNK = 4_096  # users or movies whose parts are in memory at a time

_Floats = npt.NDArray[np.float64]
_Embedding = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int64]
_Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Explanation:
    """One movie's score for one user, as sums of contributions.

    The average movie's score is the same for every movie and explains nothing. The difference of the movie's
    score and that one, its `advantage`, is the sum of the contributions of the user's movies and the rest;
    it is also the sum of the contributions of the movie's features, and again of those of the user's.
    """

    movie: int  # row of the run's movies
    score: float
    average: float  # the user's mean score over the catalogue
    of_movies: tuple[tuple[int, float], ...]  # rows of known movies and their contributions, highest first
    rest: float  # contributed by none of these
    of_movie_features: dict[str, float] = field(default_factory=dict)  # empty for a sequential model
    of_user_features: dict[str, float] = field(default_factory=dict)  # empty for a new user too
    is_popularity: bool = False  # whether the score is how often the movie was rated in training

    @property
    def advantage(self) -> float:
        return self.score - self.average

    def document(self, run: Run) -> dict[str, Any]:
        """For programs."""
        ids, titles = run.catalogue.movie_id, run.catalogue.title
        return {
            "score": self.score,
            "score_of_average_movie": self.average,
            "advantage": self.advantage,
            "of_movies": [
                {"movie_id": id_at(ids, row), "title": titles[row], "contribution": contribution}
                for row, contribution in self.of_movies
            ],
            "of_no_movie": self.rest,
            "of_movie_features": self.of_movie_features,
            "of_user_features": self.of_user_features,
        }


def explain(run: Run, user: User, rows: Sequence[int] | npt.NDArray[np.integer]) -> tuple[Explanation, ...]:
    """Splits the scores of movies, at these rows of the run's, into contributions: one a row, in their order.

    By movies: with u the user's embedding, D those of the movies they know and d that of the movie, each less
    the catalogue's mean embedding, u = Dᵀ a + r where a = (D Dᵀ + λ I)⁻¹ D u (kernel ridge regression), so
    that u · d = Σ aᵢ (Dᵢ · d) + r · d: the movies' contributions and the rest. Without λ the weights a of
    many movies are large and cancel each other; with λ the mean eigenvalue of DᵀD most are above 0, so that
    the highest contributions are of similar movies, and the rest stays small. Stars play no part: a movie
    that turns the user's embedding away from itself gets a weight below 0.

    By features: the parts of a tower's embedding (`Tower.parts`), less their means over the catalogue or
    over the users, each at their own time. Of the mean user ū, α ū is `AVERAGE_USER`'s, where α is the slope
    of the user's scores on those of ū over the catalogue: the scores of a user who has rated much lie closer
    together than most. What is left is the user's own, that of their id.

    Of a model of weights from movie to movie, a score is the sum of the weights from the movies of the user's
    history, or of those that they name (`ItemSums.of_new_user`): their contributions are these, each less its
    mean over the catalogue, and nothing is left. Of a hybrid, they are added to what each movie of the
    history adds to the user's embedding while the active relus stay (`Towers.history_parts`); the rest is
    what the user's features, context and biases add. Of popularity, all is rest.

    Raises:
        SavedModelError: the run is damaged.
    """
    targets = np.asarray(rows, np.int64)
    if run.artifacts.popularity is not None and not user.embedding.any():
        return _of_scores(run, user, targets, np.zeros(0, np.int64), np.zeros((0, len(targets))))
    if isinstance(user.scorer_in(run), ItemSums):
        return _of_scores(run, user, targets, *movie_parts(run, user, targets))
    if isinstance(user.scorer_in(run), ProductsAndSums):
        return _of_both(run, user, targets)
    movies = run.artifacts.movie_embeddings.astype(np.float64)
    embedding = user.embedding.astype(np.float64)
    mean = movies.mean(axis=0)
    known = np.unique(user.movies)
    centred = movies - mean  # [n_movies, dim]
    specific = centred[targets]  # [n, dim]
    contributions, rest = _of_movies(centred[known], embedding, specific)
    order = np.argsort(-contributions, axis=0, kind="stable")  # [n_known, n]
    family = run.record.config.family
    has_towers = family.is_trained and not family.is_sequential
    of_movies = _of_movie_features(run, embedding, targets) if has_towers else {}
    of_users = _of_user_features(run, user, centred, specific) if has_towers else {}
    scores, average = movies[targets] @ embedding, float(mean @ embedding)
    return tuple(
        Explanation(
            movie=int(row),
            score=float(scores[place]),
            average=average,
            of_movies=tuple((int(known[i]), float(contributions[i, place])) for i in order[:, place]),
            rest=float(rest[place]),
            of_movie_features={name: float(part[place]) for name, part in of_movies.items()},
            of_user_features={name: float(part[place]) for name, part in of_users.items()},
        )
        for place, row in enumerate(targets)
    )


def movie_parts(run: Run, user: User, targets: _Rows) -> tuple[_Rows, _Floats]:
    """What each movie of a history adds to some scores, exactly, less what it adds to the average score.

    Args:
        run: of a model that reads histories or adds up weights from them.
        user: whose history it is.
        targets: rows of movies, [n].

    Returns:
        The rows of the movies that the user knows, [n_known], and their parts [n_known, n].
    """
    scorer = user.scorer_in(run)
    if isinstance(scorer, ItemSums):
        return scorer.contributions(user.embedding, targets)
    assert isinstance(scorer, ProductsAndSums)
    counts = user.embedding[scorer.dim :]
    known, of_weights = scorer.sums.contributions(counts, targets)
    of_towers = run.towers.history_parts(counts, _inputs(run, user)).astype(np.float64)
    return known, of_weights + of_towers @ _centred(run)[targets].T


def _inputs(run: Run, user: User) -> list[_Embedding] | None:
    """What the query tower sees of a user of the data; None: it knows a new one by their history alone."""
    if user.row is None:
        return None
    codes = run.towers.codes[[user.row]] if user.codes is None else user.codes
    return run.towers.query.looked_up(np.array([user.row]), codes)


def _centred(run: Run) -> _Floats:
    """The movies' embeddings less their mean: [n_movies, dim]."""
    movies = run.artifacts.movie_embeddings.astype(np.float64)
    centred: _Floats = movies - movies.mean(axis=0)
    return centred


def _of_both(run: Run, user: User, targets: _Rows) -> tuple[Explanation, ...]:
    """Of a product and a sum of weights: each movie's part in both, and features with the weights apart."""
    scorer = user.scorer_in(run)
    assert isinstance(scorer, ProductsAndSums)
    centred, embedding = _centred(run), user.embedding[: scorer.dim].astype(np.float64)
    _, weighed = scorer.sums.contributions(user.embedding[scorer.dim :], targets)
    of_weights = {ITEM_WEIGHTS: weighed.sum(axis=0)}
    of_movies = _of_movie_features(run, embedding, targets) | of_weights
    if scorer.of_kinds is not None:
        liked = scorer.of_kinds.astype(np.float64)
        of_movies[LIKED_GENRES] = liked[targets] - liked.mean()
    of_users = _of_user_features(run, user, centred, centred[targets])
    if of_users:
        of_users[HISTORY] += of_weights[ITEM_WEIGHTS]
    return tuple(
        replace(
            one,
            of_movie_features={name: float(part[place]) for name, part in of_movies.items()},
            of_user_features={name: float(part[place]) for name, part in of_users.items()},
        )
        for place, one in enumerate(_of_scores(run, user, targets, *movie_parts(run, user, targets)))
    )


def _of_scores(run: Run, user: User, targets: _Rows, known: _Rows, parts: _Floats) -> tuple[Explanation, ...]:
    """Of scores that are sums of these parts, [n_known, n], or are popularity."""
    scores = user.scorer_in(run).scores(user.embedding[None])[0].astype(np.float64)  # [n_movies]
    average = float(scores.mean())
    order = np.argsort(-parts, axis=0, kind="stable")  # [n_known, n]
    return tuple(
        Explanation(
            movie=int(row),
            score=float(scores[row]),
            average=average,
            of_movies=tuple((int(known[i]), float(parts[i, place])) for i in order[:, place]),
            rest=float(scores[row] - average - parts[:, place].sum()),
            is_popularity=len(known) == 0,
        )
        for place, row in enumerate(targets)
    )


def _of_movies(known: _Floats, user: _Floats, specific: _Floats) -> tuple[_Floats, _Floats]:
    """What each known movie contributes to each movie, [n_known, n], and the rest, [n]."""
    gram = known.T @ known  # [dim, dim], as users know more movies than embeddings have dimensions
    ridge = np.trace(gram) / len(user)
    if ridge == 0:
        return np.zeros((len(known), len(specific))), specific @ user
    weights = known @ np.linalg.solve(gram + ridge * np.eye(len(user)), user)  # [n_known]
    contributions = weights[:, None] * (known @ specific.T)
    return contributions, specific @ (user - known.T @ weights)


def _of_movie_features(run: Run, user: _Floats, rows: _Rows) -> dict[str, _Floats]:
    tower = run.towers.movie
    parts = tower.contributions(rows).astype(np.float64) - _mean_parts(tower, len(run.catalogue), None)
    return dict(zip(tower.names, (parts @ user).T, strict=True))


def _of_user_features(run: Run, user: User, centred: _Floats, specific: _Floats) -> dict[str, _Floats]:
    if user.row is None:
        return {}
    tower, every = run.towers.query, run.towers.codes
    codes = every[[user.row]] if user.codes is None else user.codes
    own = tower.contributions(np.array([user.row]), codes)[0].astype(np.float64)  # [n_parts, dim]
    mean = _mean_parts(tower, len(every), every)
    by_name = dict(zip(tower.names, own - mean, strict=True))
    who = USER_ID if run.towers.history is None else HISTORY
    by_name[who] += by_name.pop(BIASES)  # of the relus that are open for this user
    mean_user = mean.sum(axis=0)
    of_mean = centred @ mean_user  # the slope is that of a line through the origin, 0 where these are
    square = float(of_mean @ of_mean)
    in_common = (float(centred @ own.sum(axis=0) @ of_mean) / square if square > 0 else 0.0) * mean_user
    by_name[who] += mean_user - in_common
    by_name[AVERAGE_USER] = in_common
    return {name: specific @ part for name, part in by_name.items()}


def _mean_parts(tower: Tower, n_rows: int, codes: _Codes | None) -> _Floats:
    """Over all users, each at their own time, or over all movies: [n_parts, dim]."""
    total = np.zeros((len(tower.names), tower.dense[-1][1].size))
    for start in range(0, n_rows, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n_rows))
        of_rows = tower.contributions(rows, None if codes is None else codes[rows])
        total += of_rows.sum(axis=0, dtype=np.float64)
    mean: _Floats = total / n_rows
    return mean
