"""The embedding of a new user, from the movies they like and dislike, without training."""

from dataclasses import field

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

PRIOR_STRENGTH = 1.0
"""The users' spread as it is. Of 0.1 … 30 it was the best for users with all their movies and with five."""

SEEN_WEIGHT = 0.5
"""Of a movie that was watched, and nothing more is known of it.

On 100K, recall@100 of what new users watch was .658, .681 and .690 where movies that they did not rate highly
counted 0, this and 1; but what was watched need not have been liked.
"""

_MAX_STEPS = 100
_SETTLED = 1e-10  # squared Newton decrement after which one more whole step ends at the precision of floats
_SUFFICIENT = 1e-4  # fraction of the promised decrease that a step must reach (Armijo)

_Floats = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]


def _none() -> _Rows:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Opinions:
    """The movies a user likes, dislikes and saw, as rows of a model's movies, each once.

    Raises:
        ValueError: there is no movie, or one is there twice.
    """

    liked: _Rows = field(default_factory=_none)  # [n_liked]
    disliked: _Rows = field(default_factory=_none)  # [n_disliked]
    seen: _Rows = field(default_factory=_none)  # [n_seen], each of which counts `SEEN_WEIGHT` of a liked one

    @property
    def positives(self) -> _Rows:
        """What speaks for similar movies: liked ones, then seen ones."""
        return np.concatenate([self.liked, self.seen])

    @property
    def weights(self) -> _Floats:
        """How much each of the positives counts: [n_liked + n_seen]."""
        return np.repeat([1.0, SEEN_WEIGHT], [len(self.liked), len(self.seen)])

    def __post_init__(self) -> None:
        rows = np.concatenate([self.liked, self.disliked, self.seen])
        if len(rows) == 0:
            raise ValueError("opinions are of one movie at least")
        if len(set(rows.tolist())) < len(rows):  # np.unique would import numpy.ma, a third of numpy
            raise ValueError("a movie is named twice")


def fold_in(
    movie_embeddings: npt.NDArray[np.float32],
    user_embeddings: npt.NDArray[np.float32],
    opinions: Opinions,
    *,
    prior_strength: float = PRIOR_STRENGTH,
) -> npt.NDArray[np.float32]:
    """The most probable embedding u of a new user, with the model's users as the prior.

    It maximises Σ_liked w_i log softmax(M u)_i − Σ_disliked log(1 + exp(u · (m_j − mean of M)))
    − strength / 2 (u − μ)ᵀ S⁻¹ (u − μ). The first sum is what models are trained on, a softmax over the
    catalogue, where seen movies weigh less than liked ones; the second takes a disliked movie below the
    average one; the last is a normal prior with the users' mean μ and their covariance S, which is shrunk a
    little towards a sphere so that a few users have one too. The sum is strictly concave, so Newton's method
    with backtracking (Boyd and Vandenberghe, Convex Optimization, 9.5) finds its one maximum, in float64.

    Args:
        movie_embeddings: M, [n_movies, dim].
        user_embeddings: of the users that the model was trained on, [n_users, dim].
        opinions: rows of M.
        prior_strength: above 0; larger values keep the new user nearer to the average user.

    Returns:
        float32 [dim], to be multiplied with movie embeddings like any user's.

    Raises:
        ValueError: an embedding is not finite.
    """
    if not np.isfinite(user_embeddings).all() or not np.isfinite(movie_embeddings).all():
        raise ValueError("an embedding holds a number that is not finite")
    mean, root = _users_spread(user_embeddings)
    exact = movie_embeddings.astype(np.float64)
    problem = _Problem(exact @ root, exact @ mean, opinions, prior_strength)
    return (mean + root @ _minimum(problem, len(mean))).astype(np.float32)


def fold_in_factors(
    movie_factors: npt.NDArray[np.float32], opinions: Opinions, *, regularization: float, alpha: float
) -> npt.NDArray[np.float32]:
    """The factors u of a new user of iALS, by the least squares that its training solves for each user.

    They minimise Σ c_i (p_i − u · y_i)² + regularization |u|² over all movies (Hu, Koren & Volinsky 2008,
    equation 4): c = alpha and p = 1 for what is liked, c = 1 and p = 0 for what is not known. Of what is
    seen c is between these by `SEEN_WEIGHT`; of what is disliked, which iALS is not trained on, c = alpha
    and p = −1.

    Args:
        movie_factors: Y, [n_movies, dim].
        opinions: rows of Y.
        regularization: of the training.
        alpha: likewise.

    Returns:
        float32 [dim].

    Raises:
        ValueError: there is no one minimum.
    """
    exact = movie_factors.astype(np.float64)
    own = exact[np.concatenate([opinions.positives, opinions.disliked])]  # [n_opinions, dim]
    n_disliked = len(opinions.disliked)
    more = (alpha - 1) * np.append(opinions.weights, np.ones(n_disliked))  # confidence above 1, [n_opinions]
    preferences = np.repeat([1.0, -1.0], [len(own) - n_disliked, n_disliked])
    squares = exact.T @ exact + (own * more[:, None]).T @ own + regularization * np.eye(exact.shape[1])
    try:
        return np.linalg.solve(squares, (preferences * (1 + more)) @ own).astype(np.float32)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"regularization {regularization:g} and alpha {alpha:g} fit no factors") from error


def _users_spread(users: npt.NDArray[np.float32]) -> tuple[_Floats, _Floats]:
    """The mean, and a root of the covariance: embeddings are mean + root v with v standard normal."""
    exact = users.astype(np.float64)
    n_users, dim = exact.shape
    mean = exact.mean(axis=0)
    scatter = (exact - mean).T @ (exact - mean)
    # As if `dim` more users had been seen, spread alike in all directions (an inverse Wishart prior).
    sphere = np.eye(dim) * np.trace(scatter) / n_users
    variances, axes = np.linalg.eigh((scatter + sphere) / (n_users + dim))
    return mean, axes * np.sqrt(np.maximum(variances, 0.0))


@dataclass(frozen=True)
class _Problem:
    """What is minimised, as a function of v, where u = mean + root v: there the prior is |v|² / 2."""

    movies: _Floats  # [n_movies, dim]
    offsets: _Floats  # [n_movies], scores of the mean user
    opinions: Opinions
    prior_strength: float

    def value(self, v: _Floats) -> float:
        scores, weights = self._scores(v), self.opinions.weights
        likelihood = weights @ scores[self.opinions.positives] - weights.sum() * _log_sum_exp(scores)
        penalty = np.logaddexp(0.0, self._above_average(scores)).sum()
        return float(penalty - likelihood + self.prior_strength / 2 * (v @ v))

    def derivatives(self, v: _Floats) -> tuple[_Floats, _Floats]:
        """The gradient [dim] and the Hessian [dim, dim]."""
        scores, counts = self._scores(v), self.opinions.weights
        n_positives = counts.sum()
        weights = np.exp(scores - _log_sum_exp(scores))  # [n_movies], adds up to 1
        expected = weights @ self.movies  # [dim]
        covariance = (self.movies * weights[:, None]).T @ self.movies - np.outer(expected, expected)
        away = self.movies[self.opinions.disliked] - self.movies.mean(axis=0)  # [n_disliked, dim]
        pull = 0.5 + 0.5 * np.tanh(self._above_average(scores) / 2)  # the logistic function
        gradient = n_positives * expected - counts @ self.movies[self.opinions.positives] + pull @ away
        hessian = n_positives * covariance + (away * (pull * (1 - pull))[:, None]).T @ away
        return gradient + self.prior_strength * v, hessian + self.prior_strength * np.eye(len(v))

    def _scores(self, v: _Floats) -> _Floats:
        return self.offsets + self.movies @ v

    def _above_average(self, scores: _Floats) -> _Floats:
        above: _Floats = scores[self.opinions.disliked] - scores.mean()
        return above


def _minimum(problem: _Problem, dim: int) -> _Floats:
    v, value = np.zeros(dim), problem.value(np.zeros(dim))
    for _ in range(_MAX_STEPS):
        gradient, hessian = problem.derivatives(v)
        step = np.linalg.solve(hessian, -gradient)
        decrease = float(-gradient @ step)  # promised to first order: the squared Newton decrement
        if decrease <= _SETTLED:
            return v + step
        length = 1.0
        while (reached := problem.value(v + length * step)) > value - _SUFFICIENT * length * decrease:
            length /= 2
        v, value = v + length * step, reached
    raise ArithmeticError(f"no minimum in {_MAX_STEPS} Newton steps, which cannot be as the sum is convex")


def _log_sum_exp(scores: _Floats) -> float:
    largest = scores.max()
    return float(largest + np.log(np.exp(scores - largest).sum()))
