"""The truth behind the simulated sample: simulated users, and how much each wants to see each movie, when.

A movie's utility for a user at a time is a sum of planted effects, in nats: one nat more makes a movie
e times as likely to be picked next. `sample` draws the ratings from it; tests measure against it.
"""

import re

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Movies, Users
from movierec_cli.data.reader.text_rows import AGE_BUCKETS, split_list
from movierec_cli.records import dataclass

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_SIMULATED_USERS = 1_500
DAY_S = 86_400
START_S = 1_719_792_000  # Monday, 2024-07-01 00:00 UTC: every movie of the sample is out by then
N_SEASONS = 8
SEASON_DAYS = 91  # 13 whole weeks, so that every season has the same weekdays
N_DAYS = N_SEASONS * SEASON_DAYS  # two years

OCCUPATIONS = split_list(
    "baker|carpenter|clerk|gardener|lighthouse keeper|nurse|retired|student|tailor|teacher"
)
YOUNG_GENRES = ("Animation", "Sci-Fi")
WEEKDAY_GENRES = {  # 0 is Monday
    2: ("Documentary",),
    4: ("Horror",),
    5: ("Children", "Animation"),
    6: ("Children", "Animation"),
}
N_FACTORS = 6
MOVIES_PER_SEASON = 24
_TITLE_WORD = re.compile(r"\w{4,}")


@dataclass(frozen=True, kw_only=True)
class PlantedEffects:
    """How strong each effect is, in nats. Zero takes an effect away and leaves the others as they are."""

    popularity: float = 1.3
    """Zipf exponent: movies are picked as (rank + 10)^-popularity. Newer movies tend to rank higher."""
    genre_taste: float = 1.2
    """Spread of each user's liking of each genre. Why `movie_genres` helps."""
    group_taste: float = 0.5
    """Spread of the likings shared by a gender and by an occupation, sampled at random. Why `user_gender` and
    `user_occupation` help."""
    hidden_taste: float = 0.5
    """Spread of taste along factors that no column shows: what only the ids can learn."""
    title_words: float = 0.9
    """Spread of taste along the same factors that movies get from their titles' words, so that sequels share
    an audience. Why `movie_title_text` helps."""
    age: float = 0.4
    """For one standard deviation of age: older users like older movies (for one standard deviation of year),
    and like animation and science fiction less. Why `bucketized_user_age` and `movie_year` help."""
    length: float = 0.8
    """Spread of the liking of long movies, for one standard deviation of length. Why `movie_length` helps."""
    fashion: float = 2.5
    """What a movie gains in the one season in which it is in fashion. Why `timestamp` helps."""
    weekday: float = 1.4
    """What `WEEKDAY_GENRES` gain on their days (UTC). Why `day_of_week` helps."""
    mood: float = 1.2
    """What the one genre a user is in the mood for gains during a session. Why the order of ratings
    helps."""


DEFAULT_EFFECTS = PlantedEffects()


@dataclass(frozen=True)
class SampleWorld:
    """Everything that decides the ratings, chance apart."""

    effects: PlantedEffects
    movies: Movies
    users: Users
    taste: FloatArray  # [n_users, n_genres], nats, what a user likes of each genre
    lasting_utility: FloatArray  # [n_users, n_movies], nats, the part that never changes
    in_fashion: npt.NDArray[np.bool_]  # [N_SEASONS, n_movies]
    day_utility: FloatArray  # [N_SEASONS * 7, n_movies], nats, by season and day of the week

    def day_kind(self, timestamp: IntArray) -> IntArray:
        """The row of `day_utility` for each time: seconds [n] -> [n]. Times are inside the two years."""
        day = (timestamp - START_S) // DAY_S
        return day // SEASON_DAYS * 7 + day % 7

    def utility(self, user_index: IntArray, timestamp: IntArray) -> FloatArray:
        """The true log-odds of each movie being picked, moods apart: [n], seconds [n] -> [n, n_movies]."""
        return self.lasting_utility[user_index] + self.day_utility[self.day_kind(timestamp)]


def draw_world(movies: Movies, seed: int, effects: PlantedEffects = DEFAULT_EFFECTS) -> SampleWorld:
    """Invents the users, the tastes and the fashions. The draws do not depend on the effects' strengths.

    Raises:
        ValueError: the movies have no lengths, or are fewer than the fashions of all seasons need.
    """
    if (lengths := movies.length_minutes) is None:
        raise ValueError("the movies of the sample need their lengths in minutes")
    invented, tastes, factors, fame, fashion = np.random.default_rng(seed).spawn(5)
    users = _draw_users(invented)
    taste = _draw_taste(users, len(movies.genre_names), effects, tastes)
    lasting = (
        _popularity(movies, fame) * effects.popularity
        + taste @ _shared_evenly(movies.genres).T
        + _hidden_taste(movies, effects, factors)
        + _age_effect(movies, users) * effects.age
        + tastes.standard_normal((N_SIMULATED_USERS, 1)) * _standardised(lengths) * effects.length
    )  # [n_users, n_movies]
    in_fashion = _draw_fashions(len(movies), fashion)
    gains = np.stack([_of_genres(movies, WEEKDAY_GENRES.get(day, ())) for day in range(7)])  # [7, n_movies]
    by_day = effects.fashion * in_fashion[:, None] + effects.weekday * gains
    return SampleWorld(
        effects, movies, users, taste, lasting, in_fashion, by_day.reshape(N_SEASONS * 7, len(movies))
    )


def _draw_users(rng: np.random.Generator) -> Users:
    age = np.clip(np.rint(10 + rng.gamma(3.0, 9.0, N_SIMULATED_USERS)), 12, 85)
    bucket = np.searchsorted(AGE_BUCKETS, age, side="right") - 1
    return Users(
        user_id=np.arange(1, N_SIMULATED_USERS + 1, dtype=np.int64),
        bucketized_age=np.array(AGE_BUCKETS, dtype=np.float32)[bucket],
        raw_age=age.astype(np.float32),
        is_male=(rng.random(N_SIMULATED_USERS) < 0.5).astype(np.float32),
        occupation=rng.integers(len(OCCUPATIONS), size=N_SIMULATED_USERS, dtype=np.int32),
        occupation_names=OCCUPATIONS,
    )


def _draw_taste(users: Users, n_genres: int, effects: PlantedEffects, rng: np.random.Generator) -> FloatArray:
    assert users.is_male is not None
    assert users.occupation is not None
    own = rng.standard_normal((N_SIMULATED_USERS, n_genres))
    by_gender = rng.standard_normal((2, n_genres))[users.is_male.astype(np.int64)]
    by_occupation = rng.standard_normal((len(OCCUPATIONS), n_genres))[users.occupation]
    return effects.genre_taste * own + effects.group_taste * (by_gender + by_occupation)


def _hidden_taste(movies: Movies, effects: PlantedEffects, rng: np.random.Generator) -> FloatArray:
    """Taste along the factors movies have by themselves and by their titles' words: [n_users, n_movies]."""
    of_users = rng.standard_normal((N_SIMULATED_USERS, N_FACTORS)) / np.sqrt(N_FACTORS)
    own = rng.standard_normal((len(movies), N_FACTORS))
    words_of = [set(_TITLE_WORD.findall(title.lower().rsplit(" (", 1)[0])) for title in movies.title]
    vocabulary = sorted(set().union(*words_of))
    contains = np.array([[word in words for word in vocabulary] for words in words_of])  # [n_movies, n_words]
    by_words = _shared_evenly(contains) @ rng.standard_normal((contains.shape[1], N_FACTORS))
    of_movies = effects.hidden_taste * own + effects.title_words * by_words  # [n_movies, N_FACTORS]
    utility: FloatArray = of_users @ of_movies.T
    return utility


def _shared_evenly(belongs: npt.NDArray[np.bool_]) -> FloatArray:
    """Scales rows to length one, so that a movie of four genres is not liked twice as strongly."""
    scaled: FloatArray = belongs / np.sqrt(np.maximum(belongs.sum(axis=1, keepdims=True), 1))
    return scaled


def _popularity(movies: Movies, rng: np.random.Generator) -> FloatArray:
    fame = rng.standard_normal(len(movies)) + 0.6 * _standardised(movies.year)
    rank = np.argsort(np.argsort(-fame)) + 1
    log_share: FloatArray = -np.log(rank + 10.0)
    return log_share


def _age_effect(movies: Movies, users: Users) -> FloatArray:
    assert users.raw_age is not None
    for_the_young = _standardised(movies.year) + _of_genres(movies, YOUNG_GENRES)
    return np.outer(-_standardised(users.raw_age), for_the_young)


def _draw_fashions(n_movies: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    chosen = rng.permutation(n_movies)[: N_SEASONS * MOVIES_PER_SEASON]
    movies = chosen.reshape(N_SEASONS, MOVIES_PER_SEASON)
    in_fashion = np.zeros((N_SEASONS, n_movies), dtype=np.bool_)
    np.put_along_axis(in_fashion, movies, True, axis=1)
    return in_fashion


def _of_genres(movies: Movies, names: tuple[str, ...]) -> npt.NDArray[np.bool_]:
    columns = [movies.genre_names.index(name) for name in names]
    belongs: npt.NDArray[np.bool_] = np.any(movies.genres[:, columns], axis=1)
    return belongs


def _standardised(values: npt.NDArray[np.generic]) -> FloatArray:
    """To mean 0 and standard deviation 1, cut at 3."""
    numbers = values.astype(np.float64)
    scaled: FloatArray = np.clip((numbers - numbers.mean()) / numbers.std(), -3.0, 3.0)
    return scaled
