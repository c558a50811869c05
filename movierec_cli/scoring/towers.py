"""The towers of a trained model as plain arrays: embeddings at any time, and features' contributions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BIASES = "biases"
"""The contribution to an embedding that comes from no input."""

_Floats = npt.NDArray[np.float32]
_Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class TowerInput:
    """One feature on its way into a tower.

    Raises:
        ValueError: the table is not float32 with two dimensions.
    """

    name: str  # "user_id", "movie_id", or the feature's
    is_context: bool  # the table's rows are codes of a context, otherwise users or movies
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
        """Of what `contributions` gives, in its order."""
        return (*(one.name for one in self.inputs), BIASES)

    @property
    def n_contexts(self) -> int:
        return sum(one.is_context for one in self.inputs)

    def embed(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """Embeddings.

        Args:
            rows: users or movies, [b].
            codes: of the contexts, [b, n_contexts]; None where there are none.

        Returns:
            float32 [b, dim].
        """
        hidden = np.concatenate(self._looked_up(rows, codes), axis=1)
        for kernel, bias in self.dense[:-1]:
            hidden = np.maximum(hidden @ kernel + bias, 0)
        kernel, bias = self.dense[-1]
        embeddings: _Floats = hidden @ kernel + bias
        return embeddings

    def contributions(self, rows: npt.NDArray[np.integer], codes: _Codes | None = None) -> _Floats:
        """What each input and, last, the biases add to the embeddings: [b, n_inputs + 1, dim].

        Exact: with the active relus fixed, a tower is linear, and the contributions add up to `embed`.
        """
        values = self._looked_up(rows, codes)
        ends = np.cumsum([value.shape[1] for value in values])
        kernel, bias = self.dense[0]
        split = np.split(kernel, ends[:-1])
        added = np.stack(
            [*(value @ own for value, own in zip(values, split, strict=True)), _repeated(bias, len(rows))],
            axis=1,
        )  # [b, n_inputs + 1, n_hidden]
        for kernel, bias in self.dense[1:]:
            added = added * (added.sum(axis=1, keepdims=True) > 0)
            added = added @ kernel
            added[:, -1] += bias
        return added

    def _looked_up(self, rows: npt.NDArray[np.integer], codes: _Codes | None) -> list[_Floats]:
        n_given = 0 if codes is None else codes.shape[1]
        if n_given != self.n_contexts:
            raise ValueError(f"{n_given} contexts are given; the tower has {self.n_contexts}")
        contexts = iter(()) if codes is None else iter(codes.T)
        return [one.table[next(contexts) if one.is_context else rows] for one in self.inputs]


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


def _repeated(bias: _Floats, n_rows: int) -> _Floats:
    return np.broadcast_to(bias, (n_rows, bias.size))
