"""Simulated ratings of MovieLens 32M's shape, in its layout: popularity and taste are planted.

A movie's popularity falls with its rank r as (r + 460)^-2 (Mandelbrot 1953, "An Informational Theory of the
Statistical Structure of Language"), so that a tenth of the movies has nearly all ratings, as in MovieLens.
Every movie is of one of `GROUPS` groups, whose movies are among the popular and the rare alike, and a user
has a few favourite groups, from which most of what they rate comes: what a model of ids can learn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATINGS, USERS, MOVIES = 26_000_000, 200_948, 87_585
GROUPS, FAVOURITES = 40, 3
FROM_FAVOURITES = 0.7  # of a user's ratings
LEAST_RATINGS = 20  # of a user
_HEAD = 460  # ranks: how flat the popular ones are
_SPREAD = 1.1  # of the logarithm of users' numbers of ratings
_BLOCK_USERS = 8192
_FIRST_SECOND, _SECONDS = 820_000_000, 880_000_000
_GENRES = ("Drama", "Comedy", "Action|Thriller", "Documentary", "Horror", "Children|Animation", "Romance")


@dataclass(frozen=True)
class Block:
    """The ratings of some users, user by user, each user's by time."""

    user: npt.NDArray[np.int64]  # [n], from 0
    movie: npt.NDArray[np.int64]  # [n], from 0, none twice of a user
    rating: npt.NDArray[np.float64]  # [n], half stars
    seconds: npt.NDArray[np.int64]  # [n], since 1970-01-01 UTC


def write_world(folder: Path, n_users: int = USERS, n_movies: int = MOVIES, seed: int = 32) -> None:
    """Writes ratings.csv and movies.csv; the same bytes for the same arguments.

    Args:
        folder: is made.
        n_users: their ratings are in proportion, `RATINGS` of `USERS`.
        n_movies: of the catalogue; a few are rated by nobody.
        seed: of everything that is drawn.
    """
    import polars as pl

    folder.mkdir(parents=True)
    with (folder / "ratings.csv").open("wb") as out:
        out.write(b"userId,movieId,rating,timestamp\n")
        for block in blocks(n_users, n_movies, seed):
            columns = {"u": block.user + 1, "m": block.movie + 1, "r": block.rating, "t": block.seconds}
            pl.DataFrame(columns).write_csv(out, include_header=False)
    ids = np.arange(1, n_movies + 1)
    years = np.random.default_rng([seed, 0]).integers(1930, 2024, n_movies)
    titles = [f"Film {one} ({year})" for one, year in zip(ids.tolist(), years.tolist(), strict=True)]
    genres = [_GENRES[one % len(_GENRES)] for one in groups_of(n_movies, seed).tolist()]
    pl.DataFrame({"movieId": ids, "title": titles, "genres": genres}).write_csv(folder / "movies.csv")


def groups_of(n_movies: int, seed: int) -> npt.NDArray[np.int64]:
    """The group of each movie: [n_movies]."""
    group = np.empty(n_movies, np.int64)
    group[_movies_by_rank(n_movies, seed)] = np.arange(n_movies) % GROUPS
    return group


def blocks(n_users: int, n_movies: int, seed: int) -> Iterator[Block]:
    """The ratings of all users, some of them at a time."""
    counts = _counts(n_users, n_movies, seed)
    by_rank = _movies_by_rank(n_movies, seed)
    for start in range(0, n_users, _BLOCK_USERS):
        rng = np.random.default_rng([seed, 1, start])
        yield _block(start, counts[start : start + _BLOCK_USERS], by_rank, rng)


def _movies_by_rank(n_movies: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, 2]).permutation(n_movies)


def _counts(n_users: int, n_movies: int, seed: int) -> npt.NDArray[np.int64]:
    """How many ratings each user has: [n_users]."""
    n_ratings = round(RATINGS * n_users / USERS)
    most = n_movies // 20  # the favourite groups have enough
    wild = np.random.default_rng([seed, 3]).lognormal(0, _SPREAD, n_users)
    counts = LEAST_RATINGS + (wild * (n_ratings / n_users - LEAST_RATINGS) / wild.mean()).astype(np.int64)
    counts = np.minimum(counts, most)
    while (missing := n_ratings - int(counts.sum())) > 0:  # what was cut off, and rounded down
        below = np.flatnonzero(counts < most)[:missing]
        counts[below] += 1 + (missing - len(below)) // n_users
        counts = np.minimum(counts, most)
    counts[np.argmax(counts)] += missing
    return counts


def _block(
    first: int, counts: npt.NDArray[np.int64], by_rank: npt.NDArray[np.int64], rng: np.random.Generator
) -> Block:
    user, rank, is_liked = _distinct(counts, len(by_rank), rng)
    place = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    stars = 3.2 + 0.6 * is_liked + rng.normal(0, 0.9, len(user))
    begins = _FIRST_SECOND + rng.integers(0, _SECONDS, len(counts))
    pace = rng.integers(7, 3600, len(counts))  # seconds from one rating to the next
    return Block(
        user=first + user,
        movie=by_rank[rank],
        rating=np.clip(np.round(2 * stars) / 2, 0.5, 5),
        seconds=begins[user] + pace[user] * place,
    )


def _distinct(
    counts: npt.NDArray[np.int64], n_movies: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """So many different movies of each user, in the order in which they were drawn: users, ranks, and which
    are of favourite groups."""
    favourites = rng.integers(0, GROUPS, (len(counts), FAVOURITES))
    kept = [np.empty((3, 0), np.int64)]  # users, ranks, liked
    users, factor = np.arange(len(counts)), 1.3
    while len(users):
        drawn = _drawn(
            np.repeat(users, (counts[users] * factor).astype(np.int64) + 4), favourites, n_movies, rng
        )
        _, once = np.unique(drawn[0] * n_movies + drawn[1], return_index=True)
        drawn = drawn[:, np.sort(once)]
        n_own = np.bincount(drawn[0], minlength=len(counts))
        place = np.arange(drawn.shape[1]) - (np.cumsum(n_own) - n_own)[drawn[0]]
        is_enough = n_own >= counts
        kept.append(drawn[:, is_enough[drawn[0]] & (place < counts[drawn[0]])])
        users, factor = users[~is_enough[users]], 2 * factor
    user, rank, liked = np.concatenate(kept, axis=1)
    order = np.argsort(user, kind="stable")
    return user[order], rank[order], liked[order] > 0


def _drawn(
    user: npt.NDArray[np.int64], favourites: npt.NDArray[np.int64], n_movies: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """One draw for each entry: users, ranks, liked; [3, n]."""
    within = n_movies / (n_movies + _HEAD) * rng.random(len(user), np.float32).astype(np.float64)
    rank = np.minimum((_HEAD * within / (1 - within)).astype(np.int64), n_movies - 1)
    own = favourites[user, rng.integers(0, FAVOURITES, len(user))]
    of_group = np.minimum(rank - rank % GROUPS + own, n_movies - 1)
    is_liked = rng.random(len(user), np.float32) < FROM_FAVOURITES
    return np.stack([user, np.where(is_liked, of_group, rank), is_liked.astype(np.int64)])
