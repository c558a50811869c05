"""Epochs are validated on all users, or on some of them: which, whose ratings, and that it is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.config import SplitConfig, TrainingConfig
from movierec_cli.data.ragged import movies_of_users
from movierec_cli.data.split import split_ratings
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import Fitting, validated_users
from tests.saved_runs import run_config
from tests.small_dataset import small_dataset

DATASET = small_dataset()
SPLIT = split_ratings(DATASET.ratings, SplitConfig(validation_fraction=0.3))
SEEN = movies_of_users(DATASET, SPLIT.train)


class Listener(TrainingObserver):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, message: str) -> None:
        self.notes.append(message)


def evaluated(
    most: int = TrainingConfig().max_validation_users, seed: int = 42
) -> tuple[np.ndarray, list[str]]:
    config = run_config()
    assert config.training is not None
    training = replace(config.training, max_validation_users=most, seed=seed)
    listener = Listener()
    fitting = Fitting(DATASET, SPLIT, replace(config, training=training), listener, Path())
    return fitting.evaluated_rows(SEEN), listener.notes


def test_all_ratings_of_so_many_users_are_kept_and_it_is_said() -> None:
    every, silent = evaluated()
    some, notes = evaluated(5)
    users = DATASET.ratings.user_index
    chosen = np.unique(users[some])
    assert len(chosen) == 5
    assert some.tolist() == [row for row in every.tolist() if users[row] in chosen]
    n_users = len(np.unique(users[every]))
    assert notes == [
        f"epochs are validated on 5 of {n_users} users, chosen at random (--max_validation_users)"
    ]
    assert silent == []


def test_every_seed_validates_on_the_same_users_and_as_many_as_there_are_are_all() -> None:
    assert evaluated(5, seed=1)[0].tolist() == evaluated(5, seed=2)[0].tolist()
    every = evaluated()[0].tolist()
    assert evaluated(10_000) == (pytest.approx(every), [])


def test_which_users_it_is_depends_on_who_they_are_and_not_on_the_order_of_their_ratings() -> None:
    training = TrainingConfig(max_validation_users=3)
    users = np.array([5, 5, 9, 1, 7, 3, 9, 2], np.int32)
    shuffled = np.random.default_rng(0).permutation(users)
    assert sorted(validated_users(users, training)) == sorted(validated_users(shuffled, training))
