"""The tables of a search."""

from collections.abc import Iterable, Mapping, Sequence

from movierec_cli.config.search_space import Value, shown_values
from movierec_cli.experiment.trials import Trial, TrialState
from movierec_cli.experiment.tuned import FamilySearch, Finalist, Tuned
from movierec_cli.reports.tables import Cell, Column, Kind, Row, Table


def finalists(tuned: Tuned) -> Table:
    """What the winner was chosen from: means on validation, with the seeds' range, and the values."""
    several = len(tuned.searches) > 1
    names = _names(one.values for one in tuned.finalists)
    columns = (
        Column(name=tuned.metric, kind=Kind.FOUR_DECIMALS, higher_is_better=True),
        *([Column(name="seeds", kind=Kind.TEXT)] if len(tuned.winner.scores) > 1 else []),
        *(Column(name=name, kind=Kind.TEXT) for name in names),
    )
    rows = [
        Row(
            label=f"{one.family.label}, {one.label}" if several else one.label,
            cells=(
                one.mean,
                *([_range(one)] if len(one.scores) > 1 else []),
                *_texts(one.values, names),
            ),
        )
        for one in tuned.finalists
    ]
    return Table(title="Finalists, on validation", columns=columns, rows=tuple(rows), label="")


def trials(search: FamilySearch, metric: str) -> Table:
    """Every trial, the best first; those that did not finish stand below."""
    names = _names(one.values for one in search.trials)
    columns = (
        Column(name=metric, kind=Kind.FOUR_DECIMALS, higher_is_better=True),
        Column(name="epoch", kind=Kind.COUNT),
        Column(name="seconds", kind=Kind.SECONDS),
        *(Column(name=name, kind=Kind.TEXT) for name in names),
    )
    ordered = sorted(search.trials, key=lambda one: (-one.score, one.number))
    rows = [
        Row(
            label=f"trial {one.number}",
            cells=(
                one.outcome.score,
                one.outcome.epoch or None,
                one.outcome.seconds,
                *_texts(one.values, names),
            ),
            group="" if one.outcome.state is TrialState.FINISHED else _GROUPS[one.outcome.state],
            note=_note(one),
        )
        for one in sorted(ordered, key=lambda one: list(TrialState).index(one.outcome.state))
    ]
    return Table(title=f"Trials of {search.family.label}", columns=columns, rows=tuple(rows), label="")


_GROUPS = {TrialState.PRUNED: "Stopped early", TrialState.FAILED: "Could not be trained"}


def _note(trial: Trial) -> str:
    if trial.outcome.problem:
        return trial.outcome.problem
    if trial.outcome.state is TrialState.PRUNED:
        epoch, reached = trial.outcome.curve[-1]
        return f"{reached:.4f} after epoch {epoch}"
    return ""


def _range(finalist: Finalist) -> str:
    known = [one for one in finalist.scores if one is not None]
    return f"{min(known):.4f} … {max(known):.4f}" if known else ""


def _names(several: Iterable[Mapping[str, Value]]) -> list[str]:
    return list(dict.fromkeys(name for values in several for name in values))


def _texts(values: Mapping[str, Value], names: Sequence[str]) -> list[Cell]:
    return [_text(name, values[name]) if name in values else None for name in names]


def _text(name: str, value: Value) -> str:
    return shown_values({name: value}).removeprefix(f"{name} ")
