"""The rating head of a model as plain arrays: predicts stars without TensorFlow.

For a user's vector u, a movie's vector m and a few numbers x of both,

    stars = mean + bias of user + bias of movie + scale · (u · m) + linear · x + dense([u, m, u ∘ m, x])

cut to the data set's scale. The dense layers are relu between, linear last. Users are as at their last
training rating.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_BLOCK = 65_536  # pairs at a time


@dataclass(frozen=True)
class RatingHead:
    """Rows of users and movies are those of the run's ids.

    Raises:
        ValueError: shapes or dtypes do not fit together.
    """

    user_vectors: _Floats  # [n_users, width]
    movie_vectors: _Floats  # [n_movies, width]
    user_bias: _Floats  # [n_users], stars
    movie_bias: _Floats  # [n_movies], stars
    user_numbers: _Floats  # [n_users, a]
    movie_numbers: _Floats  # [n_movies, b]
    linear: _Floats  # [a + b]
    dense: tuple[tuple[_Floats, _Floats], ...]  # kernel [n_in, n_out] and bias [n_out] of each layer
    scale: float
    mean: float  # stars
    lowest: float  # stars
    highest: float  # stars

    def __post_init__(self) -> None:
        width, n_of_user = _n_columns(self.user_vectors), _n_columns(self.user_numbers)
        shapes = {
            "user_vectors": (self.user_bias.size, width),
            "movie_vectors": (self.movie_bias.size, width),
            "user_bias": (self.user_bias.size,),
            "movie_bias": (self.movie_bias.size,),
            "user_numbers": (self.user_bias.size, n_of_user),
            "movie_numbers": (self.movie_bias.size, self.linear.size - n_of_user),
            "linear": (self.linear.size,),
        }
        for name, shape in shapes.items():
            _require_floats(name, getattr(self, name), shape)
        inputs = 3 * width + self.linear.size
        for place, (kernel, bias) in enumerate(self.dense):
            _require_floats(f"bias_{place}", bias, (bias.size,))
            _require_floats(f"kernel_{place}", kernel, (inputs, bias.size))
            inputs = bias.size
        if not self.dense or inputs != 1:
            raise ValueError(f"{len(self.dense)} dense layers end in {inputs} numbers, not in 1")

    def stars(self, users: npt.NDArray[Any], movies: npt.NDArray[Any]) -> _Floats:
        """The predicted ratings of pairs of rows: [n_pairs]."""
        starts = range(0, len(users), _BLOCK)
        parts = [
            self._block(users[start : start + _BLOCK], movies[start : start + _BLOCK]) for start in starts
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _block(self, users: npt.NDArray[Any], movies: npt.NDArray[Any]) -> _Floats:
        of_user, of_movie = self.user_vectors[users], self.movie_vectors[movies]
        product = of_user * of_movie
        numbers = np.concatenate([self.user_numbers[users], self.movie_numbers[movies]], axis=1)
        hidden = np.concatenate([of_user, of_movie, product, numbers], axis=1)
        for kernel, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        kernel, bias = self.dense[-1]
        # OpenBLAS, multiplying by a vector, has raised "invalid value" for finite numbers; einsum does not.
        stars = np.einsum("nh,h->n", hidden, kernel[:, 0]) + np.einsum("nx,x->n", numbers, self.linear)
        stars += bias + self.scale * product.sum(axis=1)
        stars += self.mean + self.user_bias[users] + self.movie_bias[movies]
        clipped: _Floats = np.clip(stars, self.lowest, self.highest).astype(np.float32)
        return clipped


def _n_columns(array: _Floats) -> int:
    return array.shape[1] if array.ndim == 2 else 0


def _require_floats(name: str, array: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape or array.dtype != np.float32:
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, not float32 of shape {shape}")
