"""What every metric must do."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from movierec_cli.contract.claims import Check, Claim, judged, require
from movierec_cli.contract.ranked_cases import no_outcome, outcome_of, random_case
from movierec_cli.evaluation.metrics import Metric
from movierec_cli.evaluation.outcome import Outcome

KS = (1, 3, 10)
_N_CASES, _N_MOVIES, _N_LEVELS = 8, 5, 3
_CLOSE = 1e-9

_Values = npt.NDArray[np.float64]


def check_metric(metric: Metric) -> list[Claim]:
    """Judges a metric on small outcomes, with and without ties."""
    return list(judged(_checks(metric)))


def _checks(metric: Metric) -> Iterator[tuple[str, Check]]:
    ks = KS if metric.uses_k else (0,)
    usual = outcome_of(*random_case(7, n_users=30, n_movies=25, n_levels=6))

    def values(outcome: Outcome, k: int) -> _Values:
        found: _Values = metric.values(outcome, k)
        kind = getattr(found, "dtype", type(found).__name__)
        require(kind == np.float64, f"its values are {kind}")
        require(found.shape == outcome.users.shape, f"of {len(outcome.users)} users it gives {found.shape}")
        return found

    def one_a_user() -> None:
        for k in ks:
            values(usual, k)

    def within() -> None:
        for k in ks:
            found = values(usual, k)
            wrong = found[~((found >= -_CLOSE) & (found <= 1 + _CLOSE))]
            require(len(wrong) == 0, f"at k = {k} it gives {wrong[:1]}")

    def nothing_of_nobody() -> None:
        for k in ks:
            values(no_outcome(), k)

    def of_each_alone() -> None:
        kept = np.arange(len(usual.users)) % 3 == 0
        for k in ks:
            whole, part = values(usual, k)[kept], values(usual.of_users(kept), k)
            require(
                np.allclose(whole, part, rtol=0, atol=_CLOSE), f"at k = {k} a user's value is another one"
            )

    def mean_of_orders() -> None:
        for seed, k in itertools.product(range(_N_CASES), ks):
            tied, orders = _tied_and_its_orders(seed)
            found, expected = float(values(tied, k)[0]), float(values(orders, k).mean())
            require(
                abs(found - expected) < 1e-6,
                f"at k = {k} it gives {found:.6f} where movies tie, and the mean over their orders is"
                f" {expected:.6f}",
            )

    def higher_is_better() -> None:
        for n_positives, k in itertools.product((1, 2, 4), ks):
            found = values(_from_best_to_worst(n_positives), k)
            require(
                (np.diff(found) <= _CLOSE).all(), f"at k = {k} it rises where a movie that was chosen falls"
            )
            require(found[0] > found[-1], f"at k = {k} the best list has {found[0]:g}, and so has the worst")

    yield "gives a number (float64) a user", one_a_user
    yield "its numbers are from 0 to 1", within
    yield "gives none where there is no user, without a warning", nothing_of_nobody
    yield "a user's number does not depend on the others", of_each_alone
    yield "where movies score the same, it is the mean over their orders", mean_of_orders
    yield "is the higher, the higher the movies that were chosen", higher_is_better


@functools.cache
def _tied_and_its_orders(seed: int) -> tuple[Outcome, Outcome]:
    """An outcome of one user with ties, and the same user once for each order of all movies."""
    scores, positives, seen = random_case(seed, 1, _N_MOVIES, _N_LEVELS)
    order = np.array(list(itertools.permutations(range(_N_MOVIES))), np.float64)  # [n_orders, n_movies]
    apart = scores * _N_MOVIES + order
    n = len(order)
    return outcome_of(scores, positives, seen), outcome_of(apart, positives * n, seen * n)


def _from_best_to_worst(n_positives: int) -> Outcome:
    """Users whose movies stand at the first places, then one of them a place further down for each."""
    n_movies = 2 * max(KS) + n_positives
    lists = [[*range(n_positives - 1), place] for place in range(n_positives - 1, n_movies)]
    lists.append(list(range(n_movies - n_positives, n_movies)))
    return outcome_of(-np.tile(np.arange(n_movies, dtype=np.float64), (len(lists), 1)), lists)
