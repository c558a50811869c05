"""A search for programs."""

from pathlib import Path

from movierec_cli.config.search_space import Space
from movierec_cli.experiment.trials import Trial
from movierec_cli.experiment.tuned import FamilySearch, Finalist, Tuned
from movierec_cli.reports.study_document import study_document
from movierec_cli.storage.serialization import JSON, encode


def tuning_document(tuned: Tuned, page: Path) -> dict[str, JSON]:
    """Everything that was found."""
    return {
        "answer": list(tuned.answer),
        "metric": tuned.metric,
        "command": tuned.command,
        "finalists": [_finalist(one) for one in tuned.finalists],
        "searches": [_search(one) for one in tuned.searches],
        "earlier_winners_tested": tuned.looks,
        "runs": [run.record.name for run in tuned.runs],
        "study": study_document(tuned.study),
        "page": str(page),
    }


def _finalist(one: Finalist) -> JSON:
    return {
        "family": str(one.family),
        "trial": one.number if one.number >= 0 else None,
        "values": dict(one.values),
        "is_first": one.is_first,
        "scores": list(one.scores),
        "mean": one.mean,
    }


def _search(one: FamilySearch) -> JSON:
    return {
        "family": str(one.family),
        "name": one.name,
        "space": _space(one.space),
        "trials": [_trial(trial) for trial in one.trials],
        "importance": dict(one.importance),
    }


def _space(space: Space) -> JSON:
    return {name: str(values) for name, values in space.items()}


def _trial(one: Trial) -> JSON:
    outcome = one.outcome
    return {
        "number": one.number,
        "values": dict(one.values),
        "state": str(outcome.state),
        "score": outcome.score,
        "epoch": outcome.epoch,
        "curve": encode(outcome.curve),
        "seconds": outcome.seconds,
        "problem": outcome.problem,
    }
