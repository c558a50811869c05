"""The item-item half of a hybrid: its formula written out, and what is kept of a large catalogue."""

import numpy as np
import pytest

from movierec_cli.models.baselines.baseline import TrainingRatings
from movierec_cli.models.baselines.ease import gram_matrix
from movierec_cli.models.hybrid import item_evidence
from movierec_cli.models.hybrid.item_evidence import ItemEvidence

N_USERS, N_MOVIES, L2 = 40, 17, 30.0


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


def slow_gram(interactions: np.ndarray) -> np.ndarray:
    """Of users who count by n^−1/4, scaled so that all their ratings together count as much as before."""
    lengths = interactions.sum(axis=1)
    of_user = [n**-0.25 if n else 0.0 for n in lengths]
    scale = lengths.sum() / sum(n * own for n, own in zip(lengths, of_user, strict=True))
    gram = np.zeros((interactions.shape[1],) * 2)
    for row, own in zip(interactions, of_user, strict=True):
        for i in np.flatnonzero(row):
            for j in np.flatnonzero(row):
                gram[i, j] += scale * own
    return gram


def slow_weights(gram: np.ndarray) -> np.ndarray:
    p = np.linalg.inv(gram + L2 * np.eye(len(gram)))
    return np.array([[0.0 if i == j else -p[i, j] / p[j, j] for j in range(len(p))] for i in range(len(p))])


def test_the_gram_matrix_counts_each_user_by_a_weight(interactions: np.ndarray) -> None:
    of_user = np.random.default_rng(0).random(N_USERS).astype(np.float32)
    expected = np.zeros((N_MOVIES, N_MOVIES))
    for row, weight in zip(interactions, of_user, strict=True):
        expected += weight * np.outer(row, row)
    np.testing.assert_allclose(gram_matrix(part_of(interactions).matrix, of_user), expected, rtol=1e-5)


def test_weights_are_ease_s_where_users_count_by_how_little_they_rated(interactions: np.ndarray) -> None:
    evidence = ItemEvidence(part_of(interactions))
    gram = slow_gram(interactions)
    np.testing.assert_allclose(evidence.gram, gram, rtol=1e-5)
    assert np.diagonal(evidence.gram).sum() == pytest.approx(interactions.sum(), rel=1e-5)
    np.testing.assert_allclose(evidence.weights(L2), slow_weights(gram), rtol=1e-4, atol=1e-7)
    draft = evidence.weights(L2, draft=True)
    np.testing.assert_allclose(draft, slow_weights(gram), rtol=1e-3, atol=1e-5)


def test_of_a_large_catalogue_the_most_rated_movies_have_their_strongest_weights(
    interactions: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_evidence, "MOST_MOVIES", 8)
    monkeypatch.setattr(item_evidence, "KEPT", 3)
    evidence = ItemEvidence(part_of(interactions))
    often = interactions.sum(axis=0)
    most = sorted(sorted(range(N_MOVIES), key=lambda movie: (-often[movie], movie))[:8])
    assert evidence.movies.tolist() == most
    gram = slow_gram(interactions)[np.ix_(most, most)]  # a user counts by all that they rated
    np.testing.assert_allclose(evidence.gram, gram, rtol=1e-5)
    own = slow_weights(gram)
    expected = np.zeros((N_MOVIES, N_MOVIES))
    for row, movie in enumerate(most):
        for column in np.argsort(-np.abs(own[row]))[:3]:
            expected[movie, most[column]] = own[row, column]
    found = evidence.weights(L2)
    assert not isinstance(found, np.ndarray) and found.has_sorted_indices
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-4, atol=1e-7)
    assert [found[row].nnz for row in range(N_MOVIES)] == [3 if row in most else 0 for row in range(N_MOVIES)]
