"""Many users at once: which, such as those in a file, and what a run recommends to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.ragged import RaggedRows
from movierec_cli.data.reader.text_rows import decode_utf8
from movierec_cli.errors import DataError
from movierec_cli.evaluation.evaluate import best_of_rows
from movierec_cli.evaluation.outcome import NO_MOVIE
from movierec_cli.evaluation.ranks import BLOCK_QUERIES, map_blocks
from movierec_cli.files.reading import read_content
from movierec_cli.recommend.filters import Filters
from movierec_cli.recommend.recommend import dot_products
from movierec_cli.recommend.response import run_document
from movierec_cli.recommend.run_choice import FOR_USERS
from movierec_cli.recommend.users import user_rows
from movierec_cli.registry.store import Run

_HEADER = "user"
_LONGEST_ID = 18  # digits


@dataclass(frozen=True)
class UserSelection:
    """Users of a data set: some ids, those in a file, or all."""

    ids: tuple[int, ...] | None = None  # each once; None: all, or those in the file
    file: Path | None = None

    def among(self, known: Sequence[int], where: str) -> tuple[int, ...]:
        """The ids; those in the file must be known.

        Args:
            known: ids of all users.
            where: the data or the model that knows them, for messages: "in '100k'".

        Raises:
            DataError: as `read_users`.
        """
        if self.file is not None:
            return read_users(self.file, known, where)
        return tuple(known) if self.ids is None else self.ids


NO_USERS = UserSelection(())


def read_users(file: Path, known: Sequence[int], where: str) -> tuple[int, ...]:
    """Reads ids of known users, one per line, in the file's order; a header "user" is left out.

    Raises:
        DataError: the file cannot be read or is empty, or, with the line, an id is unknown or comes twice.
    """
    ids = set(known)
    lines: dict[int, int] = {}  # by id
    for number, line in enumerate(decode_utf8(read_content(file), str(file)).splitlines(), start=1):
        text = line.strip().strip('"')
        if not text or (number == 1 and text.lower().removesuffix("_id") == _HEADER):
            continue
        user_id = int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None
        if user_id is None or user_id not in ids:
            raise DataError(f"there is no user '{text[:40]}' {where}", file=file, line=number)
        if user_id in lines:
            raise DataError(
                f"user {user_id} comes again, after line {lines[user_id]}", file=file, line=number
            )
        lines[user_id] = number
    if not lines:
        raise DataError("names no user; write one id per line", file=file)
    return tuple(lines)


@dataclass(frozen=True)
class TopLists:
    """The best movies for each of some users, best first; equal scores in the order of the catalogue."""

    run: Run
    user_ids: npt.NDArray[np.int64]  # [n]
    rows: npt.NDArray[np.int32]  # [n, top], of the run's movies; NO_MOVIE where fewer are allowed
    scores: npt.NDArray[np.float32]  # [n, top]; minus infinity there

    @property
    def n_movies(self) -> int:
        """In all lists."""
        return int((self.rows != NO_MOVIE).sum())

    @property
    def n_short(self) -> int:
        """How many users' lists are not full."""
        return int((self.rows == NO_MOVIE).any(axis=1).sum())

    def lists(self) -> Iterator[tuple[int, list[tuple[int, str, float]]]]:
        """Each user's id, and the ids, titles and scores of their movies."""
        ids, titles = self.run.catalogue.movie_id.tolist(), self.run.catalogue.title.tolist()
        for user_id, rows, scores in zip(
            self.user_ids.tolist(), self.rows.tolist(), self.scores.tolist(), strict=True
        ):
            pairs = zip(rows, scores, strict=True)
            yield user_id, [(ids[row], titles[row], score) for row, score in pairs if row != NO_MOVIE]

    def csv_rows(self) -> Iterator[tuple[object, ...]]:
        """As rows of `response.LIST_COLUMNS`."""
        for user_id, movies in self.lists():
            for place, (movie_id, title, score) in enumerate(movies, start=1):
                yield user_id, place, movie_id, title, f"{score:.6g}", ""

    def document(self) -> dict[str, Any]:
        """For programs."""
        users = [
            {
                "user_id": user_id,
                "movies": [{"movie_id": i, "title": title, "score": score} for i, title, score in movies],
            }
            for user_id, movies in self.lists()
        ]
        return {**run_document(self.run), "users": users}


def recommend_all(
    run: Run, user_ids: Sequence[int], *, top: int = 10, filters: Filters | None = None
) -> TopLists:
    """The movies a run scores highest for each user, as `recommend` does for one with the same arguments.

    Raises:
        MovierecError: the run has no such user, is a baseline, or lacks what a filter needs.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    users = user_rows(run, user_ids)  # [n]
    chosen = filters or Filters()
    fitting = chosen.fitting(run)
    arrays = run.artifacts
    duplicates, seen = run.duplicates, RaggedRows(run.user_ratings.starts, run.user_ratings.movie)
    top = min(top, len(arrays.movie_ids))

    def best(block: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        scores = dot_products(arrays.user_embeddings[users[block]], arrays.movie_embeddings)  # [b, n_movies]
        allowed = np.broadcast_to(fitting, scores.shape)
        if not chosen.include_seen:
            is_seen = np.zeros(scores.shape, bool)
            owner, place = seen.places(users[block])
            is_seen[owner, seen.values[place]] = True
            allowed = allowed & ~duplicates.spread(is_seen)
        np.putmask(scores, ~duplicates.listed(scores, allowed), -np.inf)
        rows = best_of_rows(scores, top)
        of_rows = np.take_along_axis(scores, np.maximum(rows, 0), axis=1)
        return rows, np.where(rows == NO_MOVIE, np.float32(-np.inf), of_rows)

    blocks = map_blocks(best, len(users), BLOCK_QUERIES)
    no_lists = (np.zeros((0, top), np.int32), np.zeros((0, top), np.float32))
    rows, scores = (np.concatenate(parts) for parts in zip(no_lists, *blocks, strict=True))
    return TopLists(run, np.array(user_ids, np.int64), rows, scores)
