"""Several towers as one model, whose scores are the means of theirs.

Inputs stand side by side, layers on a diagonal, and the movies' embeddings are divided by the number of
towers: whatever reads one model's arrays reads theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from movierec_cli.models.trained import Fitted
from movierec_cli.models.two_tower.two_tower import beside
from movierec_cli.registry.run_parts import RunParts, weights_of
from movierec_cli.scoring.towers import MOVIE_BIAS, Tower, Towers

_Floats = npt.NDArray[np.float32]


def mean_of(members: Sequence[Fitted]) -> Fitted:
    """One run of several that were fitted to the same ratings with the same features.

    Of a training's course it tells that of the first, of seconds and parameters the sum.
    """
    first = members[0]
    if len(members) == 1:
        return first
    sums = {
        name: sum(one.results[name] for one in members)
        for name in ("training_s", "validation_s", "n_parameters")
    }
    return Fitted(first.results | sums, _joined_parts(members))


def _joined_parts(members: Sequence[Fitted]) -> RunParts:
    parts = [one.parts for one in members]
    towers = [one.towers for one in parts if one.towers is not None]
    artifacts = [one.artifacts for one in parts if one.artifacts is not None]
    has_bias = MOVIE_BIAS in towers[0].movie.names
    users = _side_by_side([one.user_embeddings for one in artifacts], has_bias)
    movies = _side_by_side([one.movie_embeddings for one in artifacts], has_bias, of_movies=True)
    joined = replace(
        artifacts[0],
        weights=_named_weights(parts),
        in_towers={},
        user_embeddings=users,
        movie_embeddings=movies,
    )
    return replace(parts[0], artifacts=joined, towers=mean_towers(towers))


def _named_weights(members: Iterable[RunParts]) -> dict[str, npt.NDArray[np.float32]]:
    """Of all, in their order, by member, place and name."""
    return {
        f"{member:02d} {name}": weight
        for member, parts in enumerate(members)
        for name, weight in weights_of(parts).items()
    }


def mean_towers(members: Sequence[Towers]) -> Towers:
    """Towers whose scores are the means of those of several with the same inputs and widths."""
    has_bias = MOVIE_BIAS in members[0].movie.names
    histories = [one.history for one in members if one.history is not None]
    return Towers(
        _joined([one.query for one in members], has_bias),
        _joined([one.movie for one in members], has_bias, of_movies=True),
        members[0].codes,
        np.concatenate(histories, axis=1) if histories else None,
    )


def _joined(members: Sequence[Tower], has_bias: bool, of_movies: bool = False) -> Tower:
    alike = list(zip(*(one.inputs for one in members), strict=True))
    tables = [np.concatenate([one.table for one in same], axis=1) for same in alike]
    inputs = [replace(one[0], table=table) for one, table in zip(alike, tables, strict=True)]
    ends = np.cumsum([one.table.shape[1] for one in members[0].inputs])[:-1]
    of_inputs = zip(*(np.split(one.dense[0][0], ends) for one in members), strict=True)
    others = [[layer[0] for layer in same] for same in zip(*(one.dense[1:] for one in members), strict=True)]
    kernels = [np.concatenate([_diagonal(parts) for parts in of_inputs]), *map(_diagonal, others)]
    biases = [
        np.concatenate([layer[1] for layer in same])
        for same in zip(*(one.dense for one in members), strict=True)
    ]
    n = len(members)
    kernels[-1], biases[-1] = (
        _one_bias(one.reshape(*one.shape[:-1], n, -1), has_bias, of_movies)
        for one in (kernels[-1], biases[-1])
    )
    return Tower(tuple(inputs), tuple(zip(kernels, biases, strict=True)))


def _diagonal(kernels: Sequence[_Floats]) -> _Floats:
    return reduce(beside, kernels)


def _side_by_side(embeddings: Sequence[_Floats], has_bias: bool, of_movies: bool = False) -> _Floats:
    return _one_bias(np.stack(embeddings, axis=-2), has_bias, of_movies)


def _one_bias(numbers: _Floats, has_bias: bool, of_movies: bool) -> _Floats:
    """Numbers of members [..., n, dim] in one row, divided by n where they are movies'.

    What stands last, where there is a bias, stays the last: of movies the mean bias, of queries the one 1.
    """
    *shape, n, dim = numbers.shape
    scaled = numbers / np.float32(n) if of_movies else numbers
    if not has_bias:
        return scaled.reshape(*shape, n * dim)
    last = scaled[..., -1].sum(axis=-1) if of_movies else scaled[..., 0, -1]
    return np.concatenate([scaled[..., :-1].reshape(*shape, n * (dim - 1)), last[..., None]], axis=-1)
