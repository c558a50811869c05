"""Where movies stand on the map of an explore page, and which genres tell its parts from each other."""

from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.records import dataclass

_TINY = np.finfo(np.float64).tiny

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MovieMap:
    """Where the movies stand."""

    places: npt.NDArray[np.float32]  # [n_movies, 2], the first axis the one with more variance
    variance: float  # the fraction of that of the directions which the two axes show, 0 … 1


def movie_map(embeddings: npt.NDArray[np.float32], popularity: npt.NDArray[np.int64]) -> MovieMap:
    """The two directions in which movies differ most, each movie weighing as the root of its ratings.

    Of a model that recommends, the largest component is often how popular a movie is, which does not tell
    what it is like; so the line along which embeddings go with the logarithm of popularity is taken out
    first. Movies without a rating are placed, and weigh nothing. Embeddings are [n_movies, dim], popularity,
    how often each was rated, [n_movies].
    """
    weights = _weights(popularity)  # [n_movies]
    likeness = _directions(_without_popularity(embeddings.astype(np.float64), popularity, weights))
    centred = likeness - weights @ likeness
    _, spread, axes = np.linalg.svd(np.sqrt(weights)[:, None] * centred, full_matrices=False)
    variance = _two(spread**2)
    places = _two(centred @ _upright(axes[:2]).T)  # [n_movies, 2]
    return MovieMap(places.astype(np.float32), float(variance.sum() / max((spread**2).sum(), _TINY)))


def _weights(popularity: npt.NDArray[np.int64]) -> _Values:
    """They add up to 1; all alike where nothing is rated."""
    roots: _Values = np.sqrt(popularity.astype(np.float64))
    total = roots.sum()
    return roots / total if total else np.full(len(roots), 1 / max(len(roots), 1))


def _without_popularity(embeddings: _Values, popularity: npt.NDArray[np.int64], weights: _Values) -> _Values:
    """Centred, and orthogonal to the weighted regression of the embeddings on log(1 + popularity)."""
    logs = np.log1p(popularity)
    logs = logs - weights @ logs
    centred = embeddings - weights @ embeddings
    line = (weights * logs) @ centred  # [dim]
    line = line / max(float(np.linalg.norm(line)), _TINY)
    without: _Values = centred - np.outer(centred @ line, line)
    return without


def _directions(vectors: _Values) -> _Values:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: _Values = vectors / np.maximum(lengths, _TINY)
    return directions


def _upright(axes: _Values) -> _Values:
    """The sign of a component is arbitrary; here its largest entry is positive."""
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    upright: _Values = axes * np.sign(largest)[:, None]
    return upright


def _two(values: npt.NDArray[Any]) -> _Values:
    """The first two along the last axis, zeros where there are fewer."""
    short = max(2 - values.shape[-1], 0)
    padded: _Values = np.pad(values[..., :2], [(0, 0)] * (values.ndim - 1) + [(0, short)])
    return padded


def telling_genres(places: npt.NDArray[np.float32], genres: npt.NDArray[np.bool_], n: int) -> tuple[int, ...]:
    """The genres, at most n columns that any movie has, that stand most apart on a map, the rarest first.

    Apart is the square of the distance between a genre's mean and the mean of all movies, times its movies:
    the part of the variance between groups that is its own. Places are [n_movies, 2], genres
    [n_movies, n_genres].
    """
    counts = genres.sum(axis=0)
    sums = genres.T.astype(np.float64) @ (places - places.mean(axis=0))  # [n_genres, 2]
    apart = (sums**2).sum(axis=1) / np.maximum(counts, 1)
    best = [int(column) for column in np.argsort(-apart, kind="stable") if counts[column]][:n]
    return tuple(sorted(best, key=lambda column: (counts[column], column)))
