"""The towers of a trained model as plain arrays: embeddings at any moment, and what each feature adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.registry.arrays import Arrays, pack, unpack

FILE_NAME = "towers.npz"
BIASES = "biases"
"""The part of an embedding that no input has."""

_Floats = npt.NDArray[np.float32]
_Codes = npt.NDArray[np.int32]
_SIDES = ("query", "movie")
_CODES = "codes"


@dataclass(frozen=True)
class TowerInput:
    """One feature on its way into a tower.

    Raises:
        ValueError: the table is not float32 with two dimensions.
    """

    name: str  # "user_id", "movie_id", or the feature's
    is_context: bool  # the table's rows are codes of moments, else users or movies
    table: _Floats  # [n_rows, width]

    def __post_init__(self) -> None:
        if self.table.dtype != np.float32 or self.table.ndim != 2:
            raise ValueError(f"{self.name} is {self.table.dtype} of shape {self.table.shape}")


@dataclass(frozen=True)
class Tower:
    """Inputs side by side, then dense layers: relu between, linear last.

    Raises:
        ValueError: shapes or dtypes do not fit together.
    """

    inputs: tuple[TowerInput, ...]
    dense: tuple[tuple[_Floats, _Floats], ...]  # kernel [n_in, n_out] and bias [n_out] of each layer

    def __post_init__(self) -> None:
        n_in = sum(one.table.shape[1] for one in self.inputs)
        for kernel, bias in self.dense:
            if kernel.shape != (n_in, bias.size) or kernel.dtype != np.float32 or bias.dtype != np.float32:
                raise ValueError(f"a dense layer of {n_in} inputs has shapes {kernel.shape}, {bias.shape}")
            n_in = bias.size
        if not self.dense or not self.inputs:
            raise ValueError("a tower needs inputs and a dense layer")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parts that `parts` gives, in their order."""
        return (*(one.name for one in self.inputs), BIASES)

    @property
    def n_contexts(self) -> int:
        return sum(one.is_context for one in self.inputs)

    def embed(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """Embeddings.

        Args:
            rows: users or movies, [b].
            codes: of the moment, [b, n_contexts]; None where there are none.

        Returns:
            float32 [b, dim].
        """
        hidden = np.concatenate(self._looked_up(rows, codes), axis=1)
        for kernel, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        kernel, bias = self.dense[-1]
        embeddings: _Floats = hidden @ kernel + bias
        return embeddings

    def parts(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """What each input, and at last the biases, add to the embeddings: [b, n_inputs + 1, dim].

        Exact: with the relus that are open fixed, a tower is linear, and the parts add up to `embed`.
        """
        values = self._looked_up(rows, codes)
        ends = np.cumsum([value.shape[1] for value in values])
        kernel, bias = self.dense[0]
        split = np.split(kernel, ends[:-1])
        parts = np.stack(
            [*(value @ own for value, own in zip(values, split, strict=True)), _repeated(bias, len(rows))],
            axis=1,
        )  # [b, n_inputs + 1, n_hidden]
        for kernel, bias in self.dense[1:]:
            parts = parts * (parts.sum(axis=1, keepdims=True) > 0)
            parts = parts @ kernel
            parts[:, -1] += bias
        return parts

    def _looked_up(self, rows: npt.NDArray[np.integer], codes: _Codes | None) -> list[_Floats]:
        n_given = 0 if codes is None else codes.shape[1]
        if n_given != self.n_contexts:
            raise ValueError(f"{n_given} contexts are given; the tower has {self.n_contexts}")
        moments = iter(()) if codes is None else iter(codes.T)
        return [one.table[next(moments) if one.is_context else rows] for one in self.inputs]


@dataclass(frozen=True)
class Towers:
    """Both sides of a model whose score is the dot product of their embeddings.

    Raises:
        ValueError: there is no code for each user and context.
    """

    query: Tower
    movie: Tower
    codes: _Codes  # [n_users, n_contexts], of each user's last training rating

    def __post_init__(self) -> None:
        n_users = len(self.query.inputs[0].table)
        if self.codes.shape != (n_users, self.query.n_contexts) or self.codes.dtype != np.int32:
            raise ValueError(f"the users' codes are {self.codes.dtype} of shape {self.codes.shape}")


def to_bytes(towers: Towers) -> bytes:
    """The content of the file."""
    arrays: Arrays = {_CODES: towers.codes}
    for side in _SIDES:
        tower: Tower = getattr(towers, side)
        for place, one in enumerate(tower.inputs):
            kind = "context" if one.is_context else "row"
            arrays[f"{side}/{place:02d}/{kind}/{one.name}"] = one.table
        for place, (kernel, bias) in enumerate(tower.dense):
            arrays |= {f"{side}/kernel/{place:02d}": kernel, f"{side}/bias/{place:02d}": bias}
    return pack(arrays)


def from_bytes(content: bytes) -> Towers:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack(content)
    names = [name.split("/") for name in sorted(arrays)]
    query, movie = (_tower(arrays, [name for name in names if name[0] == side]) for side in _SIDES)
    if _CODES not in arrays:
        raise ValueError(f"{FILE_NAME} has no {_CODES}")
    return Towers(query, movie, arrays[_CODES])


def _tower(arrays: Arrays, names: Sequence[list[str]]) -> Tower:
    kinds = {"row": False, "context": True}
    inputs = tuple(
        TowerInput(name[3], kinds[name[2]], arrays["/".join(name)])
        for name in names
        if len(name) == 4 and name[2] in kinds
    )
    places = [name[2] for name in names if name[1] == "kernel"]
    try:
        side = names[0][0] if names else ""
        dense = tuple((arrays[f"{side}/kernel/{place}"], arrays[f"{side}/bias/{place}"]) for place in places)
    except KeyError as error:
        raise ValueError(f"{FILE_NAME} has no {error}") from error
    return Tower(inputs, dense)


def _repeated(bias: _Floats, n_rows: int) -> _Floats:
    return np.broadcast_to(bias, (n_rows, bias.size))
