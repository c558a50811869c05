"""What a run keeps besides its record: the arrays and vocabularies that rebuild and serve the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.registry.arrays import Arrays, pack, unpack
from movierec_cli.registry.serialization import JSON, canonical_json

_EMBEDDING_DTYPES = {
    "user_ids": np.dtype(np.int64),
    "movie_ids": np.dtype(np.int64),
    "user_embeddings": np.dtype(np.float32),
    "movie_embeddings": np.dtype(np.float32),
}


@dataclass(frozen=True)
class RunArtifacts:
    """A trained model as plain arrays.

    Raises:
        ValueError: shapes or dtypes do not fit together.
    """

    weights: dict[str, npt.NDArray[Any]]  # by variable, enough to rebuild the model
    vocabularies: dict[str, JSON]  # what each feature was fitted to, by feature
    user_ids: npt.NDArray[np.int64]  # [n_users]
    movie_ids: npt.NDArray[np.int64]  # [n_movies]
    user_embeddings: npt.NDArray[np.float32]  # [n_users, dim], as queries at their last training rating
    movie_embeddings: npt.NDArray[np.float32]  # [n_movies, dim]

    def __post_init__(self) -> None:
        for name, dtype in _EMBEDDING_DTYPES.items():
            if getattr(self, name).dtype != dtype:
                raise ValueError(f"{name} is {getattr(self, name).dtype}; it must be {dtype}")
        dim = self.user_embeddings.shape[-1]
        for side, ids, embeddings in (
            ("user", self.user_ids, self.user_embeddings),
            ("movie", self.movie_ids, self.movie_embeddings),
        ):
            if embeddings.shape != (*ids.shape, dim) or ids.ndim != 1:
                raise ValueError(f"{side}_embeddings have shape {embeddings.shape} for ids {ids.shape}")


def to_files(artifacts: RunArtifacts) -> dict[str, bytes]:
    """The content of each file that holds them, by file name."""
    embeddings: Arrays = {name: getattr(artifacts, name) for name in _EMBEDDING_DTYPES}
    return {
        "weights.npz": pack(artifacts.weights),
        "embeddings.npz": pack(embeddings),
        "vocabularies.json": canonical_json(artifacts.vocabularies).encode(),
    }


FILE_NAMES = ("weights.npz", "embeddings.npz", "vocabularies.json")


def from_files(files: dict[str, bytes]) -> RunArtifacts:
    """Rebuilds what `to_files` wrote.

    Raises:
        ValueError: a file does not hold what it should.
    """
    embeddings = unpack(files["embeddings.npz"])
    if embeddings.keys() != _EMBEDDING_DTYPES.keys():
        raise ValueError(f"embeddings.npz holds {sorted(embeddings)}, not {sorted(_EMBEDDING_DTYPES)}")
    vocabularies = json.loads(files["vocabularies.json"])
    if not isinstance(vocabularies, dict):
        raise ValueError("vocabularies.json is not an object")
    return RunArtifacts(weights=unpack(files["weights.npz"]), vocabularies=vocabularies, **embeddings)
