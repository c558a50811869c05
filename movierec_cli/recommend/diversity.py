"""Lists of movies with high scores that differ from each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import MovierecError

POOL = 300
"""How many of the highest scores a varied list is chosen from, or `POOL_TIMES` the list's length, if more."""
POOL_TIMES = 3

_Floats = npt.NDArray[np.floating]
_Rows = npt.NDArray[np.int64]


def diversified(
    scores: npt.NDArray[np.float32],
    embeddings: npt.NDArray[np.float32],
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


def variety(embeddings: npt.NDArray[np.float32]) -> float:
    """How different the movies of a list are: the mean of 1 - cosine over all pairs.

    Args:
        embeddings: of the movies in the list, [n, dim].

    Returns:
        0 (equal directions) … 2; 0 for fewer than two movies.
    """
    n = len(embeddings)
    if n < 2:
        return 0.0
    unit = _unit(embeddings)
    cosines = unit @ unit.T  # [n, n]
    return float(1 - (cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


def _chosen(relevance: _Floats, unit: _Floats, top: int, diversity: float) -> _Rows:
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


def _relevance(scores: npt.NDArray[np.float32]) -> _Floats:
    """0 … 1; all 1 where all are equal."""
    exact = scores.astype(np.float64)
    spread = exact.max(initial=-np.inf) - exact.min(initial=np.inf)
    return (exact - exact.min()) / spread if spread > 0 else np.ones(len(exact))


def _unit(embeddings: npt.NDArray[np.float32]) -> _Floats:
    """Of length 1; a zero embedding stays zero, and is like no other."""
    exact = embeddings.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: _Floats = exact / np.where(lengths > 0, lengths, 1)
    return unit
