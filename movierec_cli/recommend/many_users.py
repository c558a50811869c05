"""Many users at once: which, such as those in a file, and what a run recommends to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Id, IdIndex, Ids, id_at
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.errors import MovierecError
from movierec_cli.evaluation.best_lists import NO_MOVIE, best_of_rows
from movierec_cli.evaluation.ranks import block_queries, map_blocks
from movierec_cli.recommend.batch_files import Batch, read_users
from movierec_cli.recommend.cautions import LISTED, hardly_known
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.response import marked, run_document
from movierec_cli.recommend.run_choice import FOR_USERS
from movierec_cli.recommend.users import user_rows
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.text import counted


@dataclass(frozen=True)
class UserSelection:
    """Users of a data set: some ids, those in a file, or all."""

    ids: tuple[Id, ...] | None = None  # each once, or as they were typed; None: all, or those in the file
    file: Path | None = None

    def among(self, known: Ids, no_user: Callable[[Id], str], columns: Sequence[str] = ()) -> Batch[Id]:
        """The users who are known, each once, and what is said of the others.

        Args:
            known: ids of all users.
            no_user: says that one is unknown.
            columns: as `read_users`.

        Raises:
            MovierecError: none of several is known.
            DataError: as `read_users`.
        """
        if self.file is not None:
            return read_users(self.file, known, columns)
        if self.ids is None:
            return Batch(tuple(known.tolist()))
        index = IdIndex(known)
        rows = {one: index.row_of(one) for one in self.ids}
        unknown = [one for one, row in rows.items() if row is None]
        if unknown and len(unknown) == len(rows):
            is_name = len(rows) == 1 and not str(unknown[0]).isdecimal()
            raise MovierecError(no_user(unknown[0]) + (", and no file has this name" if is_name else ""))
        found = dict.fromkeys(id_at(known, row) for row in rows.values() if row is not None)
        others = f"; so {counted(len(unknown), 'user is', 'users are')} left out" if unknown else ""
        return Batch(tuple(found), (no_user(unknown[0]) + others,) if unknown else ())


NO_USERS = UserSelection(())


@dataclass(frozen=True)
class TopLists:
    """The best movies for each of some users, best first; equal scores in the order of the catalogue."""

    run: Run
    user_ids: Ids  # [n]
    rows: npt.NDArray[np.int32]  # [n, top], of the run's movies; NO_MOVIE where fewer are allowed
    scores: npt.NDArray[np.float32]  # [n, top]; minus infinity there

    @property
    def is_listed(self) -> npt.NDArray[np.bool_]:
        """Where there is a movie: [n, top]."""
        is_listed: npt.NDArray[np.bool_] = self.rows != NO_MOVIE
        return is_listed

    @property
    def n_movies(self) -> int:
        """In all lists."""
        return int(self.is_listed.sum())

    @property
    def cautions(self) -> tuple[str, ...]:
        """Say which of the movies recommended the model hardly knows."""
        return hardly_known(self.run, np.unique(self.rows[self.rows != NO_MOVIE]).tolist(), LISTED)

    @property
    def n_short(self) -> int:
        """How many users' lists are not full."""
        return int((self.rows == NO_MOVIE).any(axis=1).sum())

    def lists(self) -> Iterator[tuple[Id, list[tuple[Id, str, float, bool]]]]:
        """Each user's id, and of their movies the ids, titles, scores and whether nobody has rated them."""
        ids, titles = self.run.catalogue.movie_id.tolist(), self.run.catalogue.title.tolist()
        is_new = self.run.is_new.tolist()
        for user_id, rows, scores in zip(
            self.user_ids.tolist(), self.rows.tolist(), self.scores.tolist(), strict=True
        ):
            pairs = zip(rows, scores, strict=True)
            yield (
                user_id,
                [(ids[row], titles[row], score, is_new[row]) for row, score in pairs if row != NO_MOVIE],
            )

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """As rows of `response.LIST_COLUMNS`."""
        for user_id, movies in self.lists():
            for place, (movie_id, title, score, is_new) in enumerate(movies, start=1):
                yield user_id, place, movie_id, title, f"{score:.6g}", "", marked(is_new)

    def document(self) -> dict[str, Any]:
        """For programs."""
        users = [
            {
                "user_id": user_id,
                "movies": [
                    {"movie_id": i, "title": title, "score": score, "is_new": is_new}
                    for i, title, score, is_new in movies
                ],
            }
            for user_id, movies in self.lists()
        ]
        return {**run_document(self.run), "users": users}


@dataclass(frozen=True)
class Lister:
    """What makes lists for some users; holds all that this takes, to be handed to other processes as well."""

    run: Run
    user_ids: Ids  # [n]
    users: npt.NDArray[np.int64]  # [n], rows of the run
    filters: Filters
    top: int

    @classmethod
    def of(cls, run: Run, user_ids: Sequence[Id], *, top: int = 10, filters: Filters | None = None) -> Lister:
        """Reads what is needed of a run.

        Raises:
            MovierecError: the run has no such user, recommends nothing, or lacks what a filter needs.
            SavedModelError: the run is damaged.
        """
        FOR_USERS.require(run.record)
        users = user_rows(run, user_ids)
        _ = run.scorer, run.duplicates, run.is_new, run.user_ratings
        if run.record.config.family.has_item_weights:
            _ = run.item_weights  # all of them, once
        own = cls(run, run.artifacts.user_ids[users], users, filters or Filters(), top)
        _ = own.fitting
        return own

    @cached_property
    def fitting(self) -> npt.NDArray[np.bool_]:
        """Which movies pass the filters, whoever asks: [n_movies]."""
        return self.filters.fitting(self.run)

    def lists(self, which: slice = slice(None)) -> TopLists:
        """Of some of the users."""
        run, users, scorer = self.run, self.users[which], self.run.scorer
        seen = RaggedRows(run.user_ratings.starts, run.user_ratings.movie)
        top = min(self.top, len(run.artifacts.movie_ids))

        def best(block: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
            scores = scorer.scores(scorer.users(users[block]))  # [b, n_movies]
            allowed = np.broadcast_to(self.fitting, scores.shape)
            if not self.filters.include_seen:
                is_seen = np.zeros(scores.shape, bool)
                owner, place = seen.places(users[block])
                is_seen[owner, seen.values[place]] = True
                allowed = allowed & ~run.duplicates.spread(is_seen)
            np.putmask(scores, ~run.duplicates.listed(scores, allowed), -np.inf)
            rows = best_of_rows(scores, top)
            of_rows = np.take_along_axis(scores, np.maximum(rows, 0), axis=1)
            return rows, np.where(rows == NO_MOVIE, np.float32(-np.inf), of_rows)

        blocks = map_blocks(best, len(users), block_queries(len(run.artifacts.movie_ids)))
        no_lists = (np.zeros((0, top), np.int32), np.zeros((0, top), np.float32))
        rows, scores = (np.concatenate(parts) for parts in zip(no_lists, *blocks, strict=True))
        return TopLists(run, self.user_ids[which], rows, scores)


def recommend_all(
    run: Run, user_ids: Sequence[Id], *, top: int = 10, filters: Filters | None = None
) -> TopLists:
    """The movies a run scores highest for each user, as `recommend` does for one with the same arguments.

    Raises:
        MovierecError: the run has no such user, recommends nothing, or lacks what a filter needs.
        SavedModelError: the run is damaged.
    """
    return Lister.of(run, user_ids, top=top, filters=filters).lists()
