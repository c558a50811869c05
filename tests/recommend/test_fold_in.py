import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import minimize

from movierec_cli.recommend.fold_in import Opinions, fold_in

Floats = npt.NDArray[np.float32]


def rows(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, np.int64)


def spread_model(n_users: int = 200) -> tuple[Floats, Floats]:
    """Movies and users whose directions differ in spread, with means that are not zero."""
    n_movies, dim, generator = 60, 7, np.random.default_rng(0)
    widths = np.linspace(0.2, 1.5, dim)
    movies = generator.normal(0.3, 0.8, (n_movies, dim))
    users = 0.5 + generator.normal(size=(n_users, dim)) * widths @ generator.normal(size=(dim, dim)) / 3
    return movies.astype(np.float32), users.astype(np.float32)


N_GENRES, PER_GENRE = 4, 15


def clusters(n_users: int = 80) -> tuple[Floats, Floats]:
    """Films of four genres, each with a direction of its own, and users who lean to one genre each."""
    generator = np.random.default_rng(1)
    genres = np.eye(N_GENRES)
    movies = np.repeat(genres, PER_GENRE, axis=0) + generator.normal(0, 0.1, (N_GENRES * PER_GENRE, N_GENRES))
    users = 3 * genres[np.arange(n_users) % N_GENRES] + generator.normal(0, 0.3, (n_users, N_GENRES))
    return movies.astype(np.float32), users.astype(np.float32)


def of_genre(genre: int) -> slice:
    return slice(genre * PER_GENRE, (genre + 1) * PER_GENRE)


@pytest.mark.parametrize("strength", [0.05, 0.7, 20.0])
@pytest.mark.parametrize(
    "opinions", [Opinions(rows(3, 8, 21, 40), rows(5, 11)), Opinions(rows(4)), Opinions(disliked=rows(4))]
)
def test_the_embedding_is_the_maximum_that_another_optimizer_finds(
    opinions: Opinions, strength: float
) -> None:
    movies, users = spread_model()
    exact, mean = movies.astype(float), users.astype(float).mean(axis=0)
    n, dim = users.shape
    scatter = np.cov(users.astype(float).T, bias=True) * n
    covariance = (scatter + np.eye(dim) * np.trace(scatter) / n) / (n + dim)

    def loss(u: npt.NDArray[np.float64]) -> float:
        scores = exact @ u
        softmax = np.exp(scores) / np.exp(scores).sum()
        softplus = np.log1p(np.exp((exact[opinions.disliked] - exact.mean(axis=0)) @ u))
        prior = (u - mean) @ np.linalg.inv(covariance) @ (u - mean)
        return float(-np.log(softmax[opinions.liked]).sum() + softplus.sum() + strength / 2 * prior)

    expected = minimize(loss, mean, method="BFGS", options={"gtol": 1e-7})
    found = fold_in(movies, users, opinions, prior_strength=strength)
    np.testing.assert_allclose(found, expected.x, atol=1e-4)
    gain = movies @ (found - users.mean(axis=0))
    gain -= gain.mean()
    if len(opinions.liked) + len(opinions.disliked) == 1:
        assert (gain[opinions.liked] > 0).all() and (gain[opinions.disliked] < 0).all()


def test_the_same_opinions_give_the_same_embedding_in_whatever_order() -> None:
    movies, users = spread_model()
    one = fold_in(movies, users, Opinions(rows(1, 2, 3), rows(9, 8)))
    assert one.dtype == np.float32 and one.shape == (7,)
    np.testing.assert_array_equal(one, fold_in(movies, users, Opinions(rows(1, 2, 3), rows(9, 8))))
    np.testing.assert_allclose(one, fold_in(movies, users, Opinions(rows(3, 1, 2), rows(8, 9))), atol=1e-6)


def test_who_likes_a_few_movies_of_a_genre_is_recommended_the_others() -> None:
    movies, users = clusters()
    for genre in range(N_GENRES):
        liked = np.arange(5, dtype=np.int64) + of_genre(genre).start
        scores = movies @ fold_in(movies, users, Opinions(liked))
        scores[liked] = -np.inf
        best = np.argsort(-scores)[:10]
        assert np.count_nonzero(best // PER_GENRE == genre) >= 9


def test_disliked_movies_and_those_like_them_fall() -> None:
    movies, users = clusters()
    liked, disliked = rows(0, 1), rows(*range(of_genre(1).start, of_genre(1).start + 3))
    before = movies @ fold_in(movies, users, Opinions(liked))
    after = movies @ fold_in(movies, users, Opinions(liked, disliked))
    fall = before - after
    assert fall[of_genre(1)].min() > max(fall[of_genre(2)].max(), fall[of_genre(3)].max(), 0)


@pytest.mark.parametrize("n_users", [1, 2, 3])
def test_fewer_users_than_dimensions_will_do(n_users: int) -> None:
    movies, users = spread_model(n_users=n_users)
    found = fold_in(movies, users, Opinions(rows(0, 5), rows(2)))
    assert np.isfinite(found).all()
    if n_users == 1:  # nothing is known of how people differ
        np.testing.assert_allclose(found, users[0], atol=1e-6)


def test_large_scores_do_not_overflow_and_every_movie_may_be_liked() -> None:
    movies, users = spread_model()
    found = fold_in(1_000 * movies, users, Opinions(rows(0, 5), rows(2)))
    assert np.isfinite(found).all()
    assert (movies @ found)[[0, 5]].min() > (movies @ found)[2]
    assert np.isfinite(fold_in(movies, users, Opinions(np.arange(len(movies))))).all()


def test_numbers_that_are_not_finite_are_refused() -> None:
    movies, users = clusters()
    for damaged in (
        (movies, np.where(users > 1, np.nan, users)),
        (np.where(movies > 1, np.inf, movies), users),
    ):
        with pytest.raises(ValueError, match="not finite"):
            fold_in(*damaged, Opinions(rows(0)))


@pytest.mark.parametrize(("liked", "disliked"), [((), ()), ((1, 1), ()), ((1, 2), (2,)), ((), (3, 3))])
def test_opinions_are_of_something_and_of_each_movie_once(
    liked: tuple[int, ...], disliked: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="movie"):
        Opinions(rows(*liked), rows(*disliked))
