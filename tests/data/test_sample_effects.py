"""Every effect planted in the simulated sample is in its ratings, and goes when its strength is zero."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.sample import sample_movies, simulate_sample
from movierec_cli.data.sample_world import (
    DAY_S,
    DEFAULT_EFFECTS,
    N_SEASONS,
    SEASON_DAYS,
    START_S,
    PlantedEffects,
    SampleWorld,
    draw_world,
)

SEED = 7


@cache
def simulated(without: str = "") -> Dataset:
    """The sample, or what it is with one effect taken away."""
    return simulate_sample(SEED, replace(DEFAULT_EFFECTS, **({without: 0.0} if without else {})))


@cache
def world(without: str = "") -> SampleWorld:
    return draw_world(sample_movies(), SEED, replace(DEFAULT_EFFECTS, **({without: 0.0} if without else {})))


def component(effect: str) -> np.ndarray:
    """What one effect adds to the lasting utility: [n_users, n_movies]."""
    return world().lasting_utility - world(effect).lasting_utility


def day_of(data: Dataset) -> np.ndarray:
    return (data.ratings.timestamp - START_S) // DAY_S


def of_genre(data: Dataset, name: str) -> np.ndarray:
    """Whether each rating is of a movie of the genre."""
    return data.movies.genres[data.ratings.movie_index, data.movies.genre_names.index(name)]


def two_proportions_z(first: np.ndarray, second: np.ndarray) -> float:
    pooled = np.concatenate([first, second]).mean()
    error = np.sqrt(pooled * (1 - pooled) * (1 / len(first) + 1 / len(second)))
    return float((first.mean() - second.mean()) / error)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def mean_per_user(data: Dataset, values: np.ndarray) -> np.ndarray:
    counts = np.bincount(data.ratings.user_index)
    return np.bincount(data.ratings.user_index, weights=values) / counts


def genre_shares(data: Dataset) -> np.ndarray:
    """The share of each genre among a person's ratings, less the share among all: [n_users, n_genres]."""
    shares = np.stack([mean_per_user(data, of_genre(data, name)) for name in data.movies.genre_names], axis=1)
    return shares - shares.mean(axis=0)


def popularity_gini(data: Dataset) -> float:
    counts = np.sort(np.bincount(data.ratings.movie_index, minlength=len(data.movies)))
    share = np.cumsum(counts) / counts.sum()
    return float(1 + 1 / len(counts) - 2 * share.mean())


def own_genre_taste_shows(data: Dataset) -> float:
    return correlation(genre_shares(data), world("group_taste").taste)


def group_genre_taste_shows(data: Dataset) -> float:
    return correlation(genre_shares(data), world("genre_taste").taste)


def utility_of_picks(data: Dataset, effect: str) -> float:
    """What an effect gave the films people picked, less what it gives films by popularity, in nats."""
    utility, ratings = component(effect), data.ratings
    by_popularity = utility @ (np.bincount(ratings.movie_index, minlength=len(data.movies)) / len(ratings))
    return float(
        (utility[ratings.user_index, ratings.movie_index] - by_popularity[ratings.user_index]).mean()
    )


def hidden_taste_shows(data: Dataset) -> float:
    return utility_of_picks(data, "hidden_taste")


def taste_for_title_words_shows(data: Dataset) -> float:
    return utility_of_picks(data, "title_words")


def years_newer_for_the_young(data: Dataset) -> float:
    age = data.users.raw_age
    assert age is not None
    mean_year = mean_per_user(data, data.movies.year[data.ratings.movie_index])
    return float(mean_year[age < 25].mean() - mean_year[age >= 50].mean())


def liking_of_length_shows(data: Dataset) -> float:
    assert data.movies.length_minutes is not None
    longest = int(np.argmax(data.movies.length_minutes))
    minutes = mean_per_user(data, data.movies.length_minutes[data.ratings.movie_index])
    return correlation(minutes, component("length")[:, longest])


def fashion_gain(data: Dataset) -> float:
    """How many times as often a film is rated in its season as in an average other season."""
    season = day_of(data) // SEASON_DAYS
    in_fashion = world().in_fashion  # [N_SEASONS, n_movies]
    counts = np.zeros(in_fashion.shape)
    np.add.at(counts, (season, data.ratings.movie_index), 1)
    with_season = in_fashion.any(axis=0)
    out = counts[:, with_season][~in_fashion[:, with_season]]
    return float(counts[in_fashion].mean() / out.mean())


def weekend_children_z(data: Dataset) -> float:
    weekend = day_of(data) % 7 >= 5
    children = of_genre(data, "Children") | of_genre(data, "Animation")
    return two_proportions_z(children[weekend], children[~weekend])


# effect: (statistic, at least this with the effect, at most this, in size, without)
STATISTICS: dict[str, tuple[Callable[[Dataset], float], float, float]] = {
    "popularity": (popularity_gini, 0.33, 0.25),
    "genre_taste": (own_genre_taste_shows, 0.5, 0.03),
    "group_taste": (group_genre_taste_shows, 0.15, 0.03),
    "hidden_taste": (hidden_taste_shows, 0.08, 0.02),
    "title_words": (taste_for_title_words_shows, 0.3, 0.03),
    "age": (years_newer_for_the_young, 10.0, 2.0),
    "length": (liking_of_length_shows, 0.6, 0.06),
    "fashion": (fashion_gain, 4.0, 1.1),
    "weekday": (weekend_children_z, 20.0, 3.0),
}


def shared_audience_of_shared_words(data: Dataset) -> float:
    """Mean log lift of being rated by the same people: films that share a title word, less the others."""
    ratings, titles = data.ratings, data.movies.title
    rated = np.zeros((len(data.users), len(titles)))
    rated[ratings.user_index, ratings.movie_index] = 1
    counts = rated.sum(axis=0)
    lift = np.log((rated.T @ rated + 1) / (np.outer(counts, counts) / len(rated) + 1))
    words = [{word for word in re.findall(r"\w+", title.lower()[:-7]) if len(word) > 3} for title in titles]
    shares_word = np.array([[bool(first & second) for second in words] for first in words])
    different = ~np.eye(len(titles), dtype=bool)
    return float(lift[shares_word & different].mean() - lift[~shares_word].mean())


def same_mood_within_a_session(data: Dataset) -> float:
    """Genres that a person's neighbouring films share within a session, less across sessions."""
    ratings = data.ratings
    genres = data.movies.genres[ratings.movie_index].astype(int)
    shared = (genres[1:] * genres[:-1]).sum(axis=1)
    same_user = np.diff(ratings.user_index) == 0
    same_session = np.diff(ratings.timestamp) < 3600
    return float(shared[same_user & same_session].mean() - shared[same_user & ~same_session].mean())


# The same where the other effects would drown it: with this effect alone, and with nothing planted.
STATISTICS_ALONE: dict[str, tuple[Callable[[Dataset], float], float, float]] = {
    "title_words": (shared_audience_of_shared_words, 0.08, 0.02),
    "mood": (same_mood_within_a_session, 0.04, 0.02),
}


def test_every_effect_has_a_statistic() -> None:
    assert STATISTICS.keys() | STATISTICS_ALONE.keys() == vars(DEFAULT_EFFECTS).keys()


@pytest.mark.parametrize("effect", STATISTICS)
def test_a_planted_effect_shows_in_the_ratings_and_goes_with_its_strength(effect: str) -> None:
    statistic, at_least, at_most_without = STATISTICS[effect]
    assert statistic(simulated()) > at_least
    assert abs(statistic(simulated(effect))) < at_most_without


@pytest.mark.parametrize("effect", STATISTICS_ALONE)
def test_a_planted_effect_shows_when_nothing_else_is_planted(effect: str) -> None:
    statistic, at_least, at_most_without = STATISTICS_ALONE[effect]
    nothing = PlantedEffects(**dict.fromkeys(vars(DEFAULT_EFFECTS), 0.0))
    alone = replace(nothing, **{effect: vars(DEFAULT_EFFECTS)[effect]})
    assert statistic(simulate_sample(SEED, alone)) > at_least
    assert abs(statistic(simulate_sample(SEED, nothing))) < at_most_without


@pytest.mark.parametrize(("genre", "weekday"), [("Documentary", 2), ("Horror", 4), ("Children", 5)])
def test_a_genre_has_its_day_of_the_week(genre: str, weekday: int) -> None:
    data = simulated()
    shares = [of_genre(data, genre)[day_of(data) % 7 == day].mean() for day in range(7)]
    others = [
        share for day, share in enumerate(shares) if day not in ({weekday, 6} if weekday == 5 else {weekday})
    ]
    assert shares[weekday] > 1.5 * max(others)


def test_the_young_watch_more_animation_than_the_old() -> None:
    age = simulated().users.raw_age
    assert age is not None
    share = mean_per_user(simulated(), of_genre(simulated(), "Animation"))
    assert share[age < 25].mean() > 1.3 * share[age >= 50].mean()


def top_10_share(scores: np.ndarray, movie_index: np.ndarray) -> float:
    """How often the movie is among the ten best of its row: [n, n_movies], [n]."""
    own = scores[np.arange(len(movie_index)), movie_index]
    return float(np.mean((scores > own[:, None]).sum(axis=1) < 10))


def test_the_true_utility_beats_popularity_and_needs_the_time() -> None:
    data = simulated()
    rows = np.random.default_rng(0).choice(len(data.ratings), 5_000, replace=False)
    user, movie = data.ratings.user_index[rows].astype(np.int64), data.ratings.movie_index[rows]
    popularity = np.bincount(data.ratings.movie_index, minlength=len(data.movies))
    by_popularity = top_10_share(np.tile(popularity, (len(rows), 1)), movie)
    lasting = top_10_share(world().lasting_utility[user], movie)
    with_time = top_10_share(world().utility(user, data.ratings.timestamp[rows]), movie)
    assert lasting > 1.3 * by_popularity
    assert with_time > 1.3 * lasting


def test_utility_joins_the_lasting_part_with_season_and_weekday() -> None:
    truth = world()
    friday_of_second_season = START_S + (SEASON_DAYS + 4) * DAY_S + 12 * 3600
    got = truth.utility(np.array([3]), np.array([friday_of_second_season]))[0]
    horror = truth.movies.genres[:, truth.movies.genre_names.index("Horror")]
    expected = (
        truth.lasting_utility[3]
        + DEFAULT_EFFECTS.fashion * truth.in_fashion[1]
        + DEFAULT_EFFECTS.weekday * horror
    )
    np.testing.assert_allclose(got, expected)
    assert truth.in_fashion.sum(axis=0).max() == 1
    assert len(truth.in_fashion) == N_SEASONS


def test_strengths_do_not_change_what_is_drawn() -> None:
    assert simulated("fashion").fingerprint != simulated().fingerprint
    np.testing.assert_array_equal(simulated("fashion").users.raw_age, simulated().users.raw_age)
    np.testing.assert_array_equal(world("fashion").in_fashion, world().in_fashion)
    np.testing.assert_array_equal(world("popularity").taste, world().taste)
    assert np.linalg.matrix_rank(component("length")) == 1


def test_the_film_that_fits_a_person_better_gets_more_stars() -> None:
    data = simulated()
    ratings = data.ratings
    utility = world().lasting_utility[ratings.user_index, ratings.movie_index]
    assert correlation(utility, ratings.rating) > 0.35
