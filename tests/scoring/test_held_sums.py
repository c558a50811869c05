"""Weights in memory with their square: the scores of new users are those of the weights alone."""

import numpy as np
import pytest

from movierec_cli.config import Family
from movierec_cli.recommend.explanation import explain
from movierec_cli.recommend.fold_in import Opinions
from movierec_cli.recommend.users import User, new_user, user_of
from movierec_cli.registry.store import Run, load_run
from movierec_cli.scoring.held_sums import HeldSums, HeldSumsOfNewUser, scores_of_each
from tests.saved_runs import baseline_run
from tests.small_dataset import N_MOVIES, small_dataset


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return baseline_run(tmp_path_factory.mktemp("saved_models"), small_dataset(), Family.EASE)


@pytest.fixture(scope="module")
def holding(plain: Run) -> Run:
    run = load_run(plain.folder)
    run.hold()
    return run


def somebody(run: Run, seed: int) -> User:
    rows = np.random.default_rng(seed).permutation(N_MOVIES)
    n = 1 + seed % 7
    return new_user(run, Opinions(liked=rows[:n], disliked=rows[n : n + seed % 3]))


def test_new_users_are_scored_as_without_it_alone_or_many_at_once(plain: Run, holding: Run) -> None:
    users = [somebody(holding, seed) for seed in range(12)] + [user_of(holding, 3), user_of(holding, 4)]
    assert isinstance(users[0].scorer_in(holding), HeldSumsOfNewUser)
    expected = [somebody(plain, seed) for seed in range(12)] + [user_of(plain, 3), user_of(plain, 4)]
    at_once = scores_of_each(
        [user.scorer_in(holding) for user in users], np.stack([user.embedding for user in users])
    )
    for user, other, scores in zip(users, expected, at_once, strict=True):
        alone = user.scorer_in(holding).scores(user.embedding[None])[0]
        assert np.array_equal(alone, scores)
        assert scores == pytest.approx(other.scorer_in(plain).scores(other.embedding[None])[0], abs=1e-6)


def test_reasons_are_those_without_it(plain: Run, holding: Run) -> None:
    pairs = zip(
        explain(plain, somebody(plain, 5), [1, 2]),
        explain(holding, somebody(holding, 5), [1, 2]),
        strict=True,
    )
    for expected, given in pairs:
        assert given.average == pytest.approx(expected.average, abs=1e-6)
        assert dict(given.of_movies) == pytest.approx(dict(expected.of_movies), abs=1e-6)


def test_too_many_weights_are_not_held(plain: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("movierec_cli.scoring.held_sums.LARGEST_BYTES", 8 * N_MOVIES**2 - 1)
    run = load_run(plain.folder)
    run.hold()
    assert not isinstance(run.scorer, HeldSums)
