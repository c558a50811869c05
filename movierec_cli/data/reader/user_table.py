"""The users table from rows, for the layouts that have a users file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Users
from movierec_cli.data.reader.text_rows import TextRow, by_unique_id


@dataclass(frozen=True)
class UserRow:
    """One user and the row it was read from."""

    row: TextRow
    user_id: int
    bucketized_age: int  # lower bound, years
    is_male: bool
    occupation: int  # code
    zip_code: str


def user_table(
    rows: Iterable[UserRow], occupation_names: Sequence[str], raw_age: npt.NDArray[np.float32] | None = None
) -> Users:
    """Collects rows, in their order, into columns. Raises a `DataError` where a user id comes twice."""
    users = by_unique_id(rows, lambda user: user.user_id, "user")
    kept = list(users.values())
    return Users(
        user_id=np.fromiter(users, dtype=np.int64, count=len(kept)),
        bucketized_age=np.array([user.bucketized_age for user in kept], dtype=np.float32),
        raw_age=raw_age,
        is_male=np.array([user.is_male for user in kept], dtype=np.bool_),
        occupation=np.array([user.occupation for user in kept], dtype=np.int32),
        occupation_names=tuple(occupation_names),
        zip_code=np.array([user.zip_code for user in kept], dtype=np.object_),
    )


def is_male(row: TextRow, text: str) -> bool:
    """Reads "M" or "F". Raises a `DataError` for anything else."""
    if text not in ("M", "F"):
        raise row.error(f"the gender is '{text}'; it must be M or F")
    return text == "M"
