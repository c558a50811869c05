"""EASE against its formula written out, the inverse against NumPy's, the climb against every place."""

import numpy as np
import pytest

from movierec_cli.errors import MovierecError
from movierec_cli.models.baselines import ease
from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.ease import EASE, MOST_MOVIES, gram_matrix
from movierec_cli.models.baselines.fit_baseline import climb

N_USERS, N_MOVIES = 40, 17


@pytest.fixture
def interactions() -> np.ndarray:
    """[n_users, n_movies]; user 3 rated nothing, nobody rated movie 5."""
    matrix = np.random.default_rng(2).random((N_USERS, N_MOVIES)) < 0.3
    matrix[3] = matrix[:, 5] = False
    return matrix


def part_of(interactions: np.ndarray) -> TrainingRatings:
    user, movie = (places.astype(np.int32) for places in np.nonzero(interactions))
    return TrainingRatings(
        user, movie, np.zeros(len(user), np.int64), np.ones(len(user)), *interactions.shape
    )


def slow_ease(interactions: np.ndarray, l2: float) -> np.ndarray:
    x = interactions.astype(np.float64)
    p = np.linalg.inv(x.T @ x + l2 * np.eye(x.shape[1]))
    weights = np.zeros_like(p)
    for i in range(len(p)):
        for j in range(len(p)):
            weights[i, j] = 0.0 if i == j else -p[i, j] / p[j, j]
    return x @ weights


@pytest.mark.parametrize("l2", [0.5, 100.0])
def test_ease_equals_its_formula_written_out(interactions, l2):
    part = part_of(interactions)
    scorer = EASE.prepare(part)({"l2": l2})
    users = np.array([7, 0, 39, 7])
    np.testing.assert_allclose(
        scorer.score_users(users), slow_ease(interactions, l2)[users], rtol=1e-5, atol=1e-7
    )
    assert scorer.n_parameters == N_MOVIES * (N_MOVIES - 1)


def test_the_gram_matrix_counts_users_of_both_movies(interactions, monkeypatch):
    monkeypatch.setattr(ease, "GRAM_ROWS", 5)
    expected = [
        [int((interactions[:, i] & interactions[:, j]).sum()) for j in range(N_MOVIES)]
        for i in range(N_MOVIES)
    ]
    assert gram_matrix(part_of(interactions).matrix).tolist() == expected


@pytest.mark.parametrize("n", [1, 2, 7, 64, 101])
@pytest.mark.parametrize(("whole", "block"), [(1, 3), (16, 8), (512, 256)])
def test_inverting_in_place_equals_numpy(n, whole, block, monkeypatch):
    monkeypatch.setattr(ease, "WHOLE_ROWS", whole)
    monkeypatch.setattr(ease, "BLOCK_ROWS", block)
    factor = np.random.default_rng(n).normal(size=(n, n))
    matrix = factor @ factor.T + np.eye(n)
    expected = np.linalg.inv(matrix)
    ease.invert(matrix)
    np.testing.assert_allclose(matrix, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


def test_a_catalogue_too_large_to_invert_is_refused():
    nobody = np.zeros(0, np.int32)
    part = TrainingRatings(nobody, nobody, np.zeros(0, np.int64), np.zeros(0), 5, MOST_MOVIES + 1)
    with pytest.raises(MovierecError, match=r"20,001 × 20,001 \(3\.0 GiB\).*--baselines popularity"):
        EASE.prepare(part)


@pytest.mark.parametrize("top", range(6))
@pytest.mark.parametrize("start", range(6))
def test_climbing_finds_the_only_top_and_asks_no_place_twice(start, top):
    asked: list[int] = []

    def height(place: int) -> float:
        asked.append(place)
        return -abs(place - top)

    assert climb(height, start, 6) == top
    assert len(asked) == len(set(asked)) <= abs(start - top) + 3
