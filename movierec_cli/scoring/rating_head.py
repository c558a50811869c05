"""The rating head of a model as plain arrays: predicts stars without TensorFlow.

For a user's vector u, a movie's vector m and a few numbers x of both,

    stars = mean + bias of user + bias of movie + scale · (u · m) + linear · x + dense([u, m, u ∘ m, x])

cut to the data set's scale. The last of the numbers says how the user likes the movie's genres: the product
of their tastes and of the movie's genres. The dense layers are relu between, linear last. Users are as at
their last training rating.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass
from movierec_cli.scoring.towers import Dense, check_dense
from movierec_cli.storage.constraints import Finite

_Floats = npt.NDArray[np.float32]
_BLOCK = 65_536  # pairs at a time


@dataclass(frozen=True)
class RatingHead:
    """Rows of users and movies are those of the run's ids.

    Raises:
        ValueError: shapes do not fit together.
    """

    user_vectors: Annotated[_Floats, "n_users", "width", Finite()]
    movie_vectors: Annotated[_Floats, "n_movies", "width", Finite()]
    user_bias: Annotated[_Floats, "n_users", Finite()]  # stars
    movie_bias: Annotated[_Floats, "n_movies", Finite()]  # stars
    user_numbers: Annotated[_Floats, "n_users", "a", Finite()]
    movie_numbers: Annotated[_Floats, "n_movies", "b", Finite()]
    user_tastes: Annotated[_Floats, "n_users", "n_genres", Finite()] | None
    movie_genres: Annotated[_Floats, "n_movies", "n_genres", Finite()] | None  # None of both: no such number
    linear: Annotated[_Floats, "n_numbers", Finite()]
    dense: Dense
    scale: Annotated[float, Finite()]
    mean: Annotated[float, Finite()]  # stars
    lowest: Annotated[float, Finite()]  # stars
    highest: Annotated[float, Finite()]  # stars

    def __post_init__(self) -> None:
        if (self.user_tastes is None) is not (self.movie_genres is None):
            raise ValueError("tastes and genres go together")
        n_numbers = self.user_numbers.shape[1] + self.movie_numbers.shape[1] + (self.movie_genres is not None)
        if self.linear.size != n_numbers or self.lowest > self.highest:
            raise ValueError(
                f"{self.linear.size} weights of {n_numbers} numbers, stars {self.lowest} to {self.highest}"
            )
        n_out = check_dense(self.dense, 3 * self.user_vectors.shape[1] + n_numbers)
        if not self.dense or n_out != 1:
            raise ValueError(f"{len(self.dense)} dense layers end in {n_out} numbers, not in 1")

    def stars(self, users: npt.NDArray[Any], movies: npt.NDArray[Any]) -> _Floats:
        """The predicted ratings of pairs of rows: [n_pairs]."""
        starts = range(0, len(users), _BLOCK)
        parts = [
            self._block(users[start : start + _BLOCK], movies[start : start + _BLOCK]) for start in starts
        ]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def of_person(
        self, vector: npt.NDArray[Any], bias: float, numbers: npt.NDArray[Any], tastes: npt.NDArray[Any]
    ) -> RatingHead:
        """The head with one user alone, of this vector [width], bias, numbers [a] and tastes [n_genres]."""
        return replace(
            self,
            user_vectors=vector[None].astype(np.float32),
            user_bias=np.array([bias], np.float32),
            user_numbers=numbers[None].astype(np.float32),
            user_tastes=None if self.user_tastes is None else tastes[None].astype(np.float32),
        )

    def rescaled(self, factor: float, offset: float) -> RatingHead:
        """A head that predicts factor · stars + offset; the factor is above 0."""
        (*hidden, (kernel, bias)), width = self.dense, np.float32(factor)
        return replace(
            self,
            user_bias=self.user_bias * width,
            movie_bias=self.movie_bias * width,
            linear=self.linear * width,
            dense=(*hidden, (kernel * width, bias * width)),
            scale=self.scale * factor,
            mean=self.mean * factor + offset,
            lowest=self.lowest * factor + offset,
            highest=self.highest * factor + offset,
        )

    def _block(self, users: npt.NDArray[Any], movies: npt.NDArray[Any]) -> _Floats:
        of_user, of_movie = self.user_vectors[users], self.movie_vectors[movies]
        product = of_user * of_movie
        parts = [self.user_numbers[users], self.movie_numbers[movies]]
        if self.user_tastes is not None and self.movie_genres is not None:
            together = np.einsum("ng,ng->n", self.user_tastes[users], self.movie_genres[movies])
            parts.append(together[:, None])
        numbers = np.concatenate(parts, axis=1)
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
