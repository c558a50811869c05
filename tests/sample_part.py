"""A part of the embedded sample that is trained on quickly."""

from dataclasses import replace
from typing import Any

import numpy as np

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.sample import simulate_sample


def part_of_the_sample(n_users: int = 300) -> Dataset:
    """The ratings of its first users."""
    sample = simulate_sample()
    rows = np.flatnonzero(sample.ratings.user_index < n_users)
    every = vars(sample.ratings).items()
    columns: dict[str, Any] = {name: one[rows] for name, one in every if isinstance(one, np.ndarray)}
    users = {
        name: column[:n_users] if isinstance(column, np.ndarray) else column
        for name, column in vars(sample.users).items()
    }
    return replace(sample, ratings=replace(sample.ratings, **columns), users=replace(sample.users, **users))
