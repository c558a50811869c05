"""What a search tries next is decided by what is known, and by nothing else."""

import random

import numpy as np
import pytest

from movierec_cli.config.search_space import dimension
from movierec_cli.experiment.proposals import (
    PRUNED_FROM,
    WARMUP_SHARE,
    MedianPruner,
    TpeProposer,
    importance,
)
from movierec_cli.experiment.trials import Outcome, Trial, TrialState
from tests.all_tests import needs

needs("optuna")

SPACE = {
    "learning_rate": dimension("learning_rate", "0.001..0.1:log"),
    "dropout": dimension("dropout", "0..0.8"),
    "embedding_size": dimension("embedding_size", "8..64:log"),
    "layer_sizes": dimension("layer_sizes", "64,128+64"),
}
FIRST = {"learning_rate": 0.1, "dropout": 0.0, "embedding_size": 8, "layer_sizes": "64"}
PROPOSER = TpeProposer(SPACE, FIRST, 42)


def finished(number: int, values: dict[str, object], score: float, curve: tuple[float, ...] = ()) -> Trial:
    points = tuple((5 * place, one) for place, one in enumerate(curve or (score,), start=1))
    outcome = Outcome(state=TrialState.FINISHED, score=score, epoch=5, curve=points, seconds=random.random())
    return Trial(number=number, values=values, outcome=outcome)


def some(n: int, lag: int = 0) -> list[Trial]:
    done: list[Trial] = []
    for number in range(n):
        proposal = PROPOSER.propose(number, done, lag)
        assert proposal is not None
        score = 1 - abs(np.log10(proposal.values["learning_rate"]) + 2)
        done.append(finished(number, dict(proposal.values), float(score)))
    return done


def test_the_first_trial_has_the_first_settings_and_all_are_in_the_space() -> None:
    done = some(15)
    assert done[0].values == FIRST
    assert all(one.values[name] in values for one in done for name, values in SPACE.items())
    assert all(isinstance(one.values["embedding_size"], int) for one in done)


def test_a_proposal_hangs_on_the_number_and_the_trials_alone() -> None:
    done = some(20)
    again = PROPOSER.propose(20, done, 0), PROPOSER.propose(20, done[:], 0)
    assert again[0] == again[1]
    assert TpeProposer(SPACE, FIRST, 43).propose(20, done, 0) != again[0]
    better = [*done[:-1], finished(19, dict(done[-1].values), 5.0)]
    assert PROPOSER.propose(20, better, 0).values != again[0].values  # type: ignore[union-attr]


def test_with_a_lag_later_trials_do_not_matter_and_missing_ones_are_waited_for() -> None:
    done = some(20, lag=4)
    for known in range(16, 21):
        assert PROPOSER.propose(20, done[:known], 4) == PROPOSER.propose(20, done[:16], 4)
    assert PROPOSER.propose(20, done[:15], 4) is None


def test_it_learns_where_the_good_ones_are() -> None:
    done = some(40)
    drawn, learned = (np.mean([1 - one.score for one in part]) for part in (done[1:11], done[-10:]))
    assert learned < 0.5 * drawn


def test_the_pruner_compares_with_the_median_at_the_epoch() -> None:
    curves = np.random.default_rng(0).random((7, 4))
    seen = [finished(number, FIRST, float(one[-1]), tuple(one)) for number, one in enumerate(curves)]
    num_epochs = int(10 / WARMUP_SHARE)  # none is given up before epoch 10
    medians = np.median(curves, axis=0)
    for place in range(4):
        for difference in (-1e-3, 1e-3):
            curve = tuple((5 * at, 0.0) for at in range(1, place + 1))
            told = (*curve, (5 * (place + 1), float(medians[place] + difference)))
            is_late = 5 * (place + 1) >= 10
            assert MedianPruner(seen, num_epochs).gives_up(told) is (is_late and difference < 0)
    few = seen[: PRUNED_FROM - 1]
    assert not MedianPruner(few, num_epochs).gives_up(((5, 0.0), (10, 0.0)))


def test_the_setting_that_decides_is_the_important_one() -> None:
    found = importance(some(30), SPACE)
    assert sum(found.values()) == pytest.approx(1)
    assert next(iter(found)) == "learning_rate" and found["learning_rate"] > 0.5
    assert importance(some(5), SPACE) == {}
    alike = [finished(number, dict(one.values), 0.5) for number, one in enumerate(some(10))]
    assert importance(alike, SPACE) == {}
