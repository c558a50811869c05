"""Removing a person from the saved models: their ratings, embeddings, test results and id.

What all ratings together taught a model stays in the movies' embeddings and the layers; only a training on
data without the person changes that. The data sets are not touched.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from movierec_cli.data.dataset import Id, IdIndex
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.evaluation.metrics import NO_TOP_K, top_k_of
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.evaluation.ratings import RatingOutcome, rating_errors
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunRecord
from movierec_cli.registry.run_parts import RunArtifacts, RunParts, UserRatings
from movierec_cli.registry.store import Problem, Run, list_runs, save_run
from movierec_cli.scoring.item_weights import Histories
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.towers import Towers
from movierec_cli.text import counted

_PER_USER = {("user_tenure", "first")}
"""What of a vocabulary is a list with an entry for each user, by feature and key."""
T = TypeVar("T", Outcome, RatingOutcome)


@dataclass(frozen=True)
class Forgotten:
    """What was done to forget a user."""

    names: tuple[str, ...]  # of the runs that knew them
    problems: tuple[Problem, ...]  # folders that may still know them, and why


def forget_user(directory: Path, user_id: Id) -> Forgotten:
    """Removes a user, by the id or a text that means it, from every saved run, each in one step.

    A run keeps its name, and its record counts the users that were forgotten. Its test results are those of
    the users who are left. Baselines of ratings keep no ids; which of their test ratings are the user's is
    known from another run of the same data and split, so these are changed first. What is cut short is done
    again.

    Raises:
        MovierecError: no saved model knows this user.
        SavedModelError: a folder cannot be written.
    """
    runs, problems = list_runs(directory)
    rows: dict[str, int] = {}  # of the user, in the runs that know them, by name
    for run in runs:
        try:
            if run.record.config.family.ranks:
                row = IdIndex(run.artifacts.user_ids).row_of(user_id)
                rows |= {} if row is None else {run.record.name: row}
        except SavedModelError as error:
            problems.append(Problem(run.folder, str(error)))
    if not rows:
        unusable = f"; {counted(len(problems), 'folder')} could not be read" if problems else ""
        raise MovierecError(f"no saved model in {directory} knows user {user_id}{unusable}")
    known = [(run, rows[run.record.name]) for run in runs if run.record.name in rows]
    names = []
    for run in [run for run in runs if not run.record.config.family.ranks] + [run for run, _ in known]:
        try:
            row = rows.get(run.record.name)
            changed = _without_ratings(run, known) if row is None else _without_user(run, row)
        except SavedModelError as error:
            problems.append(Problem(run.folder, str(error)))
            continue
        if changed is not None:
            save_run(directory, *changed)
            names.append(run.record.name)
    return Forgotten(tuple(names), tuple(problems))


def _without_user(run: Run, row: int) -> tuple[RunRecord, RunParts]:
    """A trained run without the user at a row; the users after them are a row nearer to the first."""
    parts = run.parts()
    own = {name: part for name in _WITHOUT if (part := getattr(parts, name)) is not None}
    left = {name: _WITHOUT[name](part, row) for name, part in own.items()}
    if not run.record.config.family.is_sequential:  # served from the towers; the variables have rows of users
        left["artifacts"] = replace(left["artifacts"], weights={}, in_towers={})
    return _changed(run.record, replace(parts, **left))


def _without_ratings(run: Run, known: Sequence[tuple[Run, int]]) -> tuple[RunRecord, RunParts] | None:
    """A baseline without the test ratings that are the user's in a trained run; None where it has none.

    Raises:
        SavedModelError: no saved run is of the same data and split, and knows the user.
    """
    record = run.record
    same = (
        (other, row)
        for other, row in known
        if other.record.data.fingerprint == record.data.fingerprint
        and other.record.config.split == record.config.split
        and not other.record.config.deployed  # which has no test ratings
    )
    other, row = next(same, (None, 0))
    if other is None:
        raise SavedModelError(
            f"{run.folder}: no saved model tells which of its test ratings are the user's; if they may be in"
            f" its data, remove it: movierec models remove {record.name}"
        )
    theirs = other.outcome.rows[other.outcome.user_index == row]
    tested = {name: part for name, part in vars(run.parts()).items() if part is not None}
    if not any(np.isin(part.rows, theirs).any() for part in tested.values()):
        return None
    left = {name: part.of_targets(~np.isin(part.rows, theirs)) for name, part in tested.items()}
    return _changed(record, RunParts(**left))


def _changed(record: RunRecord, parts: RunParts) -> tuple[RunRecord, RunParts]:
    outcome, rated = parts.outcome, parts.rating_outcome
    ks = tuple(record.test.unseen)
    return replace(
        record,
        forgotten_users=record.forgotten_users + 1,
        test=top_k_of(outcome, ks) if outcome is not None and len(outcome.warm.rows) else NO_TOP_K,
        ratings=rating_errors(rated) if rated is not None and len(rated.rows) else None,
    ), parts


def _outcome(outcome: T, row: int) -> T:
    left = outcome.of_targets(outcome.user_index != row)
    changes: dict[str, Any] = {"user_index": left.user_index - (left.user_index > row)}
    if isinstance(left, Outcome):
        changes["users"] = left.users - (left.users > row)
    return replace(left, **changes)


def _artifacts(artifacts: RunArtifacts, row: int) -> RunArtifacts:
    vocabularies = dict(artifacts.vocabularies)
    for feature, key in _PER_USER:
        if feature in vocabularies:
            vocabulary: Any = vocabularies[feature]
            vocabularies[feature] = {**vocabulary, key: np.delete(vocabulary[key], row).tolist()}
    user_ids: Any = np.delete(artifacts.user_ids, row)
    return replace(
        artifacts,
        vocabularies=vocabularies,
        user_ids=user_ids,
        user_embeddings=np.delete(artifacts.user_embeddings, row, axis=0),
    )


def _user_ratings(known: UserRatings, row: int) -> UserRatings:
    mine = known.of(row)
    columns = {name: np.delete(getattr(known, name), mine) for name in ("movie", "stars", "seconds")}
    starts = np.delete(known.starts, row + 1)
    starts[row + 1 :] -= mine.stop - mine.start
    return UserRatings.of_columns(starts, **columns, n_movies=len(known.popularity))


def _towers(towers: Towers, row: int) -> Towers:
    inputs = tuple(
        one if one.is_context else replace(one, table=np.delete(one.table, row, axis=0))
        for one in towers.query.inputs
    )
    query = replace(towers.query, inputs=inputs)
    return replace(towers, query=query, codes=np.delete(towers.codes, row, axis=0))


def _histories(histories: Histories, row: int) -> Histories:
    begin, end = histories.starts[row : row + 2].tolist()
    starts = np.delete(histories.starts, row + 1)
    starts[row + 1 :] -= end - begin
    return replace(histories, starts=starts, movie=np.delete(histories.movie, slice(begin, end)))


def _rating_head(head: RatingHead, row: int) -> RatingHead:
    of_users = ["user_vectors", "user_bias", "user_numbers"]
    of_users += [] if head.user_tastes is None else ["user_tastes"]
    return replace(head, **{name: np.delete(getattr(head, name), row, axis=0) for name in of_users})


_WITHOUT: dict[str, Callable[[Any, int], Any]] = {
    "outcome": _outcome,
    "artifacts": _artifacts,
    "user_ratings": _user_ratings,
    "towers": _towers,
    "histories": _histories,
    "rating_outcome": _outcome,
    "rating_head": _rating_head,
}
"""What takes a user's row out of a part, by the part's name; the catalogue has nothing of users."""


def require_all_users(records: Sequence[RunRecord]) -> None:
    """Refuses to compare a run that has forgotten users: its test ratings are not those of the others.

    Raises:
        SavedModelError: names the run.
    """
    for record in records:
        if n := record.forgotten_users:
            raise SavedModelError(
                f"{record.name} has forgotten {counted(n, 'user')} (movierec models forget): it recommends,"
                " and cannot be compared, as its test ratings are no longer those of the data; to have it"
                " compared, train it again on data without them, with --retrain"
            )
