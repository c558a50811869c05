import numpy as np
import pytest
from sklearn.decomposition import PCA

from movierec_cli.reports.web.movie_map import movie_map, telling_genres


def vectors(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


def test_movies_of_equal_popularity_stand_where_scikit_learn_puts_their_directions() -> None:
    embeddings = vectors(200, 8) * np.linspace(3, 1, 8, dtype=np.float32)
    where = movie_map(embeddings, np.full(200, 7))
    centred = (embeddings - embeddings.mean(axis=0)).astype(np.float64)
    reference = PCA(n_components=2).fit(centred / np.linalg.norm(centred, axis=1, keepdims=True))
    places = reference.transform(centred / np.linalg.norm(centred, axis=1, keepdims=True))
    assert where.places == pytest.approx(places * np.sign(places[0] * where.places[0]), abs=1e-5)
    assert where.variance == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-5)


def test_popularity_orders_no_axis_however_much_of_the_embeddings_it_is() -> None:
    rng = np.random.default_rng(1)
    popularity = rng.integers(1, 3000, 500)
    kinds = rng.integers(0, 2, 500)
    embeddings = vectors(500, 8, seed=2)
    embeddings[:, 0] += 20 * np.log1p(popularity)
    embeddings[:, 1] += 8 * kinds
    where = movie_map(embeddings, popularity)
    for axis in where.places.T:
        assert abs(np.corrcoef(axis, np.log1p(popularity))[0, 1]) < 0.1
    assert abs(np.corrcoef(where.places[:, 0], kinds)[0, 1]) > 0.9


def test_movies_without_a_rating_decide_nothing() -> None:
    embeddings, popularity = vectors(60, 5), np.r_[np.full(40, 9), np.zeros(20, int)]
    moved = embeddings.copy()
    moved[40:] = 100 * vectors(20, 5, seed=3)
    before, after = movie_map(embeddings, popularity), movie_map(moved, popularity)
    assert after.places[:40] == pytest.approx(before.places[:40], abs=1e-6)
    assert after.variance == pytest.approx(before.variance)


@pytest.mark.parametrize(("n", "dim"), [(1, 4), (2, 4), (5, 1), (3, 2)])
def test_few_movies_or_dimensions_have_places_too(n: int, dim: int) -> None:
    for popularity in (np.arange(n), np.zeros(n, int)):
        where = movie_map(vectors(n, dim), popularity)
        assert where.places.shape == (n, 2) and np.isfinite(where.places).all()
        assert 0 <= where.variance <= 1 + 1e-9


def test_alike_movies_stand_in_one_place() -> None:
    where = movie_map(np.ones((4, 3), np.float32), np.arange(4))
    assert np.abs(where.places).max() < 1e-6 and where.variance == 0


def test_the_genres_that_stand_most_apart_are_told_rarest_first() -> None:
    places = np.array([[-1, 0], [-1, 0], [-1, 0], [1, 0], [1, 0], [1, 0]], np.float32)
    left, first_right, everywhere, nowhere = (
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0],
        [1, 0, 0, 1, 0, 0],
        [0] * 6,
    )
    genres = np.array([everywhere, left, nowhere, first_right], bool).T
    assert telling_genres(places, genres, 2) == (3, 1)
    assert telling_genres(places, genres, 6) == (0, 3, 1)
