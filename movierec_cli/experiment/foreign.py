"""What another library recommended, judged beside the saved models: ranked lists or scores from files."""

import datetime
from array import array
from collections.abc import Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import IdIndex, known_ids
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.data.reader.roles import ITEM, RATING, USER, normalised, parse_columns, places
from movierec_cli.data.reader.small_tables import read_table
from movierec_cli.data.reader.text_rows import TextRow
from movierec_cli.data.split_data import SplitData
from movierec_cli.errors import DataError, UsageError
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import NO_TOP_K
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.experiment.selection import EvaluatedRun
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, RunConfig, RunRecord
from movierec_cli.registry.store import Run
from movierec_cli.text import counted

SHARE_AS_LONG = 0.9
"""Of a file's lists, as many are as long as the longest k whose metrics are told, or longer."""

_RANKS = ("rank", "position", "place")
_SCORES = ("score", "prediction", "predicted", "predictedrating", "estimate")


@dataclass(frozen=True)
class OtherModel:
    """A file of another library's results, and what the model behind it is called.

    A list has the columns user, item and rank (1 is the best) or score (the highest is the best); without
    either its rows are in order, the best first. Scores have the columns user, item and score.
    """

    name: str
    file: Path
    is_scores: bool = False

    @classmethod
    def named(cls, text: str, *, is_scores: bool = False) -> "OtherModel":
        """Reads "FILE" or "NAME=FILE". Raises a `UsageError` where one of them is missing."""
        name, equals, file = text.partition("=")
        if not equals or Path(text).exists():
            name, file = Path(text).stem, text
        if not name.strip() or not file.strip():
            raise UsageError(f"'{text}' names no file of lists or scores; write FILE or NAME=FILE")
        return cls(name.strip(), Path(file), is_scores)


@dataclass(frozen=True)
class _Scorer:
    """Items by place from the bottom: what is not listed is 0, and ties below all that is."""

    items: RaggedRows  # of each user of the data set
    heights: npt.NDArray[np.float32]  # from 1, of each of the items' values; equal ones tie
    n_items: int

    def group_queries(self, targets: Targets) -> GroupedQueries:
        return queries_by_user(targets.user_index, self._score_users)

    def _score_users(self, users: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        scores = np.zeros((len(users), self.n_items), np.float32)
        owner, place = self.items.places(users)
        scores[owner, self.items.values[place]] = self.heights[place]
        return scores


@dataclass
class _Rows:
    """The rows of a file whose user and item are known, and how many of the others there are."""

    users: "array[int]" = field(default_factory=lambda: array("i"))
    items: "array[int]" = field(default_factory=lambda: array("i"))
    values: "array[float]" = field(default_factory=lambda: array("d"))  # higher is better
    length_of: dict[int, int] = field(default_factory=dict)  # of each user's list, as it is in the file
    n_unknown_users: int = 0  # rows
    n_unknown_items: int = 0  # rows


def judge_others(data: SplitData, others: Sequence[OtherModel]) -> tuple[list[EvaluatedRun], list[str]]:
    """How others' lists and scores rank the test ratings, and what people should know of the files.

    The order of each user's items decides, as exactly as the file has it. Items without a place or a score
    tie below all that have one. Metrics that look further than a file's lists go (`SHARE_AS_LONG`) are left
    out, and so are those over every item where no list has what its user had in training.

    Args:
        data: what is tested, and what counts as known of each user.
        others: files of lists or scores.

    Raises:
        DataError: a file cannot be read, lacks a column, has a value that is no number, or no test user.
        UsageError: two have one name, or a file of lists has one a user where each rating needs its own.
    """
    names = [one.name for one in others]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UsageError(f"two files are called '{twice[0]}'; give them names: --lists NAME=FILE")
    lists = [one.name for one in others if not one.is_scores]
    if lists and data.config.is_successive:
        raise UsageError(
            f"{lists[0]} has one list a user, and with --targets {data.config.targets} each test rating needs"
            " a list of its own; give scores of all items with --scores, or leave it out"
        )
    judged = [_judge(data, one) for one in others]
    return [run for run, _ in judged], [note for _, notes in judged for note in notes]


def _judge(data: SplitData, other: OtherModel) -> tuple[EvaluatedRun, list[str]]:
    dataset, split = data.dataset, data.split
    rows = _read(data, other)
    scorer, n_repeated = _scorer(rows, len(dataset.users), len(dataset.movies))
    seen = movies_of_users(dataset, split.fit)
    outcome = evaluate(dataset, split.fit, split.test, scorer, is_successive=split.is_successive)
    listed = [
        np.isin(top, scorer.items[user]) for top, user in zip(outcome.top_movies, outcome.users, strict=True)
    ]
    outcome = replace(outcome, top_movies=np.where(listed, outcome.top_movies, NO_MOVIE).astype(np.int32))
    lengths = np.array([rows.length_of.get(int(user), 0) for user in outcome.users])
    if not lengths.any():
        known = known_ids(dataset.users.user_id)
        raise DataError(f"has no row of a user of the test set; the users have the {known}", file=other.file)
    known_k = np.inf
    if not other.is_scores:
        known_k = int(np.quantile(lengths[lengths > 0], 1 - SHARE_AS_LONG, method="lower"))
    n_seen = sum(int(np.isin(scorer.items[user], seen[user]).sum()) for user in outcome.users)
    noun = data.dataset.noun
    found = {
        f"{counted(rows.n_unknown_users, 'row')} of users that are unknown": rows.n_unknown_users,
        f"{counted(rows.n_unknown_items, 'row')} of {noun}s that are unknown": rows.n_unknown_items,
        f"{counted(n_repeated, 'row')} with a {noun} that the list has before": n_repeated,
    }
    notes = [f"left out: {', '.join(text for text, n in found.items() if n)}"] if any(found.values()) else []
    if n_missing := int((lengths == 0).sum()):
        notes.append(
            f"{counted(n_missing, 'test user')} of {len(lengths):,} without a row: to them chance counts"
        )
    if (short := int(((lengths < known_k) & (lengths > 0)).sum())) and not other.is_scores:
        notes.append(
            f"{counted(short, 'list')} of {len(lengths):,} shorter than {known_k}: below them is chance"
        )
    if n_seen and not other.is_scores:
        notes.append(f"{counted(n_seen, noun)} of the lists known from training, which take no place")
    judged = EvaluatedRun(Run(_record(data, other), other.file), outcome, known_k, ranks_all=n_seen > 0)
    return judged, [f"{other.name}: {note}" for note in notes]


def _read(data: SplitData, other: OtherModel) -> _Rows:
    """The rows of known users and items, in the file's order."""
    table, dataset = read_table(other.file), data.dataset
    user, item, value, sign = _columns(table.header, data.source.reading.columns, other)
    users, items = IdIndex(dataset.users.user_id), IdIndex(dataset.movies.movie_id)
    user_rows, item_rows = dict[str, int | None](), dict[str, int | None]()  # by text: each comes many times
    found = _Rows()
    for number, row in enumerate(table.rows):
        of_user, of_item = row.fields[user], row.fields[item]
        if of_user not in user_rows:
            user_rows[of_user] = users.row_of(of_user)
        if of_item not in item_rows:
            item_rows[of_item] = items.row_of(of_item)
        user_row, item_row = user_rows[of_user], item_rows[of_item]
        better = -float(number) if value is None else sign * _number(row, value, table.header[value])
        if user_row is None:
            found.n_unknown_users += 1
            continue
        found.length_of[user_row] = found.length_of.get(user_row, 0) + 1
        if item_row is None:
            found.n_unknown_items += 1
            continue
        found.users.append(user_row)
        found.items.append(item_row)
        found.values.append(better)
    return found


def _columns(
    header: Sequence[str], columns: Sequence[str], other: OtherModel
) -> tuple[int, int, int | None, int]:
    """Of users, of items and of ranks or scores, and 1 where more is better; raises a `DataError`."""
    found = places("ratings", header, parse_columns(columns))
    words = [normalised(name) for name in header]
    rank = next((words.index(name) for name in _RANKS if name in words), None)
    score = next((words.index(name) for name in _SCORES if name in words), found.get(RATING))
    if USER not in found or ITEM not in found or (other.is_scores and score is None):
        needed = (
            "user, item and score"
            if other.is_scores
            else "user and item, and rank or score where not in order"
        )
        raise DataError(f"needs the columns {needed}; it has {', '.join(header)}"[:300], file=other.file)
    if rank is not None and not other.is_scores:
        return found[USER], found[ITEM], rank, -1
    return found[USER], found[ITEM], score, 1


def _number(row: TextRow, place: int, name: str) -> float:
    try:
        value = float(row.fields[place])
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise row.error(f"the {name} is '{row.fields[place][:80]}'; it must be a number")
    return value


def _scorer(rows: _Rows, n_users: int, n_items: int) -> tuple[_Scorer, int]:
    """What scores by the rows, and how many of them name an item of its user again, which counts once."""
    users, items = np.asarray(rows.users, np.int64), np.asarray(rows.items, np.int64)
    values = np.asarray(rows.values)
    best_first = np.lexsort((-values, users))
    _, first = np.unique((users * n_items + items)[best_first], return_index=True)
    kept = best_first[np.sort(first)][::-1]  # by user, the worst first
    kept = kept[np.argsort(users[kept], kind="stable")]
    user, value = users[kept], values[kept]
    is_step = np.ones(len(kept), np.int64)
    is_step[1:] = (user[1:] != user[:-1]) | (value[1:] != value[:-1])
    steps = np.cumsum(is_step)
    of_users = RaggedRows.group(user, items[kept].astype(np.int32), n_users)
    begins: npt.NDArray[Any] = np.repeat(
        steps[of_users.starts[:-1][of_users.lengths > 0]], of_users.lengths[of_users.lengths > 0]
    )
    return _Scorer(of_users, (steps - begins + 1).astype(np.float32), n_items), len(users) - len(kept)


def _record(data: SplitData, other: OtherModel) -> RunRecord:
    """What a study needs to know of a model that was trained elsewhere; it is not saved."""
    return RunRecord(
        name=other.name,
        config=RunConfig(family=Family.OTHER, split=data.config, source=other.name),
        data=DataIdentity.of(data.dataset),
        versions={},
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        split_summary=data.summary,
        n_parameters=0,
        settings={},
        best_epoch=0,
        epochs_run=0,
        training_s=0.0,
        validation_s=0.0,
        history=(),
        test=NO_TOP_K,
    )
