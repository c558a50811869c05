"""Outcomes of score tables small enough to judge by other means."""

from collections.abc import Sequence

import numpy as np

from movierec_cli.contract.ranked_cases import no_outcome as no_outcome
from movierec_cli.contract.ranked_cases import outcome_of as outcome_of
from movierec_cli.contract.ranked_cases import ragged as ragged
from movierec_cli.contract.ranked_cases import random_case as random_case
from movierec_cli.evaluation.significance import Interval, mean_intervals


def mean_interval(values: np.ndarray, **options: int) -> Interval:
    """Of one mean; `values` is [n_seeds, n_users]."""
    return mean_intervals({"": values}, **options)[""]


def unseen_list(scores: np.ndarray, positives: Sequence[int], seen: Sequence[int]) -> tuple[np.ndarray, ...]:
    """One user's scores of unseen movies, and which of those are positive."""
    kept = np.setdiff1d(np.arange(len(scores)), seen)
    return scores[kept], np.isin(kept, positives)
