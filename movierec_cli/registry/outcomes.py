"""What a run did with the test part, as a file of its folder."""

from __future__ import annotations

import numpy as np

from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.registry.arrays import Arrays, pack, unpack_as

FILE_NAME = "outcome.npz"

_RANKS = ("all", "unseen", "in_one_list")
_OF_USERS = ("users", "n_unseen")
_DTYPES: dict[str, np.dtype[np.generic]] = {
    "rows": np.dtype(np.int64),
    **{name: np.dtype(np.int32) for name in ("user_index", "movie_index", "users", "n_unseen", "top_movies")},
    **{f"{ranks}_{part}": np.dtype(np.int32) for ranks in _RANKS for part in ("better", "tied")},
    "n_movies": np.dtype(np.int64),
}


def to_bytes(outcome: Outcome) -> bytes:
    """The content of the file."""
    ranks = {
        "all": outcome.at_their_time.all,
        "unseen": outcome.at_their_time.unseen,
        "in_one_list": outcome.in_one_list,
    }
    arrays: Arrays = {
        "rows": outcome.rows,
        "user_index": outcome.user_index,
        "movie_index": outcome.movie_index,
        "users": outcome.users,
        "n_unseen": outcome.n_unseen,
        "top_movies": outcome.top_movies,
        "n_movies": np.array(outcome.n_movies, np.int64),
    }
    for name, each in ranks.items():
        arrays |= {f"{name}_better": each.better, f"{name}_tied": each.tied}
    return pack(arrays)


def from_bytes(content: bytes) -> Outcome:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack_as(content, _DTYPES, FILE_NAME)
    _check_shapes(arrays)
    ranks = {name: Ranks(arrays[f"{name}_better"], arrays[f"{name}_tied"]) for name in _RANKS}
    return Outcome(
        rows=arrays["rows"],
        user_index=arrays["user_index"],
        movie_index=arrays["movie_index"],
        at_their_time=RanksByMode(all=ranks["all"], unseen=ranks["unseen"]),
        in_one_list=ranks["in_one_list"],
        users=arrays["users"],
        n_unseen=arrays["n_unseen"],
        top_movies=arrays["top_movies"],
        n_movies=int(arrays["n_movies"]),
    )


def _check_shapes(arrays: Arrays) -> None:
    of_targets, of_users = (arrays["rows"].size,), (arrays["users"].size,)
    special = {"top_movies": (*of_users, LIST_LENGTH), "n_movies": ()} | dict.fromkeys(_OF_USERS, of_users)
    for name, array in arrays.items():
        expected = special.get(name, of_targets)
        if array.shape != expected:
            raise ValueError(f"{FILE_NAME}: {name} has shape {array.shape}, not {expected}")
