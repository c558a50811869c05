"""Examples as the sequential tutorials cut them: a movie and up to ten of the same user's before it.

Written after their description and apart from the package's own windows, to be compared with them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ratings

CONTEXT = 10
SHORTEST = 3  # movies of a user whose windows count


@dataclass(frozen=True)
class Windows:
    """Examples: in `contexts` movies are rows of the catalogue + 1 and 0 fills the end, in `labels` rows."""

    contexts: npt.NDArray[np.int32]  # [n, CONTEXT], oldest first
    labels: npt.NDArray[np.int32]  # [n]


def windows_of(ratings: Ratings, rows: npt.NDArray[np.int64], length: int = CONTEXT) -> Windows:
    """The windows whose movies are the ratings at `rows`.

    A user's first movie has none and is left out, and so are users with fewer than `SHORTEST` movies.
    What comes before is taken from all ratings, whichever part of a split they are in, as the tutorials
    draw their test set from finished windows.
    """
    order = np.lexsort((ratings.timestamp, ratings.user_index))  # stable: the file's order within a second
    users, movies = ratings.user_index[order], ratings.movie_index[order]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    asked = place[rows[np.bincount(ratings.user_index)[ratings.user_index[rows]] >= SHORTEST]]
    before = asked - np.searchsorted(users, users[asked])  # how many movies of the user come earlier
    asked, before = asked[before > 0], np.minimum(before[before > 0], length)
    steps = np.arange(length)  # [length]
    places = asked[:, None] - before[:, None] + steps  # [n, length]
    is_there = steps < before[:, None]
    contexts = np.where(is_there, movies[np.where(is_there, places, 0)] + 1, 0)
    return Windows(contexts.astype(np.int32), movies[asked].astype(np.int32))


def top_k_over_all(
    queries: npt.NDArray[np.float32],
    movies: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    ks: tuple[int, ...],
) -> dict[int, float]:
    """The share of labels that fewer than k movies, of all, beat: as the tutorials report it.

    Args:
        queries: [n, dim].
        movies: [n_movies, dim], in the order of the catalogue.
        labels: [n], rows of `movies`.
        ks: how many of the best count.
    """
    better = [
        (scores > np.take_along_axis(scores, labels[part][:, None], axis=1)).sum(axis=1)
        for part in np.array_split(np.arange(len(queries)), max(len(queries) // 4096, 1))
        for scores in [queries[part] @ movies.T]  # [n_part, n_movies]
    ]
    places = np.concatenate(better)
    return {k: float((places < k).mean()) for k in ks}
