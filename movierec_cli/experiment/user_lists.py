"""The lists that a study shows: what some users rated, and what each model recommends to them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from movierec_cli.config import RankBy
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split_data import SplitData
from movierec_cli.experiment.study import UserLists
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import rated_by, user_of
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run

TYPICAL_USERS = (0.1, 0.5, 0.9)
"""Quantiles of the number of training ratings that `typical_users` have."""


@dataclass(frozen=True)
class ListRequest:
    """Whose lists to show, and how they are made."""

    user_ids: tuple[int, ...] = ()
    include_seen: bool = False  # whether movies that the user rated may be recommended
    rank_by: RankBy = RankBy.SCORE

    def check(self, source: Dataset) -> None:
        """Raises a `MovierecError` where a user is not in the data set."""
        for user_id in self.user_ids:
            rated_by(source, user_id)


def lists_of(source: Dataset, runs: Iterable[Run], request: ListRequest) -> list[UserLists]:
    """The lists of each user; of a model that was trained with several seeds, the first run's.

    Raises:
        MovierecError: a user is unknown, or a run cannot rank in the requested way.
    """
    firsts: dict[RunConfig, Run] = {}
    for run in runs:
        if run.record.config.training is not None:
            firsts.setdefault(run.record.config.without_seed, run)
    filters = Filters(include_seen=request.include_seen)
    return [
        UserLists(
            user_id=user_id,
            rated=rated_by(source, user_id),
            recommended=tuple(
                recommend(run, user_of(run, user_id), filters=filters, rank_by=request.rank_by)
                for run in firsts.values()
            ),
        )
        for user_id in request.user_ids
    ]


def typical_users(data: SplitData) -> tuple[int, ...]:
    """Ids of test users with few, an average number of, and many training ratings."""
    ratings, users = data.dataset.ratings, data.dataset.users
    counts = np.bincount(ratings.user_index[data.split.fit], minlength=len(users))
    tested = np.unique(ratings.user_index[data.split.test])
    warm = tested[counts[tested] > 0]
    ordered = warm[np.argsort(counts[warm], kind="stable")]
    chosen = [ordered[int(share * (len(ordered) - 1))] for share in TYPICAL_USERS] if len(ordered) else []
    return tuple(dict.fromkeys(int(users.user_id[user]) for user in chosen))
