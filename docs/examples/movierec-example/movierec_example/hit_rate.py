"""A metric: whether a list has at least one movie that the user then watched."""

import numpy as np
import numpy.typing as npt

from movierec_cli.plugins import Metric, Outcome


def hit_rate(outcome: Outcome, k: int) -> npt.NDArray[np.float64]:
    """The probability that one or more of a user's test movies are among the k best: [n_users].

    Of a tie of t movies with r of them, of which s are among the k best, none is found with probability
    C(t − r, s) / C(t, s), a product of r factors. Deshpande & Karypis 2004, "Item-based top-N recommendation
    algorithms", with one test movie a user.
    """
    order = np.lexsort((outcome.in_one_list.better, outcome.user_place))
    user = outcome.user_place[order]  # [n_targets], by user and then best first
    better, tied = outcome.in_one_list.better[order], outcome.in_one_list.tied[order]
    place = np.arange(len(order))
    begins = np.ones(len(order), np.bool_)  # whether a target is the first of its tie
    begins[1:] = (user[1:] != user[:-1]) | (better[1:] != better[:-1])
    nth = place - np.maximum.accumulate(np.where(begins, place, 0))  # of its tie, from 0
    found = np.clip(k - better.astype(np.int64), 0, tied)  # of the tie's movies, among the k best
    missed = np.maximum(tied - found - nth, 0) / (tied - nth)
    of_users = np.ones(len(outcome.users))
    np.multiply.at(of_users, user, missed)
    return 1 - of_users


HIT_RATE = Metric(hit_rate)
