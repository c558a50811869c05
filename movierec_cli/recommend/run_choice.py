"""Which saved run serves a purpose: recommending to users, continuing a history, predicting ratings."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from movierec_cli.config import Monitor
from movierec_cli.config.families import Scoring
from movierec_cli.errors import MovierecError
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, EpochRecord, RunRecord
from movierec_cli.registry.store import Run, find_named, list_runs


@dataclass(frozen=True)
class Purpose:
    """What a run must be able to do, and which run does it best."""

    model: str  # in messages: "model that predicts ratings"
    models: str  # "models that predict ratings"
    refusal: str  # after the name of a run that cannot: "predicts no ratings"
    train_command: str  # trains a run that can
    is_served_by: Callable[[RunRecord], bool]
    validation_score: Callable[[RunRecord], float | None]  # higher is better; None where it was not measured
    score_text: Callable[[RunRecord], str]  # of a measured run: "RMSE 0.871 stars on validation"
    lacking: Callable[[DataIdentity], str] = lambda data: ""  # what no model can do without; "" for nothing

    def require(self, record: RunRecord) -> None:
        """Raises a `MovierecError`, which says how to train another run, where a run cannot."""
        if not self.is_served_by(record):
            self.require_data(record)
            raise MovierecError(f"{record.name} {self.refusal}; train a model that can: {self.train_command}")

    def require_data(self, record: RunRecord) -> None:
        """Raises a `MovierecError` where no other model of a run's data could, either."""
        if lacking := self.lacking(record.data):
            raise MovierecError(
                f"{record.name} {self.refusal}, nor can another model of '{record.data.name}': the data have"
                f" no {lacking}"
            )


@dataclass(frozen=True)
class ChosenRun:
    """A run, and why it was chosen."""

    run: Run
    reason: str  # for people


def suitable_runs(
    directory: Path, purpose: Purpose, name: str | None = None, dataset: str | None = None
) -> tuple[Run, ...]:
    """The run with a name, or its beginning; without a name all runs that serve the purpose.

    Raises:
        MovierecError: there is none, the named run does not serve the purpose, or none of the data set can.
    """
    if name is not None:
        named = find_named(directory, name)
        purpose.require(named.record)
        return (named,)
    runs, problems = list_runs(directory)
    suitable = tuple(run for run in runs if purpose.is_served_by(run.record))
    own = [run for run in runs if dataset in (None, run.record.data.name)]
    if own and not any(purpose.is_served_by(run.record) for run in own):
        purpose.require_data(_newest(own).record)
    if not suitable:
        unusable = f" ({problems[0].message})" if problems and not runs else ""
        raise MovierecError(
            f"no {purpose.model} is saved in {directory}{unusable}; train one first: {purpose.train_command}"
        )
    return suitable


def best_run(runs: Sequence[Run], purpose: Purpose, dataset: str | None = None) -> ChosenRun:
    """The run of a data set with the best validation score, or the newest run where none was measured.

    Scores can be compared on one split only, so only runs on the newest run's split are compared. The test
    set decides nothing: it evaluates what was chosen. A run whose figures profit from the future is passed
    over where another is there. Where runs were trained on with all ratings (`train --deploy`), one of these
    is taken: that of the best among the judged runs that they came from.

    Args:
        runs: one or more that serve the purpose, of any data set.
        purpose: what the run is for.
        dataset: the data set's name; None where all runs have the same data set.

    Raises:
        MovierecError: no run is of this data set, or the runs are of several and none is named.
    """
    every = comparable_runs(runs, purpose, dataset)
    own = [run for run in every if not run.record.config.deployed] or every
    newest = _newest(own)
    of_split = [run for run in own if run.record.config.split == newest.record.config.split]
    used = {run.record.judged.name for run in every if run.record.judged}
    peers = [run for run in of_split if run.record.name in used] or of_split
    others = "" if len(of_split) == len(own) else f"; {len(own) - len(of_split)} evaluated on another split"
    of_all = "the only one" if len(peers) == 1 else f"of {len(peers)} models"
    measured = [run for run in peers if purpose.validation_score(run.record) is not None]
    if not measured:
        honest = [run for run in peers if not run.record.config.sees_future]
        lead = of_all if len(peers) == 1 else f"the newest {of_all}"
        chosen = _newest(honest or peers)
        return _for_use(chosen, lead + _passed_over(newest, chosen) + others, every)

    def rank(run: Run) -> tuple[float, str]:
        return -(purpose.validation_score(run.record) or 0.0), run.record.name

    leader = min(measured, key=rank)
    chosen = min([run for run in measured if not run.record.config.sees_future] or [leader], key=rank)
    lead = of_all if len(peers) == 1 else f"the best {of_all}"
    reason = f"{lead}, {purpose.score_text(chosen.record)}{_passed_over(leader, chosen)}{others}"
    return _for_use(chosen, reason, every)


def _for_use(chosen: Run, reason: str, runs: Sequence[Run]) -> ChosenRun:
    """The chosen run, or what it gave when it was trained on with all ratings."""
    for run in (chosen, *runs):
        judged = run.record.judged
        if judged is not None and (run is chosen or judged.name == chosen.record.name):
            return ChosenRun(run, f"{judged.sentence}; {reason}")
    return ChosenRun(chosen, reason)


def _passed_over(leader: Run, chosen: Run) -> str:
    """Why the leader was not chosen; "" where it was, and then what it leads through, if it is a leak."""
    config = leader.record.config
    if leader is not chosen:
        where = f"which sees the time {config.split.where} and so learns from the future"
        return f"; passed over: {config.label}, {where}"
    return f"; it sees the time {config.split.where} (movierec doctor)" if config.sees_future else ""


def comparable_runs(runs: Sequence[Run], purpose: Purpose, dataset: str | None = None) -> list[Run]:
    """The runs of a data set, which is the same for all of them down to its fingerprint.

    Arguments and errors: as `best_run`.
    """
    names = sorted({run.record.data.name for run in runs})
    if dataset is None and len(names) > 1:
        raise MovierecError(
            f"the saved {purpose.models} are of {', '.join(names)}; say which with --dataset, or name a"
            " model with --model"
        )
    own = [run for run in runs if dataset in (None, run.record.data.name)]
    if not own:
        from movierec_cli.data.sources import SOURCES

        raise MovierecError(
            f"the saved {purpose.models} are of {', '.join(names)}, not of '{dataset}'; train one:"
            f" {purpose.train_command} {f'--dataset {dataset}' if dataset in SOURCES else '--archive PATH'}"
        )
    fingerprint = _newest(own).record.data.fingerprint
    return [run for run in own if run.record.data.fingerprint == fingerprint]


def _newest(runs: Sequence[Run]) -> Run:
    return max(runs, key=lambda run: (run.record.created_at, run.record.name))


def _best_epoch(record: RunRecord) -> EpochRecord | None:
    return next((epoch for epoch in record.history if epoch.epoch == record.best_epoch), None)


def validation_ndcg(record: RunRecord) -> float | None:
    """NDCG@10 of the best epoch, 0 … 1; None where it was not measured."""
    best = _best_epoch(record)
    return best.ndcg if best else None


def validation_rmse(record: RunRecord) -> float | None:
    """Of the best epoch, in stars; None where no validation rating was predicted."""
    best = _best_epoch(record)
    return best.ratings.rmse if best and best.ratings and not math.isnan(best.ratings.rmse) else None


def _ndcg_text(record: RunRecord) -> str:
    """With the split, as NDCG on another split is another task."""
    ndcg = validation_ndcg(record)
    assert ndcg is not None
    return f"{Monitor.NDCG} {100 * ndcg:.1f} % on validation, {record.config.split.kind} split"


def _negative_rmse(record: RunRecord) -> float | None:
    rmse = validation_rmse(record)
    return None if rmse is None else -rmse


def _scored_by(*ways: Scoring) -> Callable[[RunRecord], bool]:
    """Whether a run ranks, in one of these ways."""
    return lambda record: record.config.family.ranks and record.config.family.spec.scoring in ways


FOR_USERS = Purpose(
    model="model that recommends",
    models="models that recommend",
    refusal="predicts ratings only and recommends nothing",
    train_command="movierec train",
    is_served_by=lambda record: record.config.family.ranks,
    validation_score=validation_ndcg,
    score_text=_ndcg_text,
)
FOR_LIKENESS = replace(
    FOR_USERS,
    model="model that knows which are alike",
    models="models that know which are alike",
    refusal="recommends the same to everybody and puts none near another",
    is_served_by=_scored_by(*(way for way in Scoring if way is not Scoring.POPULARITY)),
)
FOR_VECTORS = replace(
    FOR_USERS,
    model="model of embeddings or factors",
    models="models of embeddings or factors",
    refusal="has no vectors, with which the page draws its map and computes its lists",
    is_served_by=_scored_by(Scoring.EMBEDDINGS, Scoring.FACTORS),
)
FOR_EMBEDDINGS = replace(FOR_VECTORS, refusal="has no embeddings of its users and movies")
FOR_HISTORIES = replace(
    FOR_USERS,
    model="sequential model, which --watched needs,",
    models="sequential models, which --watched needs,",
    refusal="knows the users of its data only and cannot use --watched",
    train_command="movierec train --family sasrec",
    is_served_by=lambda record: record.config.family.is_sequential,
    lacking=lambda data: "" if data.has_times else "times",
)
FOR_RATINGS = Purpose(
    model="model that predicts ratings",
    models="models that predict ratings",
    refusal="predicts no ratings",
    train_command="movierec train --tasks retrieval rating",
    is_served_by=lambda record: record.config.tasks is not None and record.config.tasks.rating > 0,
    validation_score=_negative_rmse,
    score_text=lambda record: f"RMSE {validation_rmse(record):.3f} {record.data.rating_unit} on validation",
    lacking=lambda data: "ratings" if data.scale is None else "",
)
FOR_LISTS_BY_RATING = replace(FOR_RATINGS, validation_score=validation_ndcg, score_text=_ndcg_text)
