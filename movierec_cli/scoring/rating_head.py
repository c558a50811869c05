"""The part of a model that predicts ratings, as plain arrays: stars without TensorFlow.

For a user's vector u, a movie's vector m and a few numbers x of both,

    stars = mean + bias of user + bias of movie + scale · (u · m) + linear · x + dense([u, m, u ∘ m, x])

cut to the data set's scale. The dense layers are relu between, linear last. Users stand as they were at their
last training rating.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.registry.arrays import Arrays, pack, unpack

FILE_NAME = "rating_head.npz"

_Floats = npt.NDArray[np.float32]
_BLOCK = 65_536  # pairs at a time

_OF_ROWS = (
    "user_vectors",
    "movie_vectors",
    "user_bias",
    "movie_bias",
    "user_numbers",
    "movie_numbers",
)
_SCALARS = ("scale", "mean", "lowest", "highest")


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
    dense: tuple[
        tuple[_Floats, _Floats], ...
    ]  # kernels [inputs, outputs] and biases [outputs], first to last
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


def to_bytes(head: RatingHead) -> bytes:
    """The content of the file."""
    arrays: Arrays = {name: getattr(head, name) for name in (*_OF_ROWS, "linear")}
    arrays |= {name: np.array(getattr(head, name), np.float64) for name in _SCALARS}
    for place, (kernel, bias) in enumerate(head.dense):
        arrays |= {f"kernel_{place}": kernel, f"bias_{place}": bias}
    return pack(arrays)


def from_bytes(content: bytes) -> RatingHead:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack(content)
    n_layers = sum(name.startswith("kernel_") for name in arrays)
    dense_names = [f"{part}_{place}" for place in range(n_layers) for part in ("kernel", "bias")]
    names = {*_OF_ROWS, "linear", *_SCALARS, *dense_names}
    if arrays.keys() != names:
        raise ValueError(f"{FILE_NAME} holds {sorted(arrays)}, not {sorted(names)}")
    for name in _SCALARS:
        if arrays[name].shape != () or arrays[name].dtype != np.float64:
            raise ValueError(f"{FILE_NAME}: {name} is {arrays[name].dtype} of shape {arrays[name].shape}")
    dense = tuple((arrays[f"kernel_{place}"], arrays[f"bias_{place}"]) for place in range(n_layers))
    return RatingHead(
        user_vectors=arrays["user_vectors"],
        movie_vectors=arrays["movie_vectors"],
        user_bias=arrays["user_bias"],
        movie_bias=arrays["movie_bias"],
        user_numbers=arrays["user_numbers"],
        movie_numbers=arrays["movie_numbers"],
        linear=arrays["linear"],
        dense=dense,
        scale=float(arrays["scale"]),
        mean=float(arrays["mean"]),
        lowest=float(arrays["lowest"]),
        highest=float(arrays["highest"]),
    )
