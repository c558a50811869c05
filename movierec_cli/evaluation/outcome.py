"""What a model did with the test set: every metric at any k is computed from this, without the model.

Two kinds of query are kept apart, because a model may see the time of a query:

- **each test rating at its own time** (`at_their_time`): what top-k accuracy, hit rate and recall count.
  Any two models have the same queries, whatever they make of the time.
- **each user once** (`in_one_list`), at the time of their first test rating: one list of unseen movies
  with all of the user's test movies to be found in it. NDCG, MAP, MRR, AUC and the diversity of what is
  recommended are properties of such a list.

For a model that sees no time the two are the same. Where targets are successive (`config.TargetKind`), each
has a list of its own, asked for after what its user rated before it; see `Outcome.lists`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import DATA_RATINGS, DATA_USERS, Ascending, AtLeast, AtMost, Below
from movierec_cli.storage.packing import Packed

LIST_LENGTH = 20
"""Of the lists that are kept, twice as long as those that are looked at."""


@dataclass(frozen=True)
class TieGroups:
    """Each user's positives that score the same in their list, by user and then best first."""

    user: npt.NDArray[np.int64]  # [n_groups], places in `Outcome.users`
    better: npt.NDArray[np.int64]  # [n_groups], movies above the tie
    tied: npt.NDArray[np.int64]  # [n_groups], movies in the tie
    relevant: npt.NDArray[np.int64]  # [n_groups], positives in the tie
    relevant_better: npt.NDArray[np.int64]  # [n_groups], positives above the tie
    best: npt.NDArray[np.int64]  # [n_users], the place of each user's first group


@dataclass(frozen=True)
class Outcome:
    """One entry a test rating ("target") and one a user who has any.

    A user is cold who has no rating in the training set. Movies are rows of the catalogue.
    """

    rows: Annotated[
        npt.NDArray[np.int64], "n_targets", AtLeast(0), Below(DATA_RATINGS), Ascending(strictly=True)
    ]
    """Rows of Ratings."""
    user_index: Annotated[npt.NDArray[np.int32], "n_targets", AtLeast(0), Below(DATA_USERS)]
    movie_index: Annotated[npt.NDArray[np.int32], "n_targets", AtLeast(0), Below("n_movies")]
    at_their_time: Annotated[RanksByMode, "n_targets"]
    at_one_time: Annotated[Ranks, "n_targets"] | None
    """Among unseen movies when their user is asked once; None: each user has one time anyway."""
    users: Annotated[npt.NDArray[np.int32], "n_tested", AtLeast(0), Ascending(strictly=True)]
    """Those with a target."""
    n_unseen: Annotated[npt.NDArray[np.int32], "n_tested", AtLeast(1), AtMost("n_movies")]
    """Movies in the list: all that the user has not in training."""
    top_movies: Annotated[
        npt.NDArray[np.int32], "n_tested", LIST_LENGTH, Packed, AtLeast(NO_MOVIE), Below("n_movies")
    ]
    """Best first; NO_MOVIE where fewer are unseen."""
    n_movies: Annotated[int, "n_movies", AtLeast(1)]  # of the catalogue
    n_unseen_then: Annotated[npt.NDArray[np.int32], "n_targets", AtLeast(1), AtMost("n_movies")] | None = None
    """Of successive targets: movies in the target's own list, all that its user had not rated by then."""

    @property
    def is_successive(self) -> bool:
        """Whether each target has a list of its own."""
        return self.n_unseen_then is not None

    @property
    def lists(self) -> Outcome:
        """Of successive targets: as if each were of another user. The best movies are not kept of each."""
        assert self.n_unseen_then is not None
        each = np.arange(len(self.rows), dtype=np.int32)
        nothing = np.broadcast_to(np.int32(NO_MOVIE), (len(each), LIST_LENGTH))
        return replace(
            self,
            user_index=each,
            users=each,
            n_unseen=self.n_unseen_then,
            top_movies=nothing,
            n_unseen_then=None,
        )

    @property
    def in_one_list(self) -> Ranks:
        """Among the unseen movies of the user's list, their other targets included."""
        return self.at_their_time.unseen if self.at_one_time is None else self.at_one_time

    @cached_property
    def user_place(self) -> npt.NDArray[np.int64]:
        """Each target's place in `users`: [n_targets]."""
        return np.searchsorted(self.users, self.user_index)

    @cached_property
    def ties(self) -> TieGroups:
        """Which positives share their places in a list."""
        ranks, base = self.in_one_list, self.n_movies + 1
        key = self.user_place * base + ranks.better  # one user's positives tie where as many are better
        keys, first, relevant = np.unique(key, return_index=True, return_counts=True)
        user, better = np.divmod(keys, base)
        above = np.cumsum(relevant) - relevant
        best = np.flatnonzero(np.diff(user, prepend=-1))
        return TieGroups(
            user=user,
            better=better,
            tied=ranks.tied[first].astype(np.int64),
            relevant=relevant,
            relevant_better=above - np.repeat(above[best], np.diff(best, append=len(user))),
            best=best,
        )

    @property
    def is_cold(self) -> npt.NDArray[np.bool_]:
        """Whether each user has no training rating: [n_users]."""
        cold: npt.NDArray[np.bool_] = self.n_unseen == self.n_movies
        return cold

    @property
    def is_cold_target(self) -> npt.NDArray[np.bool_]:
        """Whether nothing is known of its user when each target is asked for: [n_targets]."""
        if self.n_unseen_then is None:
            return self.is_cold[self.user_place]
        cold: npt.NDArray[np.bool_] = self.n_unseen_then == self.n_movies
        return cold

    @cached_property
    def warm(self) -> Outcome:
        """Without cold targets: what the headline figures are about."""
        is_cold = self.is_cold_target
        return self.of_targets(~is_cold) if is_cold.any() else self

    def in_list_order(self) -> tuple[Outcome, npt.NDArray[np.int64]]:
        """With each user's targets best first, and where they were: [n_targets].

        Metrics are the same, and those that look for ties find them sorted: of several parts of an outcome
        this saves sorting each.
        """
        order = np.lexsort((self.in_one_list.better, self.user_index))
        return self._part(order, slice(None)), order

    def of_users(self, kept: npt.NDArray[np.bool_]) -> Outcome:
        """The outcome of some of the users; `kept` is [n_users]."""
        return self._part(kept[self.user_place], kept)

    def of_targets(self, kept: npt.NDArray[np.bool_]) -> Outcome:
        """The outcome for some of the targets, and the users who have one; `kept` is [n_targets]."""
        return self._part(kept, np.bincount(self.user_place[kept], minlength=len(self.users)) > 0)

    def _part(self, targets: npt.NDArray[Any], users: npt.NDArray[np.bool_] | slice) -> Outcome:
        part = replace(
            self,
            rows=self.rows[targets],
            user_index=self.user_index[targets],
            movie_index=self.movie_index[targets],
            at_their_time=self.at_their_time.take(targets),
            at_one_time=None if self.at_one_time is None else self.at_one_time.take(targets),
            n_unseen_then=None if self.n_unseen_then is None else self.n_unseen_then[targets],
            users=self.users[users],
            n_unseen=self.n_unseen[users],
            top_movies=self.top_movies[users],
        )
        new_place = np.zeros(len(self.users), np.int64)
        new_place[users] = np.arange(len(part.users))
        part.__dict__["user_place"] = new_place[self.user_place[targets]]  # which is not looked for again
        return part
