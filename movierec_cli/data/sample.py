"""The embedded sample: real movies, simulated users, simulated ratings with planted effects.

Every feature has a known reason to help on it (see `PlantedEffects`), so it is a demo that needs no
download and a test oracle at once.
"""

import csv
import hashlib
from importlib import resources

import numpy as np

from movierec_cli.data.dataset import Dataset, Movies, Ratings
from movierec_cli.data.sample_world import (
    DAY_S,
    DEFAULT_EFFECTS,
    N_DAYS,
    START_S,
    FloatArray,
    IntArray,
    PlantedEffects,
    SampleWorld,
    draw_world,
)
from movierec_cli.records import dataclass

_MIN_RATINGS, _MAX_RATINGS = 20, 320  # of one user
_LOG_EXTRA_RATINGS = (3.71, 1.0)  # mean and standard deviation of the log of those above the minimum
_RATINGS_PER_SESSION = 8
_FIRST_SESSIONS_LONGER = 1.4  # above 1, a user's early sessions hold more ratings, as in MovieLens
_SECONDS_BETWEEN_RATINGS = 25.0

_MEAN_STARS = 3.64  # before stars are cut at five, after which it is 3.6
_STARS_PER_DEVIATION = 0.55  # of the utility of the movies picked
_STARS_GENEROSITY = 0.3  # spread between users
_STARS_NOISE = 0.75


@dataclass(frozen=True)
class _Sessions:
    """Sessions of one user each, sorted by user and time."""

    user_index: IntArray  # [n_sessions]
    start: IntArray  # [n_sessions], seconds since 1970-01-01 UTC
    size: IntArray  # [n_sessions], movies rated, 1 or more
    turn: IntArray  # [n_sessions], how many sessions the user had before
    mood: IntArray  # [n_sessions], a column of `Movies.genres`


@dataclass(frozen=True)
class _Picks:
    """Movies picked, in the order of picking within a session."""

    session: IntArray  # [n], rows of _Sessions
    movie_index: IntArray  # [n]
    timestamp: IntArray  # [n], seconds


def simulate_sample(seed: int = 7, effects: PlantedEffects = DEFAULT_EFFECTS) -> Dataset:
    """Simulates two years of ratings of real movies by simulated users, in memory.

    Returns:
        About 120,000 ratings (1 … 5 stars) sorted by user and time; each user rates a movie at most once
        and at least 20 movies. Every column of movies and users is there, zip codes apart. Equal arguments
        give equal data.
    """
    movies = sample_movies()
    world = draw_world(movies, seed, effects)
    # A stream of its own: the world's draws come from children of the plain seed.
    ratings = _draw_ratings(world, np.random.default_rng([seed, 1]))
    return Dataset(
        name="sample",
        description=f"simulated ratings of {len(movies)} real movies by {len(world.users):,} simulated users "
        f"(seed {seed})",
        fingerprint=_fingerprint(world, ratings),
        ratings=ratings,
        movies=movies,
        users=world.users,
    )


def sample_movies() -> Movies:
    """Reads the movies of the package: titles with their year, genres, minutes; ids count from 1."""
    rows = list(csv.DictReader(_movies_text().splitlines()))
    genres = [row["genres"].split("|") for row in rows]
    names = tuple(sorted(set().union(*genres)))
    return Movies(
        movie_id=np.arange(1, len(rows) + 1, dtype=np.int64),
        title=np.array([f"{row['title']} ({row['year']})" for row in rows], dtype=np.object_),
        year=np.array([row["year"] for row in rows]).astype(np.int16),
        genres=np.array([[name in own for name in names] for own in genres], dtype=np.bool_),
        genre_names=names,
        length_minutes=np.array([row["minutes"] for row in rows]).astype(np.float32),
    )


def _movies_text() -> str:
    return resources.files("movierec_cli.data").joinpath("sample_movies.csv").read_text("utf-8")


def _draw_ratings(world: SampleWorld, rng: np.random.Generator) -> Ratings:
    sessions = _draw_sessions(world, rng)
    picks = _pick_movies(world, sessions, rng)
    stars = _draw_stars(world, sessions, picks, rng)
    user_index = sessions.user_index[picks.session]
    order = np.lexsort((picks.timestamp, user_index))
    return Ratings(
        user_index=user_index[order].astype(np.int32),
        movie_index=picks.movie_index[order].astype(np.int32),
        rating=stars[order].astype(np.float32),
        timestamp=picks.timestamp[order],
    )


def _draw_sessions(world: SampleWorld, rng: np.random.Generator) -> _Sessions:
    user_index, size = _draw_session_sizes(len(world.users), rng)
    # Any day, from eight in the morning to ten in the evening: no session runs past midnight.
    day = rng.integers(N_DAYS, size=len(size))
    start = START_S + day * DAY_S + rng.integers(8 * 3600, 22 * 3600, size=len(size))
    start = start[np.lexsort((start, user_index))]
    held = size > 0
    user_index, start, size = user_index[held], start[held], size[held]
    turn = np.arange(len(user_index)) - np.searchsorted(user_index, user_index)
    # The largest of the tastes with Gumbel noise is a draw from their softmax.
    mood = np.argmax(world.taste[user_index] + rng.gumbel(size=(len(size), world.taste.shape[1])), axis=1)
    return _Sessions(user_index, start, size, turn, mood)


def _draw_session_sizes(n_users: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """The user and the number of ratings of each session, a user's sessions together; sizes may be 0."""
    extra = rng.lognormal(*_LOG_EXTRA_RATINGS, n_users).astype(np.int64)
    n_ratings = np.minimum(_MIN_RATINGS + extra, _MAX_RATINGS)  # [n_users]
    n_sessions = -(-n_ratings // _RATINGS_PER_SESSION)
    first = np.cumsum(n_sessions) - n_sessions
    rater = np.repeat(np.arange(n_users), n_ratings)  # [n_ratings]
    turn = n_sessions[rater] * rng.random(len(rater)) ** _FIRST_SESSIONS_LONGER
    size = np.bincount(first[rater] + turn.astype(np.int64), minlength=int(n_sessions.sum()))
    return np.repeat(np.arange(n_users), n_sessions), size


def _pick_movies(world: SampleWorld, sessions: _Sessions, rng: np.random.Generator) -> _Picks:
    """Samples movies by softmax of the utility, without replacement over all of a user's sessions.

    All users hold their n-th session at once. Each movie comes after an exponential waiting time of mean
    exp(-utility) and the first to come are picked: the Gumbel top-k trick without its logarithms.
    """
    wait = np.exp(-world.lasting_utility)  # [n_users, n_movies]
    day_wait = np.exp(-world.day_utility)
    mood_wait = np.exp(-world.effects.mood * world.movies.genres.T)  # [n_genres, n_movies]
    day_kind = world.day_kind(sessions.start)
    picks = []
    for turn in range(int(sessions.turn.max()) + 1):
        now = np.flatnonzero(sessions.turn == turn)
        user_index, size = sessions.user_index[now], sessions.size[now]
        arrival = rng.standard_exponential((len(now), wait.shape[1]))  # [n_now, n_movies]
        for mean_wait in (wait[user_index], day_wait[day_kind[now]], mood_wait[sessions.mood[now]]):
            arrival *= mean_wait
        row, movie_index = _smallest(arrival, size)
        wait[user_index[row], movie_index] = np.inf
        elapsed = rng.exponential(_SECONDS_BETWEEN_RATINGS, len(row)).astype(np.int64)
        picks.append((now[row], movie_index, sessions.start[now[row]] + _running_sum(elapsed, size)))
    session, movie, timestamp = (np.concatenate(column) for column in zip(*picks, strict=True))
    return _Picks(session, movie, timestamp)


def _smallest(values: FloatArray, count: IntArray) -> tuple[IntArray, IntArray]:
    """Rows and columns of each row's `count` smallest values, ascending: [n, m], [n] -> two [sum(count)]."""
    most = int(count.max())
    columns = np.argpartition(values, most - 1, axis=1)[:, :most]
    ascending = np.argsort(np.take_along_axis(values, columns, axis=1), axis=1)
    row, place = np.nonzero(np.arange(most) < count[:, None])
    return row, columns[row, ascending[row, place]]


def _running_sum(values: IntArray, count: IntArray) -> IntArray:
    """Cumulative sums that start anew in each consecutive group of `count` values."""
    total = np.cumsum(values)
    before = np.concatenate([[0], total])[np.cumsum(count) - count]
    sums: IntArray = total - np.repeat(before, count)
    return sums


def _draw_stars(
    world: SampleWorld, sessions: _Sessions, picks: _Picks, rng: np.random.Generator
) -> FloatArray:
    user_index = sessions.user_index[picks.session]
    utility = (
        world.lasting_utility[user_index, picks.movie_index]
        + world.day_utility[world.day_kind(picks.timestamp), picks.movie_index]
        + world.effects.mood * world.movies.genres[picks.movie_index, sessions.mood[picks.session]]
    )
    liking = (utility - utility.mean()) / (utility.std() or 1.0)  # all alike when nothing is planted
    generosity = rng.standard_normal(len(world.users))[user_index]
    noise = rng.standard_normal(len(liking))
    personal = _STARS_PER_DEVIATION * liking + _STARS_GENEROSITY * generosity + _STARS_NOISE * noise
    stars: FloatArray = np.clip(np.rint(_MEAN_STARS + personal), 1, 5)
    return stars


def _fingerprint(world: SampleWorld, ratings: Ratings) -> str:
    """SHA-256 of the movies file and of the arrays' bytes, little-endian on every machine."""
    digest = hashlib.sha256(_movies_text().encode())
    users = world.users
    of_ratings = (ratings.user_index, ratings.movie_index, ratings.rating, ratings.timestamp)
    assert users.raw_age is not None and users.is_male is not None and users.occupation is not None
    of_users = (users.raw_age, users.is_male.astype(np.bool_), users.occupation)
    for array in (*of_ratings, *of_users):
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
