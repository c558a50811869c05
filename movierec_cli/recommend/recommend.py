"""Recommendations for one user, from a saved run's arrays alone.

In two stages where predicted ratings or variety are to count: the movies with the highest scores are
retrieved, then ordered.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import RankBy, TaskWeights
from movierec_cli.data.dataset import Id
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.new_user_stars import has_stars, head_of, require_stars
from movierec_cli.recommend.run_choice import FOR_LIKENESS, FOR_RATINGS
from movierec_cli.recommend.users import ListedMovie, User
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run

RETRIEVED = 200  # movies that are ordered in the second stage
POOL = 300
"""How many of the highest scores a varied list is chosen from, or `POOL_TIMES` the list's length, if more."""
POOL_TIMES = 3

_Rows = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RecommendedMovie(ListedMovie):
    """A movie recommended to a user."""

    score: float  # comparable within one run and user only
    stars: float | None = None  # predicted; None of a run that predicts none, and for a new user without any


@dataclass(frozen=True)
class Recommendations:
    """What one model recommends to one user, best first."""

    run_name: str
    config: RunConfig
    user_id: Id | None  # None for a new user
    movies: tuple[RecommendedMovie, ...]
    rank_by: RankBy = RankBy.SCORE
    rows: tuple[int, ...] = ()  # of the run's movies, in the same order
    variety: float | None = None  # of the list, see `variety`; None of a model that knows no likeness

    @property
    def label(self) -> str:
        """The model for people, as its run's: "timestamp (retrieval × 1, rating × 0.3)", "SASRec"."""
        return self.config.label

    @property
    def mean_score(self) -> float:
        """Of the list; 0 where it is empty."""
        return float(np.mean([movie.score for movie in self.movies])) if self.movies else 0.0


def recommend(
    run: Run,
    user: User,
    *,
    top: int = 10,
    filters: Filters | None = None,
    diversity: float = 0.0,
    rank_by: RankBy = RankBy.SCORE,
) -> Recommendations:
    """The movies a run scores highest for a user; equal scores in the order of the catalogue.

    A movie that has several ids is listed once, by its highest score, and not where the user knows it by any.
    By ratings or a blend, the `RETRIEVED` highest scores are ordered anew, or those that a varied list is
    chosen from; equal values keep their order.

    Args:
        run: a saved run of a trained model.
        user: as this run sees them.
        top: how many movies at most; fewer where fewer are allowed.
        filters: which movies; None: all that the user does not know.
        diversity: 0 … 1, weight of variety against the order.
        rank_by: what orders the movies retrieved.

    Raises:
        MovierecError: the run predicts no ratings to order by, knows no movies that are alike, or lacks what
            a filter needs.
        SavedModelError: the run is damaged.
    """
    if rank_by is not RankBy.SCORE:
        require_stars(run, user)
    if diversity:
        FOR_LIKENESS.require(run.record)
    (scores,) = user.scorer_in(run).scores(user.embedding[None])  # [n_movies]
    allowed = run.duplicates.listed(scores, (filters or Filters()).allowed(run, user.movies))
    retrieved = best_first(scores, allowed, max(POOL_TIMES * top, POOL) if diversity else max(top, RETRIEVED))
    stars = _of_all(scores, retrieved, _stars(run, user, retrieved))  # [n_movies]
    values = _of_all(scores, retrieved, _values(rank_by, scores[retrieved], stars[retrieved]))
    if diversity:
        pool = np.sort(retrieved)
        places = np.arange(len(pool))
        rows = pool[diversified(values[pool], run.scorer.vectors(pool), places, top, diversity)]
    else:
        rows = retrieved[np.argsort(-values[retrieved], kind="stable")][:top]
    return Recommendations(
        run_name=run.record.name,
        config=run.record.config,
        user_id=user.user_id,
        movies=tuple(_recommended(run, row, scores[row], stars[row]) for row in rows.tolist()),
        rank_by=rank_by,
        rows=tuple(rows.tolist()),
        variety=variety(run.scorer.vectors(rows)) if FOR_LIKENESS.is_served_by(run.record) else None,
    )


def _of_all(scores: _Floats, rows: _Rows, values: npt.NDArray[Any]) -> _Floats:
    """Values at their movies' rows, NaN elsewhere: [n_movies]."""
    every = np.full_like(scores, np.nan, dtype=values.dtype)
    every[rows] = values
    return every


def best_first(scores: _Floats, allowed: npt.NDArray[np.bool_], at_most: int) -> _Rows:
    """The rows of the allowed movies of the highest scores; equal ones stay in the order of the catalogue.

    Both arrays are [n_movies].
    """
    rows = np.flatnonzero(allowed)
    own = scores[rows]
    if at_most < len(rows):
        lowest = np.partition(own, len(own) - at_most)[len(own) - at_most]
        rows = rows[own >= lowest]  # with all that tie for the last place, whose order is then decided
        own = scores[rows]
    order: _Rows = rows[np.argsort(-own, kind="stable")][:at_most]
    return order


def _recommended(run: Run, row: int, score: np.float32, stars: np.float32) -> RecommendedMovie:
    predicted = None if np.isnan(stars) else float(stars)
    return RecommendedMovie.at(
        run.catalogue, row, score=float(score), stars=predicted, is_new=bool(run.is_new[row])
    )


def check_rank_by(rank_by: RankBy, tasks: Sequence[TaskWeights]) -> None:
    """Checks before a training whether its models can order recommendations this way.

    Raises:
        UsageError: not all of them will predict ratings.
    """
    if rank_by is RankBy.SCORE or (tasks and all(weights.rating > 0 for weights in tasks)):
        return
    raise UsageError(
        f"--rank_by {rank_by} needs models that predict ratings: where the data have ratings,"
        f" {FOR_RATINGS.train_command}, with a --rating_weight above 0; else leave it out"
    )


def _stars(run: Run, user: User, movies: _Rows) -> _Floats:
    """Predicted for some movies; NaN where the run predicts none, or the new user gave no stars."""
    is_known = user.row is not None or has_stars(user)
    if not is_known or not FOR_RATINGS.is_served_by(run.record):
        return np.full(len(movies), np.nan, np.float32)
    head, row = head_of(run, user)
    return head.stars(np.full(len(movies), row), movies)


def _values(rank_by: RankBy, scores: _Floats, stars: _Floats) -> npt.NDArray[Any]:
    """What orders the movies retrieved."""
    if rank_by is RankBy.BLEND:
        return (_standardised(scores) + _standardised(stars)) / 2
    return stars if rank_by is RankBy.RATING else scores


def _standardised(values: _Floats) -> _Values:
    """In standard deviations from the mean; 0 where all are equal."""
    exact = values.astype(np.float64)
    if len(exact) == 0 or exact.min() == exact.max():
        return np.zeros(len(exact))
    standardised: _Values = (exact - exact.mean()) / exact.std()
    return standardised


def diversified(
    scores: npt.NDArray[Any],
    embeddings: _Floats,
    candidates: npt.NDArray[np.integer],
    top: int,
    diversity: float,
) -> _Rows:
    """The movies of a list, chosen one after the other by maximal marginal relevance.

    Each is the one with the highest (1 - diversity) × relevance - diversity × similarity. Relevance is the
    score, standardised over the pool to 0 … 1; similarity is the highest cosine of its embedding and those
    of the movies chosen before. Equal ones are in the order of scores, and then of the catalogue.
    (Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and
    Producing Summaries, SIGIR 1998.)

    Args:
        scores: of every movie, [n_movies].
        embeddings: of every movie, [n_movies, dim].
        candidates: rows of those that may be in the list, in any order; the pool is the best of them.
        top: how many at most.
        diversity: 0 is exactly the order of scores, 1 ignores scores except for the first movie.

    Returns:
        rows, at most `top`, in the order they were chosen.

    Raises:
        MovierecError: the diversity is not 0 … 1.
    """
    check_diversity(diversity)
    rows = np.sort(candidates).astype(np.int64)
    rows = rows[np.argsort(-scores[rows], kind="stable")]
    if diversity == 0 or top < 2:
        return rows[:top]
    pool = rows[: max(POOL, POOL_TIMES * top)]
    chosen = _chosen(_relevance(scores[pool]), _unit(embeddings[pool]), top, diversity)
    return pool[chosen]


def check_diversity(diversity: float) -> None:
    """Raises a `MovierecError` for what is not 0 … 1."""
    if not 0 <= diversity <= 1:  # NaN is not
        raise MovierecError(f"the diversity is {diversity:g}; it must be 0 to 1")


def variety(embeddings: _Floats) -> float:
    """How different the movies of a list are: the mean of 1 - cosine over all pairs of embeddings, [n, dim].

    It is 0 (equal directions) … 2; 0 for fewer than two movies.
    """
    n = len(embeddings)
    if n < 2:
        return 0.0
    unit = _unit(embeddings)
    cosines = unit @ unit.T  # [n, n]
    return float(1 - (cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


def _chosen(relevance: _Values, unit: _Values, top: int, diversity: float) -> _Rows:
    """Places in the pool, which is by score."""
    weighted = (1 - diversity) * relevance  # [n_pool]
    similarity = np.full(len(relevance), -np.inf)
    free = np.ones(len(relevance), bool)
    chosen: list[int] = []
    while len(chosen) < min(top, len(relevance)):
        marginal = weighted - diversity * similarity if chosen else relevance
        chosen.append(int(np.argmax(np.where(free, marginal, -np.inf))))
        free[chosen[-1]] = False
        similarity = np.maximum(similarity, unit @ unit[chosen[-1]])
    return np.array(chosen, np.int64)


def _relevance(scores: npt.NDArray[Any]) -> _Values:
    """0 … 1; all 1 where all are equal."""
    exact = scores.astype(np.float64)
    spread = exact.max(initial=-np.inf) - exact.min(initial=np.inf)
    return (exact - exact.min()) / spread if spread > 0 else np.ones(len(exact))


def _unit(embeddings: _Floats) -> _Values:
    """Of length 1; a zero embedding stays zero, and is like no other."""
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: _Values = exact / np.where(lengths > 0, lengths, 1)
    return unit
