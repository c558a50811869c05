"""The simulated sample: its films are real, its shape is MovieLens', and equal seeds give equal data."""

import gzip
import os
import re
import subprocess
import sys
import unicodedata
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.sample import sample_movies, simulate_sample
from movierec_cli.data.sample_world import DAY_S, N_DAYS, START_S

IMDB = Path(__file__).resolve().parents[2] / "../shared/data/title.basics.tsv.gz"
SEED = 7
MOVIELENS_GENRES = """
    Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical
    Mystery Romance Sci-Fi Thriller War Western
"""


@cache
def simulated() -> Dataset:
    return simulate_sample(SEED)


def day_of(data: Dataset) -> np.ndarray:
    return (data.ratings.timestamp - START_S) // DAY_S


def test_the_films_are_about_five_hundred_without_duplicates() -> None:
    movies = sample_movies()
    assert 480 <= len(movies) <= 520
    assert len(set(movies.title)) == len(movies)
    assert set(movies.genre_names) == set(MOVIELENS_GENRES.split())
    assert movies.genres.any(axis=1).all()
    assert movies.genres.sum(axis=0).min() >= 20


def test_the_films_span_the_decades_up_to_2024_and_end_in_their_year() -> None:
    movies = sample_movies()
    assert {1900, *range(1920, 2030, 10)} <= set((movies.year // 10 * 10).tolist())
    assert movies.year.max() == 2024
    assert "Heat (1995)" in movies.title
    assert all(title.endswith(f" ({year})") for title, year in zip(movies.title, movies.year, strict=True))


def test_every_film_has_a_length_that_a_film_can_have() -> None:
    minutes = sample_movies().length_minutes
    assert minutes is not None
    assert minutes.min() >= 8
    assert minutes.max() <= 240
    assert 95 < np.median(minutes) < 125


def plain(title: str) -> str:
    letters = unicodedata.normalize("NFKD", title.lower())
    return re.sub(r"[^a-z0-9]", "", "".join(c for c in letters if not unicodedata.combining(c)))


@pytest.mark.skipif(not IMDB.exists(), reason="the IMDb extract is not in ../shared/data")
def test_years_and_minutes_agree_with_imdb() -> None:
    known = defaultdict(list)
    with gzip.open(IMDB, "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            fields = line.split("\t")
            known[plain(fields[2])].append((int(fields[5]), int(fields[7])))

    movies = sample_movies()
    assert movies.length_minutes is not None
    differences = []
    for title, year, minutes in zip(movies.title, movies.year, movies.length_minutes, strict=True):
        same_year = [m for y, m in known[plain(title[:-7])] if y == year]
        differences += [min(abs(minutes - m) for m in same_year)] if same_year else []
    # The extract has foreign films under their original titles, nothing after 2005, and some longer cuts.
    assert len(differences) > 0.8 * np.sum(movies.year < 2005)
    assert np.mean(np.array(differences) <= 10) > 0.9
    assert np.median(differences) <= 1


def test_the_sample_says_that_it_is_simulated_and_has_every_column() -> None:
    data = simulated()
    assert data.name == "sample"
    assert "simulated" in data.description
    assert "simulated users" in data.description
    users = data.users
    assert users.raw_age is not None
    assert users.bucketized_age is not None
    assert users.is_male is not None
    assert users.occupation is not None
    assert len(users) == 1_500
    assert 0 <= users.occupation.min() <= users.occupation.max() < len(users.occupation_names)
    lower_bounds = np.array([1, 18, 25, 35, 45, 50, 56])
    expected = [max(b for b in lower_bounds if b <= age) for age in users.raw_age]
    np.testing.assert_array_equal(users.bucketized_age, expected)


def test_a_user_rates_a_movie_once_and_at_least_twenty() -> None:
    ratings = simulated().ratings
    pairs = np.stack([ratings.user_index, ratings.movie_index])
    counts = np.bincount(ratings.user_index)
    assert 110_000 < len(ratings) < 130_000
    assert len(np.unique(pairs, axis=1).T) == len(ratings)
    assert len(counts) == 1_500
    assert counts.min() >= 20
    assert counts.max() > 5 * np.median(counts)


def test_stars_are_whole_from_one_to_five_with_a_mean_near_3_6() -> None:
    rating = simulated().ratings.rating
    assert set(rating.tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert rating.mean() == pytest.approx(3.6, abs=0.03)


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
