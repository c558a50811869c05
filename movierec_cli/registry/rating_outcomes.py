"""What a run made of the test ratings, as a file of its folder."""

from __future__ import annotations

import numpy as np

from movierec_cli.evaluation.ratings import RatingOutcome
from movierec_cli.registry.arrays import Arrays, pack, unpack_as

FILE_NAME = "ratings.npz"

_DTYPES: dict[str, np.dtype[np.generic]] = {
    "rows": np.dtype(np.int64),
    "user_index": np.dtype(np.int32),
    "rating": np.dtype(np.float32),
    "predicted": np.dtype(np.float32),
}


def to_bytes(outcome: RatingOutcome) -> bytes:
    """The content of the file."""
    arrays: Arrays = {name: getattr(outcome, name) for name in _DTYPES}
    return pack(arrays)


def from_bytes(content: bytes) -> RatingOutcome:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack_as(content, _DTYPES, FILE_NAME)
    expected = (arrays["rows"].size,)
    for name, array in arrays.items():
        if array.shape != expected:
            raise ValueError(f"{FILE_NAME}: {name} has shape {array.shape}, not {expected}")
    return RatingOutcome(**arrays)
