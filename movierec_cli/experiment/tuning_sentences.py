"""What a search found, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from movierec_cli.config.search_space import shown_values
from movierec_cli.config.tune_options import Direction
from movierec_cli.evaluation.significance import PairedDifference
from movierec_cli.experiment.study import Study
from movierec_cli.experiment.trials import Trial, TrialState
from movierec_cli.experiment.tuned import FamilySearch, Finalist
from movierec_cli.experiment.wording import POINTS
from movierec_cli.text import counted


def trial_sentence(trial: Trial, metric: str, best: Trial | None) -> str:
    """One line a trial, when it has ended."""
    outcome, values = trial.outcome, shown_values(trial.values)
    if outcome.state is TrialState.FAILED:
        return f"trial {trial.number}: failed ({outcome.problem}); {values}"
    if outcome.state is TrialState.PRUNED:
        epoch, reached = outcome.curve[-1]
        return f"trial {trial.number}: stopped after epoch {epoch} at {metric} {reached:.4f}; {values}"
    mark = "the best so far" if best is None or best.number == trial.number else f"best {best.score:.4f}"
    seconds = f"{outcome.seconds:.1f} s"
    return f"trial {trial.number}: {metric} {trial.score:.4f} ({mark}), {seconds}; {values}"


def tuning_sentences(
    searches: Sequence[FamilySearch],
    finalists: Sequence[Finalist],
    study: Study,
    *,
    metric: str,
    direction: Direction | None,
    n_validation: int,
    looks: int,
) -> Iterator[str]:
    """What was found on validation, what test says of it, and what the search has cost."""
    winner = finalists[0]
    yield _on_validation(winner, finalists, metric, direction, several=len(searches) > 1)
    yield _on_test(winner, study, direction)
    n_trials = sum(len(one.trials) for one in searches)
    yield (
        f"{_counts(searches)} were compared on the same {n_validation:,} {study.data.interactions}s of"
        f" validation, so the best of {n_trials:,} figures there is too good by the choice; the figure on"
        " test is the answer."
    )
    if looks:
        yield (
            f"{counted(looks, 'other winner')} of this search {'was' if looks == 1 else 'were'} judged on"
            " test before: the more often one looks, the less the figure says."
        )


def _on_validation(
    winner: Finalist,
    finalists: Sequence[Finalist],
    metric: str,
    direction: Direction | None,
    *,
    several: bool,
) -> str:
    what = "settings" if direction is None else "features"
    of_family = f" of {winner.family.label}" if several else ""
    seeds = f"mean of {len(winner.scores)} seeds" if len(winner.scores) > 1 else "one seed"
    reached = f"{metric} {winner.mean:.4f} on validation ({seeds})"
    if winner.is_first:
        return f"No trial is better than the first {what}{of_family}: {reached}."
    first = next((one for one in finalists if one.is_first and one.family is winner.family), None)
    against = f"; the first {what} reach {first.mean:.4f}" if first is not None and first.mean else ""
    return f"The best {what}{of_family} are those of {winner.label}, {reached}{against}."


def _on_test(winner: Finalist, study: Study, direction: Direction | None) -> str:
    own = study.models[0].metrics[study.headline]
    interval = f"95 % CI {own.low:.4f} … {own.high:.4f}"
    reached = f"On test they reach {study.headline} {own.mean:.4f} ({interval})"
    if winner.is_first or not study.differences:
        return f"{reached}."
    found = from_winner(study)
    what = "the first settings" if direction is None else "the first set"
    if found.is_higher:
        amount = POINTS.amount(found.difference, of=study.headline)
        return f"{reached}, {amount} more than {what}: the search found better ones."
    if found.is_lower:
        amount = POINTS.amount(found.difference, of=study.headline)
        return f"{reached}, {amount} less than {what}: what was better on validation is worse on test."
    return (
        f"{reached}, which is not significantly different from {what}:"
        f" {POINTS.with_p(found, of=study.headline)}."
    )


def from_winner(study: Study) -> PairedDifference:
    """How far the winner is above the first settings on test, in that direction."""
    (found,) = study.differences
    return found if found.a == study.models[0].label else found.reversed


def _counts(searches: Sequence[FamilySearch]) -> str:
    n_of: Mapping[TrialState, int] = {state: sum(one.n_of(state) for one in searches) for state in TrialState}
    words = {
        TrialState.PRUNED: "stopped early",
        TrialState.FAILED: "that could not be trained",
    }
    others = [f"{n_of[state]:,} {word}" for state, word in words.items() if n_of[state]]
    n_trials = counted(sum(n_of.values()), "trial")
    return f"{n_trials} ({', '.join(others)})" if others else n_trials
