"""What the benchmark of few likes computes by itself."""

import numpy as np
import pytest

from movierec_cli.scoring.item_scorer import ItemSums
from movierec_cli.scoring.item_weights import Histories, ItemWeights, WeightsInMemory
from tests.bench.few_likes import NewUser, parted, recall

N_MOVIES = 30


def test_users_are_parted_into_what_is_told_and_what_is_looked_for() -> None:
    liked = [np.arange(7), np.arange(10, 20), np.arange(3)]
    users = parted(liked, 3)
    assert [len(user.others) for user in users] == [7]  # of seven, four would be left
    (user,) = users
    assert len(user.named) == 3 and sorted([*user.named, *user.others]) == list(range(10, 20))


def test_recall_is_of_what_is_looked_for_among_the_ten_best_that_were_not_named() -> None:
    weights = ItemWeights(np.tile(np.arange(N_MOVIES, dtype=np.float32)[::-1], N_MOVIES))  # the first is best
    known = Histories.of(
        np.zeros(1, np.int64), np.zeros(0, np.int32), weights, N_MOVIES * np.arange(N_MOVIES + 1)
    )
    scorer = ItemSums(known, np.zeros(N_MOVIES, np.float32), WeightsInMemory(known, weights))
    user = NewUser(named=np.array([0, 4]), others=np.array([1, 11, 12, 29]))  # the ten best end at 11
    assert recall(scorer, user) == pytest.approx(2 / 4)
