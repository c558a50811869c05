"""What an explore page holds of a model without vectors: its lists and reasons, computed beforehand."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import id_at
from movierec_cli.recommend.explanation import movie_parts
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.many_users import TopLists, recommend_all
from movierec_cli.recommend.response import nearest_to_each
from movierec_cli.recommend.run_choice import FOR_LIKENESS
from movierec_cli.recommend.users import user_of
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.scoring.item_scorer import ItemSums, ProductsAndSums

NOWHERE = -1
"""The row in the page of a movie that is not in it, and of a place without a movie."""

_Rows = npt.NDArray[np.int64]
_Places = npt.NDArray[np.int32]
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Reasons:
    """Why each movie of each user's list is there, by the movies that contribute most."""

    rows: _Places  # [n_users, n_listed, n_reasons], `NOWHERE` where there are fewer
    contributions: _Floats  # likewise, 0 there
    of_others: _Floats  # [n_users, n_listed], what the user's other movies contribute together
    rest: _Floats  # likewise, what none of them contributes; 0 where weights are all there is
    n_known: _Rows  # [n_users], movies of their history


@dataclass(frozen=True)
class PageLists:
    """The lists of some movies and users of a run; movies are places in the page."""

    run: Run
    movies: _Rows  # rows of the run's movies that are in the page
    users: _Rows  # likewise of its users
    n_listed: int
    n_reasons: int

    def near(self) -> tuple[_Places, _Floats]:
        """The nearest to each movie, with how near they are: [n_movies, n_listed]; none of popularity."""
        places = np.full((len(self.movies), self.n_listed), NOWHERE, np.int32)
        values = np.zeros(places.shape, np.float32)
        if FOR_LIKENESS.is_served_by(self.run.record):
            of_each = nearest_to_each(self.run, self.movies, self.n_listed, self._shown)
            for own, value, (rows, nearness) in zip(places, values, of_each, strict=True):
                own[: len(rows)], value[: len(rows)] = self._place[rows], nearness
        return places, values

    def recommended(self) -> TopLists:
        """To each user; rows are the run's."""
        ids = [id_at(self.run.artifacts.user_ids, row) for row in self.users.tolist()]
        return recommend_all(self.run, ids, top=self.n_listed, filters=self._shown)

    def in_page(self, rows: npt.NDArray[np.integer]) -> _Places:
        """Places of rows of the run."""
        return np.where(rows < 0, NOWHERE, self._place[rows]).astype(np.int32)

    def reasons(self, lists: TopLists) -> Reasons:
        """Of the movies in these lists, by the movies of the user's history; none of other models."""
        shape = (len(self.users), self.n_listed, self.n_reasons)
        rows, most = np.full(shape, NOWHERE, np.int32), np.zeros(shape, np.float32)
        others, rest = (np.zeros(shape[:2], np.float32) for _ in range(2))
        n_known, scorer = np.zeros(shape[0], np.int64), self.run.scorer
        if isinstance(scorer, ItemSums | ProductsAndSums):
            for user, row in enumerate(self.users.tolist()):
                asked = user_of(self.run, id_at(self.run.artifacts.user_ids, row))
                known, parts = movie_parts(self.run, asked, lists.rows[user])
                places = self.in_page(known)
                order = np.argsort(np.where(places[:, None] < 0, np.inf, -parts), axis=0, kind="stable")
                first = order[: min(self.n_reasons, int((places >= 0).sum()))].T  # [n_listed, n_first]
                rows[user, :, : first.shape[1]] = places[first]
                most[user, :, : first.shape[1]] = np.take_along_axis(parts.T, first, axis=1)
                others[user] = parts.sum(axis=0) - most[user].sum(axis=1)
                n_known[user] = len(known)
                if isinstance(scorer, ProductsAndSums):
                    scores = scorer.scores(asked.embedding[None])[0]
                    rest[user] = scores[lists.rows[user]] - scores.mean() - parts.sum(axis=0)
        return Reasons(rows, most, others, rest, n_known)

    @cached_property
    def _shown(self) -> Filters:
        left_out = np.flatnonzero(self._place == NOWHERE)
        return Filters(exclude=tuple(left_out.tolist()))

    @cached_property
    def _place(self) -> _Places:
        """In the page, of each of the run's movies: [n_run_movies]."""
        place = np.full(len(self.run.artifacts.movie_ids), NOWHERE, np.int32)
        place[self.movies] = np.arange(len(self.movies))
        return place
