"""What is recommended, whether it is liked or not: how much of the catalogue, how evenly, how popular."""

from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.errors import UsageError
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.records import dataclass


@dataclass(frozen=True, kw_only=True)
class BeyondAccuracy:
    """Properties of all users' lists of the k best; the last three are NaN where nothing is recommended."""

    coverage: float  # fraction of the catalogue that is in some list
    gini: float  # of how often each movie is recommended: 0 all alike … 1 one movie only
    novelty: float  # mean self-information of what is recommended, bits
    popularity: float  # mean training ratings of what is recommended


def beyond_accuracy(
    outcome: Outcome, k: int, training_counts: npt.NDArray[np.integer[Any]], n_training_users: int
) -> BeyondAccuracy:
    """Measures the lists of the k best.

    Novelty is the mean over recommendations of −log2(training_counts / n_training_users), in bits: Zhou et
    al. 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems". A movie that nobody
    rated counts as rated by one user, so that novelty stays finite.

    Args:
        outcome: of one model.
        k: up to the length of the lists.
        training_counts: training ratings of each movie, [n_movies].
        n_training_users: users with a training rating.

    Raises:
        UsageError: k is beyond the lists' length.
    """
    length = outcome.top_movies.shape[1]
    if not 0 < k <= length:
        raise UsageError(f"k is {k}; lists are kept {length} long, so it must be 1 to {length}")
    shown = outcome.top_movies[:, :k]
    times = np.bincount(shown[shown != NO_MOVIE], minlength=outcome.n_movies)  # [n_movies]
    self_information = np.log2(n_training_users / np.maximum(training_counts, 1))  # [n_movies], bits
    return BeyondAccuracy(
        coverage=np.count_nonzero(times) / outcome.n_movies,
        gini=gini(times),
        novelty=_mean(self_information, times),
        popularity=_mean(training_counts, times),
    )


def gini(times: npt.NDArray[np.integer[Any]]) -> float:
    """The Gini index of counts [n]: Σ (2i − n − 1)·x_i / ((n − 1)·Σ x), x ascending, i from 1.

    0 where all are equal, 1 where one has all (the divisor n − 1 is what makes that 1 at any n); NaN
    without a count or with one entry only. Castells, Hurley & Vargas 2015, "Novelty and diversity in
    recommender systems".
    """
    n, total = len(times), int(times.sum())
    if n < 2 or total == 0:
        return float("nan")
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * np.sort(times)).sum() / ((n - 1) * total))


def _mean(values: npt.NDArray[Any], times: npt.NDArray[np.int64]) -> float:
    total = int(times.sum())
    return float(values @ times) / total if total else float("nan")
