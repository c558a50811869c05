"""What a model did with the test set: every metric at any k is computed from this, without the model.

Two kinds of query are kept apart, because a model may see the time of a query:

- **each test rating at its own time** (`at_their_time`): what top-k accuracy, hit rate and recall count.
  Any two models have the same queries, whatever they make of the time.
- **each user once** (`in_one_list`), at the time of their first test rating: one list of unseen movies
  with all of the user's test movies to be found in it. NDCG, MAP, MRR, AUC and the diversity of what is
  recommended are properties of such a list.

For a model that sees no time the two are the same.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Annotated

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.records import dataclass
from movierec_cli.storage.constraints import DATA_RATINGS, DATA_USERS, Ascending, AtLeast, AtMost, Below
from movierec_cli.storage.packing import Packed

LIST_LENGTH = 100


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
    in_one_list: Annotated[Ranks, "n_targets"]  # among unseen movies, the user's other targets included
    users: Annotated[npt.NDArray[np.int32], "n_tested", AtLeast(0), Ascending(strictly=True)]
    """Those with a target."""
    n_unseen: Annotated[npt.NDArray[np.int32], "n_tested", AtLeast(1), AtMost("n_movies")]
    """Movies in the list: all that the user has not in training."""
    top_movies: Annotated[
        npt.NDArray[np.int32], "n_tested", LIST_LENGTH, Packed, AtLeast(NO_MOVIE), Below("n_movies")
    ]
    """Best first; NO_MOVIE where fewer are unseen."""
    n_movies: Annotated[int, "n_movies", AtLeast(1)]  # of the catalogue

    @cached_property
    def user_place(self) -> npt.NDArray[np.int64]:
        """Each target's place in `users`: [n_targets]."""
        return np.searchsorted(self.users, self.user_index)

    @property
    def is_cold(self) -> npt.NDArray[np.bool_]:
        """Whether each user has no training rating: [n_users]."""
        cold: npt.NDArray[np.bool_] = self.n_unseen == self.n_movies
        return cold

    @cached_property
    def warm(self) -> Outcome:
        """Without cold users: what the headline figures are about."""
        return self.of_users(~self.is_cold) if self.is_cold.any() else self

    def of_users(self, kept: npt.NDArray[np.bool_]) -> Outcome:
        """The outcome of some of the users; `kept` is [n_users]."""
        return self._part(kept[self.user_place], kept)

    def of_targets(self, kept: npt.NDArray[np.bool_]) -> Outcome:
        """The outcome for some of the targets, and the users who have one; `kept` is [n_targets]."""
        return self._part(kept, np.bincount(self.user_place[kept], minlength=len(self.users)) > 0)

    def _part(self, targets: npt.NDArray[np.bool_], users: npt.NDArray[np.bool_]) -> Outcome:
        return replace(
            self,
            rows=self.rows[targets],
            user_index=self.user_index[targets],
            movie_index=self.movie_index[targets],
            at_their_time=self.at_their_time.take(targets),
            in_one_list=self.in_one_list.take(targets),
            users=self.users[users],
            n_unseen=self.n_unseen[users],
            top_movies=self.top_movies[users],
        )
