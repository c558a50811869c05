"""The simulated sample: real films, MovieLens' shape, and planted effects that go with their strength."""

import gzip
import os
import re
import subprocess
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.sample import sample_movies, simulate_sample
from movierec_cli.data.sample_world import (
    DAY_S,
    DEFAULT_EFFECTS,
    N_DAYS,
    N_SEASONS,
    SEASON_DAYS,
    START_S,
    PlantedEffects,
    SampleWorld,
    draw_world,
)

SEED = 7
MOVIELENS_GENRES = """
    Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical
    Mystery Romance Sci-Fi Thriller War Western
"""


def test_the_films_are_about_five_hundred_of_all_genres_and_decades_that_end_in_their_year() -> None:
    movies = sample_movies()
    assert 480 <= len(movies) <= 520
    assert len(set(movies.title)) == len(movies)
    assert set(movies.genre_names) == set(MOVIELENS_GENRES.split())
    assert movies.genres.any(axis=1).all()
    assert movies.genres.sum(axis=0).min() >= 20
    assert {1900, *range(1920, 2030, 10)} <= set((movies.year // 10 * 10).tolist())
    assert movies.year.max() == 2024
    assert "Heat (1995)" in movies.title
    assert all(title.endswith(f" ({year})") for title, year in zip(movies.title, movies.year, strict=True))
    minutes = known(movies.length_minutes)
    assert 8 <= minutes.min() <= minutes.max() <= 240
    assert 95 < np.median(minutes) < 125


def known(column: np.ndarray | None) -> np.ndarray:
    """A column that the sample has."""
    assert column is not None
    return column


def plain(title: str) -> str:
    letters = unicodedata.normalize("NFKD", title.lower())
    return re.sub(r"[^a-z0-9]", "", "".join(c for c in letters if not unicodedata.combining(c)))


def test_years_and_minutes_agree_with_imdb(shared_data: Path) -> None:
    lengths = defaultdict(list)
    with gzip.open(shared_data / "title.basics.tsv.gz", "rt", encoding="utf-8") as lines:
        for line in islice(lines, 1, None):
            fields = line.split("\t")
            lengths[plain(fields[2])].append((int(fields[5]), int(fields[7])))
    movies = sample_movies()
    differences = []
    for title, year, minutes in zip(movies.title, movies.year, known(movies.length_minutes), strict=True):
        same_year = [m for y, m in lengths[plain(title[:-7])] if y == year]
        differences += [min(abs(minutes - m) for m in same_year)] if same_year else []
    # The extract has foreign films under their original titles, nothing after 2005, and some longer cuts.
    assert len(differences) > 0.8 * np.sum(movies.year < 2005)
    assert np.mean(np.array(differences) <= 10) > 0.9
    assert np.median(differences) <= 1


def test_the_sample_says_that_it_is_simulated_and_has_every_column() -> None:
    data, users = simulated(), simulated().users
    assert data.name == "sample"
    assert "simulated ratings" in data.description
    assert "simulated users" in data.description
    assert len(users) == len(known(users.is_male)) == 1_500
    occupation = known(users.occupation)
    assert 0 <= occupation.min() <= occupation.max() < len(users.occupation_names)
    lower_bounds = np.array([1, 18, 25, 35, 45, 50, 56])
    expected = [max(b for b in lower_bounds if b <= age) for age in known(users.raw_age)]
    np.testing.assert_array_equal(known(users.bucketized_age), expected)


def test_a_user_rates_a_movie_once_and_at_least_twenty_with_whole_stars_of_a_mean_near_3_6() -> None:
    ratings = simulated().ratings
    pairs = np.stack([ratings.user_index, ratings.movie_index])
    counts = np.bincount(ratings.user_index)
    assert 110_000 < len(ratings) < 130_000
    assert len(np.unique(pairs, axis=1).T) == len(ratings)
    assert len(counts) == 1_500
    assert counts.min() >= 20
    assert counts.max() > 5 * np.median(counts)
    assert set(ratings.rating.tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert ratings.rating.mean() == pytest.approx(3.6, abs=0.03)


def test_ratings_are_sorted_come_in_bursts_and_stay_within_two_years() -> None:
    data = simulated()
    ratings = data.ratings
    order = np.lexsort((ratings.timestamp, ratings.user_index))
    np.testing.assert_array_equal(order, np.arange(len(ratings)))
    assert 0 <= day_of(data).min() <= day_of(data).max() < N_DAYS
    gaps = np.diff(ratings.timestamp)[np.diff(ratings.user_index) == 0]
    assert np.mean(gaps < 300) > 0.8
    sessions_per_user = np.mean(np.bincount(ratings.user_index[1:][(np.diff(ratings.timestamp) > 3600)]))
    assert sessions_per_user > 4


def arrays(data: Dataset) -> list[np.ndarray]:
    tables = (data.ratings, data.movies, data.users)
    return [a for table in tables for a in vars(table).values() if isinstance(a, np.ndarray)]


def test_the_same_seed_gives_the_same_arrays_and_another_seed_others() -> None:
    again, other = simulate_sample(SEED), simulate_sample(SEED + 1)
    for first, second in zip(arrays(simulated()), arrays(again), strict=True):
        np.testing.assert_array_equal(first, second)
    assert again.fingerprint == simulated().fingerprint
    assert other.fingerprint != simulated().fingerprint
    assert not np.array_equal(other.ratings.movie_index[:1000], simulated().ratings.movie_index[:1000])


def test_another_process_gives_the_same_fingerprint() -> None:
    code = "from movierec_cli.data.sample import simulate_sample; print(simulate_sample().fingerprint)"
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == simulated().fingerprint
    assert re.fullmatch(r"[0-9a-f]{64}", simulated().fingerprint)


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


def genre_taste_shows(data: Dataset, without: str) -> float:
    """How each genre's share of a person's ratings, less that among all, goes with their taste for it."""
    shares = np.stack([mean_per_user(data, of_genre(data, name)) for name in data.movies.genre_names], axis=1)
    return correlation(shares - shares.mean(axis=0), world(without).taste)


def popularity_gini(data: Dataset) -> float:
    counts = np.sort(np.bincount(data.ratings.movie_index, minlength=len(data.movies)))
    share = np.cumsum(counts) / counts.sum()
    return float(1 + 1 / len(counts) - 2 * share.mean())


def utility_of_picks(data: Dataset, effect: str) -> float:
    """What an effect gave the films people picked, less what it gives films by popularity, in nats."""
    utility, ratings = component(effect), data.ratings
    by_popularity = utility @ (np.bincount(ratings.movie_index, minlength=len(data.movies)) / len(ratings))
    picked = utility[ratings.user_index, ratings.movie_index]
    return float((picked - by_popularity[ratings.user_index]).mean())


def years_newer_for_the_young(data: Dataset) -> float:
    age = known(data.users.raw_age)
    mean_year = mean_per_user(data, data.movies.year[data.ratings.movie_index])
    return float(mean_year[age < 25].mean() - mean_year[age >= 50].mean())


def liking_of_length_shows(data: Dataset) -> float:
    lengths = known(data.movies.length_minutes)
    minutes = mean_per_user(data, lengths[data.ratings.movie_index])
    return correlation(minutes, component("length")[:, int(np.argmax(lengths))])


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
    "genre_taste": (partial(genre_taste_shows, without="group_taste"), 0.5, 0.03),
    "group_taste": (partial(genre_taste_shows, without="genre_taste"), 0.15, 0.03),
    "hidden_taste": (partial(utility_of_picks, effect="hidden_taste"), 0.08, 0.02),
    "title_words": (partial(utility_of_picks, effect="title_words"), 0.3, 0.03),
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
    assert STATISTICS.keys() | STATISTICS_ALONE.keys() == vars(DEFAULT_EFFECTS).keys()


@pytest.mark.parametrize(
    ("genre", "days"), [("Documentary", {2}), ("Horror", {4}), ("Children", {5, 6})], ids=str
)
def test_a_genre_has_its_days_of_the_week(genre: str, days: set[int]) -> None:
    data = simulated()
    shares = [of_genre(data, genre)[day_of(data) % 7 == day].mean() for day in range(7)]
    others = [share for day, share in enumerate(shares) if day not in days]
    assert min(shares[day] for day in days) > 1.5 * max(others)


def test_the_young_watch_more_animation_than_the_old_and_who_is_fitted_better_gives_more_stars() -> None:
    data, age = simulated(), known(simulated().users.raw_age)
    share = mean_per_user(data, of_genre(data, "Animation"))
    assert share[age < 25].mean() > 1.3 * share[age >= 50].mean()
    utility = world().lasting_utility[data.ratings.user_index, data.ratings.movie_index]
    assert correlation(utility, data.ratings.rating) > 0.35


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
    of_the_day = DEFAULT_EFFECTS.fashion * truth.in_fashion[1] + DEFAULT_EFFECTS.weekday * horror
    np.testing.assert_allclose(got, truth.lasting_utility[3] + of_the_day)
    assert truth.in_fashion.sum(axis=0).max() == 1
    assert len(truth.in_fashion) == N_SEASONS


def test_strengths_do_not_change_what_is_drawn() -> None:
    assert simulated("fashion").fingerprint != simulated().fingerprint
    np.testing.assert_array_equal(simulated("fashion").users.raw_age, simulated().users.raw_age)
    np.testing.assert_array_equal(world("fashion").in_fashion, world().in_fashion)
    np.testing.assert_array_equal(world("popularity").taste, world().taste)
    assert np.linalg.matrix_rank(component("length")) == 1
